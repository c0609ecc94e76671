package identity

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestCodeIsBound(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	verifier, challenge := pkce()
	other, _ := pkce()
	long := strings.Repeat("v", 50)
	s256 := []string{"code_challenge", challenge, "code_challenge_method", "S256"}
	for name, tc := range map[string]struct {
		authorize   []string
		redeem      func(code string) answer
		code, error string // empty: tokens
	}{
		"verified": {s256, func(c string) answer { return l.redeem(contoso, c, "code_verifier", verifier) }, "", ""},
		"plain": {[]string{"code_challenge", long, "code_challenge_method", "plain"}, func(c string) answer {
			return l.redeem(contoso, c, "code_verifier", long)
		}, "", ""},
		"plain by default": {[]string{"code_challenge", long}, func(c string) answer { return l.redeem(contoso, c, "code_verifier", long) }, "", ""},
		"wrong verifier":   {s256, func(c string) answer { return l.redeem(contoso, c, "code_verifier", other) }, "501481", "invalid_grant"},
		"the challenge":    {s256, func(c string) answer { return l.redeem(contoso, c, "code_verifier", challenge) }, "501481", "invalid_grant"},
		"no verifier":      {s256, func(c string) answer { return l.redeem(contoso, c) }, "501481", "invalid_grant"},
		"stripped":         {nil, func(c string) answer { return l.redeem(contoso, c, "code_verifier", verifier) }, "50148", "invalid_grant"},
		"by domain":        {nil, func(c string) answer { return l.redeem("contoso.example", c) }, "", ""},
		"other tenant":     {nil, func(c string) answer { return l.redeem(adatum, c) }, "700005", "invalid_grant"},
		"unknown code":     {nil, func(c string) answer { return l.redeem(contoso, c+"x") }, "70000", "invalid_grant"},
		"other version": {nil, func(c string) answer {
			return l.post("/"+contoso+"/oauth2/token", "grant_type", "authorization_code", "client_id", multiApp, "client_secret", secret, "code", c, "redirect_uri", msspRedirect, "resource", graph)
		}, "70000", "invalid_grant"},
		"other client": {nil, func(c string) answer {
			return l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "authorization_code", "client_id", bareApp, "client_secret", secret, "code", c, "redirect_uri", msspRedirect)
		}, "70000", "invalid_grant"},
		"other address": {nil, func(c string) answer {
			return l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "authorization_code", "client_id", multiApp, "client_secret", secret, "code", c, "redirect_uri", "http://localhost")
		}, "500112", "invalid_client"},
		"no address": {nil, func(c string) answer {
			return l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "authorization_code", "client_id", multiApp, "client_secret", secret, "code", c)
		}, "900144", "invalid_request"},
		"unconsented scope": {nil, func(c string) answer { return l.redeem(contoso, c, "scope", defender+"/Alert.ReadWrite") }, "65001", "invalid_grant"},
		"two resources":     {nil, func(c string) answer { return l.redeem(contoso, c, "scope", "User.Read "+defender+"/Alert.Read") }, "70011", "invalid_scope"},
		"resource":          {nil, func(c string) answer { return l.redeem(contoso, c, "resource", graph) }, "901002", "invalid_request"},
		"last second": {nil, func(c string) answer {
			l.clock.Add(codeLife - time.Second)
			return l.redeem(contoso, c)
		}, "", ""},
		"too late": {nil, func(c string) answer {
			l.clock.Add(codeLife)
			return l.redeem(contoso, c)
		}, "70008", "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			code := l.code(bob, contoso, "openid User.Read", tc.authorize...)
			a := tc.redeem(code)
			if tc.code != "" {
				l.refused(a, tc.code, tc.error)
				return
			}
			l.claims(a)
			var again answer
			switch {
			case tc.authorize == nil:
				again = l.redeem(contoso, code)
			case name == "verified":
				again = l.redeem(contoso, code, "code_verifier", verifier)
			default:
				again = l.redeem(contoso, code, "code_verifier", long)
			}
			l.refused(again, "54005", "invalid_grant")
		})
	}
}

