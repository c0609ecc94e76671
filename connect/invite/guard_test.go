package invite

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
)

// TestForged tries links and answers that nobody was given.
func TestForged(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthDelegated)
	other := newLab(t, tributary.AuthDelegated) // another provider, with a key of its own
	i, link := l.issue(t)
	_, foreign := other.issue(t)
	token := strings.TrimPrefix(link, l.c.URL+invitePath)
	forged := []string{
		"x", token[:len(token)-1], token + "A", token + "=", strings.ToLower(token), flip(token, 0), flip(token, 20), flip(token, len(token)-1),
		strings.TrimPrefix(foreign, other.c.URL+invitePath), strings.Repeat("A", 4000), "%00", "..%2f..",
	}
	// Rightly signed, of an invitation that is not there or is another's.
	for _, tk := range []ticket{
		{newID(), i.TenantID, i.Way, i.Expires},
		{i.ID, l.microsoft.Tenants()[1].ID, i.Way, i.Expires},
		{i.ID, i.TenantID, tributary.AuthAppOnly, i.Expires},
		{i.ID, i.TenantID, i.Way, i.Expires.Add(time.Hour)},
	} {
		text, err := l.signer.link(tk)
		if err != nil {
			t.Fatal(err)
		}
		forged = append(forged, text)
	}
	v := l.visitor(t)
	for _, text := range forged {
		a := v.get(t, l.c.URL+invitePath+text)
		a.want(t, http.StatusNotFound, "leads to no invitation")
		v.do(t, http.MethodPost, l.c.URL+invitePath+text, nil).want(t, http.StatusNotFound)
		l.later(time.Minute) // or the address asks too often
	}
	if l.state(t, i.ID) != Issued {
		t.Errorf("%s", l.state(t, i.ID))
	}
}

// flip changes one character.
func flip(text string, n int) string {
	b := []byte(text)
	if b[n] == 'Q' {
		b[n] = 'R'
	} else {
		b[n] = 'Q'
	}
	return string(b)
}

// TestTampered changes what Microsoft sent back.
func TestTampered(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(l *lab, q url.Values){
		"no state":      func(_ *lab, q url.Values) { q.Del("state") },
		"another state": func(_ *lab, q url.Values) { q.Set("state", flip(q.Get("state"), 30)) },
		"the link as state": func(l *lab, q url.Values) {
			link, _ := l.signer.link(ticket{newID(), l.tenant.ID, tributary.AuthDelegated, epoch})
			q.Set("state", link)
		},
		"an attempt that nobody began": func(l *lab, q url.Values) {
			id, _, _ := l.signer.readState(q.Get("state"))
			state, _, _ := l.signer.newState(id)
			q.Set("state", state)
		},
		"an invitation that is not there": func(l *lab, q url.Values) {
			state, _, _ := l.signer.newState(newID())
			q.Set("state", state)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tributary.AuthDelegated)
			i, link := l.issue(t)
			v := l.visitor(t)
			back, err := url.Parse(v.atMicrosoft(t, v.goOn(t, link), false))
			if err != nil {
				t.Fatal(err)
			}
			honest := back.String()
			q := back.Query()
			change(l, q)
			back.RawQuery = q.Encode()
			v.comeBack(t, back.String()).want(t, http.StatusBadRequest, "belongs to no invitation")
			if l.state(t, i.ID) != Opened || len(l.connected) != 0 {
				t.Errorf("%s, connected %q", l.state(t, i.ID), l.connected)
			}
			// It has used nothing up.
			v.comeBack(t, honest).want(t, http.StatusOK, "Tack")
		})
	}
}

// A code that was not given to this attempt is refused by Microsoft, and the
// person is told in words.
func TestForeignCode(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthDelegated)
	_, link := l.issue(t)
	v := l.visitor(t)
	first, _ := url.Parse(v.atMicrosoft(t, v.goOn(t, link), false))
	second, _ := url.Parse(v.atMicrosoft(t, v.goOn(t, link), false))
	q := second.Query()
	q.Set("code", first.Query().Get("code")) // PKCE: the code of another attempt
	second.RawQuery = q.Encode()
	v.comeBack(t, second.String()).want(t, http.StatusOK, "Det lyckades inte")
	if len(l.connected) != 0 || len(l.failures) != 1 || strings.Contains(l.log.String(), q.Get("code")) {
		t.Errorf("connected %q, failures %q", l.connected, l.failures)
	}
}

