package entra

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary"
)

// desk is a sign-in against the fake: its Open is the person and the browser.
type desk struct {
	t    *testing.T
	fake *fake
	req  SignInRequest
	// back is what the browser comes back with; nil: a code and the state.
	back func(state string) url.Values
	post bool // come back by form_post

	mu   sync.Mutex
	ask  url.Values // what the authorize address asked for
	path string
	page string // the last page
	code int    // and its status
	done chan struct{}
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, done: make(chan struct{})}
	d.fake = newFake(t, func(_ string, form url.Values) reply {
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		if challenge := base64.RawURLEncoding.EncodeToString(sum[:]); challenge != d.asked().Get("code_challenge") {
			return errorReply(400, "invalid_grant", "", "AADSTS501481: The Code_Verifier does not match the code_challenge.", 501481)
		}
		if form.Get("code") != "the-code" || form.Get("redirect_uri") != d.asked().Get("redirect_uri") {
			t.Errorf("redeemed %s at %s", form.Get("code"), form.Get("redirect_uri"))
		}
		return reply{body: map[string]any{
			"token_type": "Bearer", "expires_in": 3599, "access_token": access(1), "refresh_token": "refresh-1",
			"id_token": unsigned(map[string]any{"tid": tenantID, "preferred_username": "anna@contoso.com"}),
		}}
	})
	d.req = SignInRequest{
		Tenant: tributary.Tenant{Slug: "contoso", ID: tenantID},
		App:    tributary.App{ClientID: clientID, ClientSecret: tributary.NewSecret(testSecret)},
		Cloud:  d.fake.cloud(), Client: d.fake.srv.Client(), Resource: graph,
		Open: d.open, Now: newClock().now, Log: slog.New(slog.DiscardHandler),
	}
	return d
}

func (d *desk) asked() url.Values {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ask
}

// read notes what an authorize address asks for.
func (d *desk) read(address string) (redirect *url.URL, state string) {
	u, err := url.Parse(address)
	if err != nil {
		d.t.Error(err)
		return &url.URL{}, ""
	}
	d.mu.Lock()
	d.ask, d.path = u.Query(), u.Path
	d.mu.Unlock()
	redirect, err = url.Parse(u.Query().Get("redirect_uri"))
	if err != nil {
		d.t.Error(err)
		return &url.URL{}, ""
	}
	return redirect, u.Query().Get("state")
}

func (d *desk) open(address string) error {
	defer close(d.done)
	redirect, state := d.read(address)
	v := url.Values{"code": {"the-code"}, "state": {state}, "session_state": {"x"}}
	if d.back != nil {
		v = d.back(state)
	}
	d.visit(redirect, v)
	return nil
}

// visit is the browser that comes back to the redirect address.
func (d *desk) visit(redirect *url.URL, v url.Values) {
	to := *redirect
	if strings.EqualFold(to.Hostname(), "localhost") {
		to.Host = net.JoinHostPort("127.0.0.1", to.Port())
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var resp *http.Response
	var err error
	if d.post {
		resp, err = client.PostForm(to.String(), v)
	} else {
		to.RawQuery = v.Encode()
		resp, err = client.Get(to.String())
	}
	if err != nil {
		d.t.Errorf("the browser can't come back: %v", err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Errorf("the browser can't read the page: %v", err)
	}
	d.mu.Lock()
	d.page, d.code = string(body), resp.StatusCode
	d.mu.Unlock()
	if csp := resp.Header.Get("Content-Security-Policy"); resp.StatusCode < 404 && !strings.Contains(csp, "default-src 'none'") {
		d.t.Errorf("the page may load what it wants: %q", csp)
	}
}

func (d *desk) signIn(t *testing.T) (tributary.Grant, tributary.AccessToken, *tributary.Error) {
	t.Helper()
	g, tok, err := SignIn(t.Context(), d.req)
	if err == nil {
		return g, tok, nil
	}
	e := tributary.AsError(err)
	if e == nil || e.Tenant != "contoso" || e.Op == "" || e.Next == "" {
		t.Fatalf("not an error of ours, or incomplete: %v", err)
	}
	if !g.RefreshToken.IsZero() || !tok.Value.IsZero() {
		t.Error("tokens came with the error")
	}
	return g, tok, e
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		v1, post bool
	}{{"v2 query", false, false}, {"v2 form_post", false, true}, {"v1", true, false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.post, d.req.V1 = tt.post, tt.v1
			g, tok, err := d.signIn(t)
			if err != nil {
				t.Fatal(err)
			}
			<-d.done
			now := d.req.Now()
			if g.RefreshToken.Reveal() != "refresh-1" || !g.Previous.IsZero() || g.ClientID != clientID || g.Account != "anna@contoso.com" ||
				g.V1 != tt.v1 || g.Public || !g.Obtained.Equal(now) || !g.Rotated.Equal(now) {
				t.Errorf("grant %+v", g)
			}
			if tok.Value.Reveal() != access(1) || tok.Expires.Sub(now) != 3599*time.Second {
				t.Errorf("token expires %v", tok.Expires)
			}
			ask := d.asked()
			want := map[string]string{
				"response_type": "code", "client_id": clientID, "code_challenge_method": "S256", "prompt": "select_account", "response_mode": "query",
				"scope": graph + "/.default openid profile offline_access", "resource": "",
			}
			path := "/" + tenantID + "/oauth2/v2.0/authorize"
			if tt.v1 {
				want["scope"], want["resource"] = "", graph
				path = "/" + tenantID + "/oauth2/authorize"
			}
			for key, value := range want {
				if ask.Get(key) != value {
					t.Errorf("%s=%q, want %q", key, ask.Get(key), value)
				}
			}
			if d.path != path {
				t.Errorf("path %s, want %s", d.path, path)
			}
			if len(ask.Get("state")) < 22 {
				t.Errorf("state %q can be guessed", ask.Get("state"))
			}
			if u, err := url.Parse(ask.Get("redirect_uri")); err != nil || u.Hostname() != "localhost" || u.Port() == "" || u.Path != "" {
				t.Errorf("redirect %q", ask.Get("redirect_uri"))
			}
			if d.code != http.StatusOK || !strings.Contains(d.page, "Signed in") || !strings.Contains(d.page, "contoso") || strings.Contains(d.page, "<script") {
				t.Errorf("page %d: %s", d.code, d.page)
			}
		})
	}
}