// v2 gives what is asked for and nothing more.
func TestCodeTokens(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for scope, want := range map[string]struct{ granted, refresh, id bool }{
		"User.Read":                     {granted: true},
		"openid User.Read":              {granted: true, id: true},
		"offline_access User.Read":      {granted: true, refresh: true},
		"openid profile offline_access": {refresh: true, id: true},
		graph + "/.default openid":      {granted: true, id: true},
		graph + "/user.read " + defender + "/Alert.Read offline_access": {granted: true, refresh: true},
	} {
		a := l.good(l.redeem(contoso, l.code(bob, contoso, scope)))
		if (a.text("refresh_token") != "") != want.refresh || (a.text("id_token") != "") != want.id || a.body["client_info"] != nil {
			t.Errorf("%s: %v", scope, a.body)
		}
		c := l.claims(a)
		if c.Audience != graph || (want.granted && strings.Join(c.Scopes, " ") != "User.Read") {
			t.Errorf("%s: %+v", scope, c)
		}
		if strings.Contains(a.text("scope"), "offline_access") {
			t.Errorf("%s: scope %q", scope, a.text("scope"))
		}
		if _, number := a.body["expires_in"].(json.Number); !number || a.body["expires_on"] != nil {
			t.Errorf("%s: expires_in %v", scope, a.body["expires_in"])
		}
	}
	// Words come back in the form in which they were asked for.
	for scope, want := range map[string]string{
		"User.Read openid profile":                       "openid profile User.Read",
		graph + "/User.Read":                             graph + "/User.Read",
		graph + "/.default":                              graph + "/User.Read " + graph + "/.default",
		"00000003-0000-0000-c000-000000000000/User.Read": "00000003-0000-0000-c000-000000000000/User.Read",
	} {
		if got := l.redeem(contoso, l.code(bob, contoso, scope)).text("scope"); got != want {
			t.Errorf("%s: scope %q, want %q", scope, got, want)
		}
	}
	// The ID token is for the application, about the person.
	a := l.redeem(contoso, l.code(bob, contoso, "openid", "nonce", "n1"), "client_info", "1")
	id := payload(t, a.text("id_token"))
	if id["aud"] != multiApp || id["nonce"] != "n1" || id["preferred_username"] != bob || id["tid"] != contoso || id["iss"] != l.url+"/"+contoso+"/v2.0" {
		t.Errorf("ID token %v", id)
	}
	if _, err := l.Verify(a.text("id_token")); err == nil {
		t.Error("an ID token opens an API")
	}
	if a.text("client_info") == "" {
		t.Error("client_info was asked for")
	}
}

func TestCodeV1(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	code := func(kv ...string) string {
		t.Helper()
		q := l.visit(l.browser(bob), l.address("/"+contoso+"/oauth2/authorize", append([]string{"client_id", multiApp, "response_type", "code"}, kv...)...))
		if q.Get("code") == "" {
			t.Fatalf("%v", q)
		}
		return q.Get("code")
	}
	redeem := func(code string, kv ...string) answer {
		t.Helper()
		return l.post("/"+contoso+"/oauth2/token", append([]string{"grant_type", "authorization_code", "client_id", multiApp, "client_secret", secret, "code", code}, kv...)...)
	}
	there := []string{"redirect_uri", msspRedirect}
	// The resource may be named in either place, and must be in one.
	for name, a := range map[string]answer{
		"at authorize": redeem(code(append(there, "resource", siemResource)...), there...),
		"at token":     redeem(code(there...), append(there, "resource", siemResource)...),
		"in both":      redeem(code(append(there, "resource", siemResource+"/")...), append(there, "resource", siemResource)...),
	} {
		if c := l.claims(a); c.Audience != siemResource {
			t.Errorf("%s: %+v", name, c)
		}
	}
	l.refused(redeem(code(there...), there...), "900144", "invalid_request")
	l.refused(redeem(code(append(there, "resource", siemResource)...), append(there, "resource", graph)...), "70000", "invalid_grant")
	// v1 chooses a registered address if none is named.
	final, err := l.browser(bob).Visit(t.Context(), l.address("/"+contoso+"/oauth2/authorize", "client_id", multiApp, "response_type", "code", "resource", siemResource))
	if err != nil || final.Host != "localhost" {
		t.Fatalf("%v %v", final, err)
	}
	l.claims(redeem(final.Query().Get("code")))
	// An expired code carries two numbers.
	late := code(append(there, "resource", siemResource)...)
	l.clock.Add(codeLife)
	a := redeem(late, there...)
	l.refused(a, "70002", "invalid_grant")
	if !strings.Contains(a.text("error_description"), " AADSTS70008: ") || len(a.body["error_codes"].([]any)) != 2 {
		t.Errorf("%s", a.raw)
	}
}

// Of many who redeem one code at once, one gets tokens.
func TestCodeOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	code := l.code(bob, contoso, "User.Read")
	var got atomic.Int32
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			switch a := l.redeem(contoso, code); a.status {
			case http.StatusOK:
				got.Add(1)
			default:
				l.refused(a, "54005", "invalid_grant")
			}
		})
	}
	all.Wait()
	if got.Load() != 1 {
		t.Errorf("%d got tokens", got.Load())
	}
}
