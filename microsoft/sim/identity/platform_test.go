package identity

import "testing"

// A redirect URI of the platform "mobile and desktop" is a public client's: its
// codes and refresh tokens are fetched without a credential, whatever else the
// application has.
func TestPlatformsOfRedirectURIs(t *testing.T) {
	t.Parallel()
	const both, web, desktop = "bbbbbbbb-0000-4000-8000-00000000000b", "https://app.example/cb", "http://localhost"
	l := newLab(t)
	if err := l.AddApp(App{
		ClientID: both, DisplayName: "Both", HomeTenant: mssp, MultiTenant: true, Secrets: []string{secret},
		RedirectURIs: []string{web}, PublicRedirectURIs: []string{desktop}, Scopes: map[string][]string{graph: {"User.Read"}},
	}); err != nil {
		t.Fatal(err)
	}
	l.Consent(contoso, both)
	code := func(redirect string) string {
		return l.visit(l.browser(admin), l.address("/"+contoso+"/oauth2/v2.0/authorize",
			"client_id", both, "response_type", "code", "redirect_uri", redirect, "scope", "User.Read offline_access")).Get("code")
	}
	token := func(more ...string) answer {
		return l.post("/"+contoso+"/oauth2/v2.0/token", append([]string{"client_id", both}, more...)...)
	}
	grant := func(redirect string) []string {
		return []string{"grant_type", "authorization_code", "code", code(redirect), "redirect_uri", redirect}
	}
	credential := []string{"client_secret", secret}

	l.refused(token(append(grant(desktop+":9"), credential...)...), "700025", invalidClient)
	native := l.good(token(grant(desktop + ":9")...)).text("refresh_token")
	l.refused(token("grant_type", "refresh_token", "refresh_token", native, "client_secret", secret), "700025", invalidClient)
	l.good(token("grant_type", "refresh_token", "refresh_token", native))

	l.refused(token(grant(web)...), "7000218", invalidClient)
	confidential := l.good(token(append(grant(web), credential...)...)).text("refresh_token")
	l.refused(token("grant_type", "refresh_token", "refresh_token", confidential), "7000218", invalidClient)
	l.good(token("grant_type", "refresh_token", "refresh_token", confidential, "client_secret", secret))
}
