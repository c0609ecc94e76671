package entra

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"tributary"
)

const publicReturn = "https://mssp.example/consent"

// begun is a sign-in whose person has come back: what was kept, and what the
// browser brought.
func (l *lab) begun(t *testing.T, user string) (SignInRequest, Pending, url.Values) {
	t.Helper()
	r := l.ask(t, l.browser(user))
	r.Open, r.RedirectURI = nil, publicReturn
	address, pending, err := BeginSignIn(r, "state of one attempt")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(address, pending.Verifier.Reveal()) || !strings.Contains(address, "code_challenge_method=S256") {
		t.Fatal("the verifier travels with the person, or no challenge does")
	}
	final, err := l.browser(user).Visit(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return r, pending, final.Query()
}

// A sign-in is begun by one request of a web page and finished by another.
func TestSignInAcrossRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthDelegated)
	r, pending, answer := l.begun(t, simAdmin)
	grant, token, err := FinishSignIn(t.Context(), r, pending, answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.sim.Verify(token.Value.Reveal()); err != nil || grant.Account != simAdmin || grant.RefreshToken.IsZero() || grant.V1 {
		t.Errorf("%v, grant of %q", err, grant.Account)
	}
	// The same answer again: its code is used up.
	if _, _, err := FinishSignIn(t.Context(), r, pending, answer); err == nil {
		t.Error("an answer was good twice")
	}
	// What is kept shows nothing.
	if text, err := json.Marshal(pending); err != nil || strings.Contains(string(text), pending.Verifier.Reveal()) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestSignInAcrossRequestsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, code, says string
		change           func(*SignInRequest, *Pending, url.Values)
	}{
		{"another state", CodeRequest, "another state", func(_ *SignInRequest, _ *Pending, v url.Values) { v.Set("state", "x") }},
		{"no state kept", CodeRequest, "another state", func(_ *SignInRequest, p *Pending, v url.Values) { p.State = ""; v.Del("state") }},
		{"no code", CodeRequest, "without a code", func(_ *SignInRequest, _ *Pending, v url.Values) { v.Del("code") }},
		{"two codes", CodeRequest, "without a code", func(_ *SignInRequest, _ *Pending, v url.Values) { v.Add("code", "another") }},
		{"another verifier", "", "", func(_ *SignInRequest, p *Pending, _ url.Values) {
			p.Verifier = tributary.NewSecret(strings.Repeat("v", 43))
		}},
		{"another redirect", "", "", func(_ *SignInRequest, p *Pending, _ url.Values) { p.RedirectURI = "http://localhost" }},
		{"declined", tributary.CodeConsentMissing, "access_denied", func(_ *SignInRequest, _ *Pending, v url.Values) {
			v.Del("code")
			v.Set("error", "access_denied")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tributary.AuthDelegated)
			r, pending, answer := l.begun(t, simAdmin)
			code := answer.Get("code")
			tt.change(&r, &pending, answer)
			grant, _, err := FinishSignIn(t.Context(), r, pending, answer)
			e := tributary.AsError(err)
			if e == nil || !grant.RefreshToken.IsZero() {
				t.Fatalf("got %v", err)
			}
			if tt.code != "" && e.Code != tt.code || !strings.Contains(e.Error(), tt.says) || strings.Contains(e.Error(), code) {
				t.Errorf("got %s: %v", e.Code, e)
			}
		})
	}
}