func TestSignInParameters(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.req.LoginHint, d.req.Claims = "anna@contoso.com", `{"access_token":{}}`
	d.req.Scopes = []string{graph + "/SecurityAlert.Read.All"}
	if _, _, err := d.signIn(t); err != nil {
		t.Fatal(err)
	}
	<-d.done
	ask := d.asked()
	if ask.Has("prompt") { // select_account and login_hint exclude each other
		t.Errorf("prompt=%s with a login hint", ask.Get("prompt"))
	}
	if ask.Get("login_hint") != "anna@contoso.com" || ask.Get("claims") != `{"access_token":{}}` ||
		ask.Get("scope") != graph+"/SecurityAlert.Read.All openid profile offline_access" {
		t.Errorf("asked %v", ask)
	}
}

func TestSignInRefused(t *testing.T) {
	t.Parallel()
	declined := "AADSTS65004: User declined to consent to access the app.\r\nTrace ID: 0f0f0f0f-1111-2222-3333-444444444444\r\nCorrelation ID: 5a5a5a5a-1111-2222-3333-444444444444\r\nTimestamp: 2026-11-23 12:00:00Z"
	tests := []struct {
		name  string
		back  func(state string) url.Values
		token func(url.Values) reply
		code  string
		fix   tributary.Fixer
		says  string
	}{
		{
			"declined", func(s string) url.Values {
				return url.Values{"error": {"access_denied"}, "error_description": {declined}, "state": {s}}
			}, nil, tributary.CodeConsentMissing, tributary.FixCustomer, "declined to consent (access_denied, AADSTS65004, trace id 0f0f0f0f",
		},
		{
			"another state", func(s string) url.Values { return url.Values{"code": {"the-code"}, "state": {s + "x"}} },
			nil, CodeRequest, tributary.FixMSSP, "another state",
		},
		{
			"empty state", func(string) url.Values { return url.Values{"code": {"the-code"}, "state": {""}} },
			nil, CodeRequest, tributary.FixMSSP, "another state",
		},
		{
			"error with another state", func(string) url.Values { return url.Values{"error": {"access_denied"}, "state": {"x"}} },
			nil, CodeRequest, tributary.FixMSSP, "another state",
		},
		{
			"empty code", func(s string) url.Values { return url.Values{"code": {""}, "state": {s}} },
			nil, CodeRequest, tributary.FixMSSP, "without a code",
		},
		{
			"two codes", func(s string) url.Values { return url.Values{"code": {"the-code", "another"}, "state": {s}} },
			nil, CodeRequest, tributary.FixMSSP, "without a code",
		},
		{
			"wrong tenant", nil, func(url.Values) reply {
				return reply{body: map[string]any{"expires_in": 1, "token_type": "Bearer", "access_token": unsigned(map[string]any{"tid": otherID}), "refresh_token": "refresh-1"}}
			}, CodeWrongTenant, tributary.FixMSSP, otherID,
		},
		{
			"wrong tenant in the id token", nil, func(url.Values) reply {
				return reply{body: map[string]any{"expires_in": 1, "token_type": "Bearer", "access_token": "opaque", "refresh_token": "refresh-1", "id_token": unsigned(map[string]any{"tid": otherID})}}
			}, CodeWrongTenant, tributary.FixMSSP, otherID,
		},
		{
			"no refresh token", nil, func(url.Values) reply {
				return reply{body: map[string]any{"expires_in": 1, "token_type": "Bearer", "access_token": access(1)}}
			}, CodeRequest, tributary.FixMSSP, "no refresh token",
		},
		{
			"code used", nil, func(url.Values) reply {
				return errorReply(400, "invalid_grant", "", "AADSTS54005: The code was already redeemed.", 54005)
			}, tributary.CodeSignInAgain, tributary.FixMSSP, "redeemed already",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.back = tt.back
			if tt.token != nil {
				d.fake.script = func(_ string, form url.Values) reply { return tt.token(form) }
			}
			_, _, e := d.signIn(t)
			if e == nil {
				t.Fatal("signed in")
			}
			<-d.done
			if e.Code != tt.code || e.Fix != tt.fix || !strings.Contains(e.Error(), tt.says) {
				t.Errorf("got %s, %s: %v", e.Code, e.Fix, e)
			}
			if tt.token == nil && len(d.fake.log.all()) != 0 {
				t.Error("the code was redeemed")
			}
			if d.code != http.StatusBadRequest || !strings.Contains(d.page, "Not signed in") {
				t.Errorf("the person sees %d: %s", d.code, d.page)
			}
		})
	}
}