// TestNothingElse asks for what is not served, and looks at the headers.
func TestNothingElse(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	_, link := l.issue(t)
	v := l.visitor(t)
	for _, path := range []string{"/", "/invite", "/invite/", "/robots.txt", "/favicon.ico", "/healthz", "/readyz", "/callback/", "/invite/a/b", "/api", "/.git/config"} {
		if a := v.get(t, l.c.URL+path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for method, path := range map[string]string{"PUT": "/callback", "POST": "/callback", "HEAD": "/callback", "DELETE": strings.TrimPrefix(link, l.c.URL), "TRACE": "/callback"} {
		if a := v.do(t, method, l.c.URL+path, nil); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", method, path, a.status)
		}
	}
	a := v.get(t, link)
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Strict-Transport-Security": "max-age=31536000", "Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"} {
		if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q", policy)
		}
	}
	if a.header.Get("Set-Cookie") != "" {
		t.Error("a look leaves a cookie")
	}
	pressed := v.do(t, http.MethodPost, link, nil, "Sec-Fetch-Site", "same-origin")
	if c := pressed.header.Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-invite=") || !strings.Contains(c, "HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("cookie %q", c)
	}
	// Another site's form, and one that is too long.
	v.do(t, http.MethodPost, link, nil, "Sec-Fetch-Site", "cross-site").want(t, http.StatusForbidden)
	v.do(t, http.MethodPost, link, url.Values{"lang": {strings.Repeat("x", 2*maxForm)}}).want(t, http.StatusBadRequest)
}

// TestLimit asks more often than people do.
func TestLimit(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	_, link := l.issue(t)
	v := l.visitor(t)
	for range burst {
		v.get(t, link).want(t, http.StatusOK)
	}
	a := v.get(t, link)
	a.want(t, http.StatusTooManyRequests, "Please wait a moment")
	if a.header.Get("Retry-After") == "" {
		t.Error("it does not say how long")
	}
	l.later(10 * time.Second)
	v.get(t, link).want(t, http.StatusOK)
}

func TestLimitAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		remote, forwarded, want string
		proxied                 bool
	}{
		{"192.0.2.1:1", "", "192.0.2.1/32", false},
		{"192.0.2.1:1", "198.51.100.1", "192.0.2.1/32", false},
		{"192.0.2.1:1", "198.51.100.1", "192.0.2.1/32", true},
		{"127.0.0.1:1", "198.51.100.1", "127.0.0.1/32", false},
		{"127.0.0.1:1", "198.51.100.1", "198.51.100.1/32", true},
		{"127.0.0.1:1", "203.0.113.9, 198.51.100.1", "198.51.100.1/32", true},
		{"127.0.0.1:1", "nonsense", "127.0.0.1/32", true},
		{"[2001:db8:1:2:3::4]:1", "", "2001:db8:1:2::/64", false},
		{"[::ffff:192.0.2.1]:1", "", "192.0.2.1/32", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tt.remote
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		if got := newLimiter(time.Now, tt.proxied).address(r).String(); got != tt.want {
			t.Errorf("%s, %q, %t: %s, want %s", tt.remote, tt.forwarded, tt.proxied, got, tt.want)
		}
	}
}

// Invitations that ended long ago are forgotten, and those of a tenant can be.
func TestForget(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	old, link := l.issue(t)
	if list, err := l.List(t.Context(), ""); err != nil || cmp.Diff([]Invite{old}, list) != "" {
		t.Errorf("%v, %v", list, err)
	}
	l.later(DefaultLife + keepSettled)
	l.issue(t)
	second, _ := l.issue(t)
	list, err := l.List(t.Context(), l.tenant.Slug)
	if err != nil || len(list) != 2 || list[0].ID == old.ID || list[1].ID == old.ID {
		t.Errorf("%v, %v", list, err)
	}
	l.visitor(t).get(t, link).want(t, http.StatusNotFound)
	if text, err := json.Marshal(second); err != nil || strings.Contains(string(text), "verifier") {
		t.Errorf("%s, %v", text, err)
	}
	if err := l.Forget(t.Context(), l.tenant.Slug); err != nil {
		t.Fatal(err)
	}
	if list, err := l.List(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func FuzzTokens(f *testing.F) {
	s := signer{[]byte("key")}
	link, err := s.link(ticket{newID(), "11111111-2222-3333-4444-555555555555", tributary.AuthDelegated, epoch})
	if err != nil {
		f.Fatal(err)
	}
	state, _, err := s.newState(newID())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(link)
	f.Add(state)
	f.Fuzz(func(t *testing.T, text string) {
		if tk, err := s.readLink(text); err == nil {
			if again, err := s.link(tk); err != nil || again != text {
				t.Errorf("%q is another spelling of %q, %v", text, again, err)
			}
		}
		if _, _, err := s.readState(text); err == nil && text != state && len(text) != len(state) {
			t.Errorf("%q was taken for a state", text)
		}
	})
}
