package entra

import (
	"net/url"
	"strings"
	"testing"

	"tributary"
)

// adopting is a bench whose fake Entra refreshes refresh-1, and the request.
func adopting(t *testing.T) (*bench, *rotating, SignInRequest) {
	t.Helper()
	b, r := newRotating(t)
	return b, r, SignInRequest{
		Tenant: b.tenant, App: b.app, Cloud: b.fake.cloud(), Client: b.fake.client(), Resource: graph, Now: b.clock.now, Log: b.cfg.Log,
	}
}

func TestAdoptGrant(t *testing.T) {
	t.Parallel()
	for _, v1 := range []bool{false, true} {
		b, r, req := adopting(t)
		req.V1, r.v1 = v1, v1
		if v1 {
			req.Resource = siem
		}
		g, tok, err := AdoptGrant(t.Context(), req, tributary.NewSecret("refresh-1"))
		if err != nil {
			t.Fatalf("v1 %v: %v", v1, err)
		}
		if g.RefreshToken.Reveal() != "refresh-2" || g.Previous.Reveal() != "refresh-1" || g.V1 != v1 || g.Public ||
			g.ClientID != clientID || g.Account != "anna@contoso.com" || !g.Rotated.Equal(b.clock.now()) || !g.Obtained.Equal(b.clock.now()) {
			t.Errorf("v1 %v: grant %+v", v1, g)
		}
		if tok.Value.Reveal() != access(1) {
			t.Errorf("v1 %v: not the token that Entra gave", v1)
		}
		path := "POST /" + tenantID + "/oauth2/v2.0/token refresh_token"
		if v1 {
			path = "POST /" + tenantID + "/oauth2/token refresh_token"
		}
		if n := b.fake.log.count("POST"); n != 1 || b.fake.log.count(path) != 1 {
			t.Errorf("v1 %v: requests %q", v1, b.fake.log.all())
		}
	}
}

// Entra may answer with no other refresh token: the one that was given has been
// used all the same, and lives for 90 days from now.
func TestAdoptGrantThatIsNotRotated(t *testing.T) {
	t.Parallel()
	b := newBench(t, tributary.AuthDelegated, func(string, url.Values) reply {
		return reply{body: map[string]any{"token_type": "Bearer", "access_token": "opaque", "expires_in": 3599}}
	})
	req := SignInRequest{
		Tenant: b.tenant, App: b.app, Cloud: b.fake.cloud(), Client: b.fake.client(), Resource: graph, Now: b.clock.now, Log: b.cfg.Log,
	}
	g, _, err := AdoptGrant(t.Context(), req, tributary.NewSecret("refresh-1"))
	if err != nil {
		t.Fatal(err)
	}
	if g.RefreshToken.Reveal() != "refresh-1" || !g.Previous.IsZero() || g.Account != "" || !g.Rotated.Equal(b.clock.now()) {
		t.Errorf("grant %+v", g)
	}
	if !strings.Contains(b.out.String(), "doesn't tell its tenant") {
		t.Errorf("nothing was said of a token that names no tenant: %s", b.out)
	}
}

func TestAdoptGrantRefuses(t *testing.T) {
	t.Parallel()
	foreign := reply{body: map[string]any{
		"token_type": "Bearer", "expires_in": 3599, "refresh_token": "refresh-9",
		"access_token": unsigned(map[string]any{"tid": otherID, "aud": graph}),
	}}
	for name, c := range map[string]struct {
		answer *reply
		token  string
		change func(*SignInRequest)
		code   string
		says   string
	}{
		"dead":           {token: "dead", code: tributary.CodeSignInAgain, says: "AADSTS700082"},
		"another tenant": {token: "refresh-1", answer: &foreign, code: CodeWrongTenant, says: "is for tenant"},
		"none":           {code: CodeRequest, says: "no refresh token was given"},
		"no API":         {token: "refresh-1", change: func(r *SignInRequest) { r.Resource, r.Scopes = "", []string{"x"} }, code: CodeSettings, says: "no API"},
		"no tenant id":   {token: "refresh-1", change: func(r *SignInRequest) { r.Tenant.ID = "contoso.com" }, code: CodeSettings, says: "is not a GUID"},
		"no https":       {token: "refresh-1", change: func(r *SignInRequest) { r.Cloud.Login = "http://login.contoso.example" }, code: CodeSettings, says: "https://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, r, req := adopting(t)
			r.dead["dead"] = deadToken()
			if c.answer != nil {
				r.dead[c.token] = *c.answer
			}
			if c.change != nil {
				c.change(&req)
			}
			g, tok, err := AdoptGrant(t.Context(), req, tributary.NewSecret(c.token))
			e := tributary.AsError(err)
			if e == nil || e.Code != c.code || e.Op != adoptOp || e.Tenant != "contoso" || !strings.Contains(e.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
			if !g.RefreshToken.IsZero() || !tok.Value.IsZero() {
				t.Error("something was given all the same")
			}
			if c.token != "" && strings.Contains(err.Error(), c.token) || strings.Contains(b.out.String(), "refresh-") {
				t.Error("the refresh token is shown")
			}
		})
	}
}

// What the simulated Entra gave one program, another takes over: to a
// confidential client and to a public one, which tells apart no words but the
// refusal of the credential.
func TestSimAdoptGrant(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*lab, *SignInRequest){
		"v2": func(*lab, *SignInRequest) {},
		"v1": func(_ *lab, r *SignInRequest) { r.V1, r.Resource = true, siem },
		"public": func(l *lab, r *SignInRequest) {
			l.app = tributary.App{ClientID: simPublic}
			r.App = l.app
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tributary.AuthDelegated)
			req := l.ask(t, l.browser(simAdmin))
			change(l, &req)
			signed, _, err := SignIn(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if name == "public" {
				req.App.ClientSecret = tributary.NewSecret(testSecret)
			}
			g, tok, err := AdoptGrant(t.Context(), req, signed.RefreshToken)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.sim.Verify(tok.Value.Reveal()); err != nil {
				t.Error(err)
			}
			if !strings.EqualFold(g.Account, simAdmin) || g.Public != (name == "public") || g.V1 != req.V1 {
				t.Errorf("grant %+v", g)
			}
			l.grants.set("contoso", g)
			l.want(t, req.Resource)
		})
	}
}