// Whatever comes in from outside is text on the page, never markup.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.back = func(s string) url.Values {
		return url.Values{"error": {"server_error"}, "error_description": {`<script>alert(1)</script>`}, "state": {s}}
	}
	if _, _, e := d.signIn(t); e == nil {
		t.Fatal("signed in")
	}
	<-d.done
	if strings.Contains(d.page, "<script") || !strings.Contains(d.page, "&lt;script") {
		t.Errorf("page: %s", d.page)
	}
}

func TestSignInCannotBegin(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*SignInRequest)
		says   string
	}{
		"nobody listens": {func(r *SignInRequest) { r.RedirectURI = "https://SiemMsspConnector" }, "https://SiemMsspConnector"},
		"no client id":   {func(r *SignInRequest) { r.App.ClientID = "" }, "client id"},
		"no tenant id":   {func(r *SignInRequest) { r.Tenant.ID = "contoso.com" }, "not a GUID"},
		"no API":         {func(r *SignInRequest) { r.Resource = "" }, "no API"},
		"plain http":     {func(r *SignInRequest) { r.Cloud.Login = "http://127.0.0.1" }, "https"},
		"no browser":     {func(r *SignInRequest) { r.Open = func(string) error { return errors.New("no display") } }, "no display"},
		"no Open":        {func(r *SignInRequest) { r.Open = nil }, "nobody can open"},
		"Paste fails": {func(r *SignInRequest) {
			r.RedirectURI = "https://SiemMsspConnector"
			r.Open = func(string) error { return nil }
			r.Paste = func(context.Context) (string, error) { return "", io.EOF }
		}, "EOF"},
	} {
		d := newDesk(t)
		tt.change(&d.req)
		_, _, e := d.signIn(t)
		if e == nil || !strings.Contains(e.Error(), tt.says) {
			t.Errorf("%s: got %v", name, e)
		}
		if len(d.fake.log.all()) != 0 {
			t.Errorf("%s: something was asked", name)
		}
	}
}

func TestNobodySignsIn(t *testing.T) {
	t.Parallel()
	for _, paste := range []bool{false, true} {
		d := newDesk(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		block := make(chan struct{})
		d.req.Open = func(string) error {
			cancel(fmt.Errorf("gave up after 10 minutes"))
			<-block
			return nil
		}
		if paste {
			d.req.RedirectURI = "https://SiemMsspConnector"
			d.req.Paste = func(context.Context) (string, error) { return "", errors.New("not reached") }
		}
		_, _, err := SignIn(ctx, d.req)
		close(block)
		if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeSignInAgain || !strings.Contains(err.Error(), "gave up after 10 minutes") {
			t.Errorf("got %v", err)
		}
	}
}
