package identity

import (
	"strings"
	"testing"
	"time"
)

// refresh asks for new tokens over v2.
func (l *lab) refresh(tenant, token string, more ...string) answer {
	l.t.Helper()
	return l.post("/"+tenant+"/oauth2/v2.0/token", append([]string{
		"grant_type", "refresh_token", "client_id", multiApp, "client_secret", secret, "refresh_token", token,
	}, more...)...)
}

func (l *lab) refreshToken(user, tenant string) string {
	l.t.Helper()
	a := l.good(l.redeem(tenant, l.code(user, tenant, "offline_access User.Read")))
	if a.text("refresh_token") == "" {
		l.t.Fatalf("no refresh token: %s", a.raw)
	}
	return a.text("refresh_token")
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	first := l.refreshToken(bob, contoso)
	second := l.good(l.refresh(contoso, first)).text("refresh_token")
	third := l.good(l.refresh(contoso, second)).text("refresh_token")
	if first == second || second == third {
		t.Error("the same refresh token came back")
	}
	// The old ones stay good: a client that crashed before it stored the new
	// one must be able to go on.
	for _, old := range []string{first, second, third} {
		if c := l.claims(l.refresh(contoso, old)); c.User != bob || c.Audience != graph {
			t.Errorf("%+v", c)
		}
	}
	// Without being asked, no ID token; once asked for, it keeps coming.
	a := l.good(l.refresh(contoso, third))
	b := l.good(l.refresh(contoso, third, "scope", "openid User.Read"))
	c := l.good(l.refresh(contoso, b.text("refresh_token")))
	if a.text("id_token") != "" || b.text("id_token") == "" || c.text("id_token") == "" {
		t.Errorf("ID tokens %q %q %q", a.text("id_token"), b.text("id_token"), c.text("id_token"))
	}
}

func TestRefreshExpires(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	token := l.refreshToken(bob, contoso)
	for range 3 { // used in time, a grant lives on past 90 days
		l.clock.Add(refreshLife - time.Second)
		token = l.good(l.refresh(contoso, token)).text("refresh_token")
	}
	l.clock.Add(refreshLife)
	a := l.refresh(contoso, token)
	l.refused(a, "700082", "invalid_grant")
	if a.text("suberror") != "token_expired" {
		t.Errorf("suberror %q", a.text("suberror"))
	}
}

func TestRefreshElsewhere(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	token := l.refreshToken(anna, contoso)
	// Another resource needs consent, not another sign-in.
	l.refused(l.refresh(contoso, token, "scope", defender+"/.default"), "65001", "invalid_grant")
	l.Consent(contoso, multiApp)
	if c := l.claims(l.refresh(contoso, token, "scope", defender+"/.default")); c.Audience != defender || c.Scopes[0] != "Alert.Read" {
		t.Errorf("%+v", c)
	}
	// So does another tenant that lists the person.
	l.refused(l.refresh(mssp, token), "65001", "invalid_grant")
	l.Consent(mssp, multiApp)
	if c := l.claims(l.refresh(mssp, token)); c.TenantID != mssp || c.User != anna {
		t.Errorf("%+v", c)
	}
	if c := l.claims(l.refresh("common", token)); c.TenantID != mssp {
		t.Errorf("common: %+v", c)
	}
	// One that does not is closed, whatever was consented.
	l.Consent(adatum, multiApp)
	l.refused(l.refresh(adatum, token), "50020", "invalid_grant")
	// v1 takes v2's token, and the other way round.
	v1Answer := l.good(l.post("/"+contoso+"/oauth2/token", "grant_type", "refresh_token", "client_id", multiApp, "client_secret", secret, "refresh_token", token))
	if v1Answer.text("resource") != graph || v1Answer.text("expires_in") == "" {
		t.Errorf("%v", v1Answer.body)
	}
	if c := l.claims(l.refresh(contoso, v1Answer.text("refresh_token"))); c.Audience != graph {
		t.Errorf("%+v", c)
	}
	siem := l.good(l.post("/"+contoso+"/oauth2/token", "grant_type", "refresh_token", "client_id", multiApp, "client_secret", secret, "refresh_token", token, "resource", siemResource))
	if c := l.claims(l.refresh(contoso, siem.text("refresh_token"))); c.Audience != siemResource {
		t.Errorf("v1's resource at v2: %+v", c)
	}
}

func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	token := l.refreshToken(bob, contoso)
	for _, bad := range []string{"x", "1.A", "1.A!!", token[:len(token)-4], token[:20] + "A" + token[21:], strings.ToLower(token)} {
		if bad != token {
			l.refused(l.refresh(contoso, bad), "70000", "invalid_grant")
		}
	}
	l.refused(l.refresh(contoso, ""), "900144", "invalid_request")
	a := l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "refresh_token", "client_id", bareApp, "client_secret", secret, "refresh_token", token)
	l.refused(a, "70000", "invalid_grant")
	if a.text("suberror") != "client_mismatch" {
		t.Errorf("suberror %q", a.text("suberror"))
	}

	l.RevokeConsent(contoso, multiApp)
	a = l.refresh(contoso, token)
	l.refused(a, "65001", "invalid_grant")
	if a.text("suberror") != "consent_required" {
		t.Errorf("suberror %q", a.text("suberror"))
	}
	l.Consent(contoso, multiApp)
	l.claims(l.refresh(contoso, token))

	l.RevokeGrants("contoso.example")
	l.refused(l.refresh(contoso, token), "50173", "invalid_grant")
	l.claims(l.refresh(contoso, l.refreshToken(bob, contoso))) // a new sign-in mends it
}

// Refresh tokens outlive a restart with the same seed, and no other.
func TestRefreshAfterRestart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	token := l.refreshToken(bob, contoso)
	same := newLab(t)
	same.clock.Add(time.Hour)
	same.Consent(contoso, multiApp)
	same.claims(same.refresh(contoso, token))
	other := newLab(t, func(o *Options) { o.Seed++ })
	other.Consent(contoso, multiApp)
	other.refused(other.refresh(contoso, token), "70000", "invalid_grant")
}
