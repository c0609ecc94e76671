package identity

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func (l *lab) roleNames(tenant, app string) []string {
	l.t.Helper()
	a := l.appOnly(tenant, "client_id", app, "client_secret", secret)
	if a.status != 200 {
		return nil
	}
	return l.claims(a).Roles
}

func TestAdminConsent(t *testing.T) {
	t.Parallel()
	const where = "https://app.example/cb?tenant=1"
	for name, tc := range map[string]struct {
		path      string
		params    []string
		want      url.Values
		wantRoles bool
	}{
		"v1":           {"/" + contoso + "/adminconsent", nil, url.Values{"tenant": {"1", contoso}, "state": {"s=1"}, "admin_consent": {"True"}}, true},
		"v1 at common": {"/common/adminconsent", nil, url.Values{"tenant": {"1", contoso}, "state": {"s=1"}, "admin_consent": {"True"}}, true},
		"v2 everything": {"/contoso.example/v2.0/adminconsent", []string{"scope", graph + "/.default"}, url.Values{
			"tenant": {"1", contoso}, "state": {"s=1"}, "admin_consent": {"True"},
			"scope": {strings.Join([]string{defender + "/Alert.Read", graph + "/User.Read", siemResource + "/User.Read", defender + "/Alert.Read.All", graph + "/SecurityAlert.Read.All", graph + "/SecurityIncident.Read.All"}, " ")},
		}, true},
		"v2 named": {"/organizations/v2.0/adminconsent", []string{"scope", "User.Read"}, url.Values{
			"tenant": {"1", contoso}, "state": {"s=1"}, "admin_consent": {"True"}, "scope": {graph + "/User.Read"},
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			open := l.address(tc.path, append([]string{"client_id", multiApp, "redirect_uri", where, "state", "s=1"}, tc.params...)...)
			got := l.visit(l.browser(admin), open)
			for k, want := range tc.want {
				if !slices.Equal(got[k], want) {
					t.Errorf("%s: %q, want %q", k, got[k], want)
				}
			}
			if len(got) != len(tc.want) {
				t.Errorf("got %v", got)
			}
			if roles := l.roleNames(contoso, multiApp); (len(roles) == 2) != tc.wantRoles {
				t.Errorf("roles %v", roles)
			}
			// Nobody else is asked any more.
			c := *l.client
			b := Browser{Client: &c, User: bob, Password: password, Decline: true}
			if q := l.visit(b, l.address("/"+contoso+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read")); q.Get("code") == "" {
				t.Errorf("asked again: %v", q)
			}
		})
	}
}

func TestAdminConsentRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	v1Page := l.address("/"+contoso+"/adminconsent", "client_id", multiApp, "redirect_uri", msspRedirect, "state", "s")
	v2Page := l.address("/"+contoso+"/v2.0/adminconsent", "client_id", multiApp, "redirect_uri", msspRedirect, "state", "s", "scope", graph+"/.default")
	no := l.browser(admin)
	no.Decline = true
	q := l.visit(no, v1Page)
	if q.Get("error") != "permission_denied" || !strings.Contains(q.Get("error_description"), "AADSTS65004") || q.Get("state") != "s" || q.Has("admin_consent") {
		t.Errorf("v1 declined: %v", q)
	}
	// v2 says True beside the error.
	q = l.visit(no, v2Page)
	if q.Get("error") != "consent_required" || q.Get("admin_consent") != "True" || q.Get("tenant") != contoso || !strings.Contains(q.Get("error_description"), "AADSTS65004") {
		t.Errorf("v2 declined: %v", q)
	}
	q = l.visit(l.browser(bob), v1Page)
	if q.Get("error") != "permission_denied" || !strings.Contains(q.Get("error_description"), "AADSTS90094") {
		t.Errorf("no administrator: %v", q)
	}
	if roles := l.roleNames(contoso, multiApp); roles != nil {
		t.Errorf("granted nevertheless: %v", roles)
	}
	l.refusedVisit(l.browser(admin), l.address("/common/v2.0/adminconsent", "client_id", multiApp, "redirect_uri", msspRedirect, "scope", graph+"/.default"), "AADSTS90019")
	l.refusedVisit(l.browser(admin), l.address("/"+contoso+"/v2.0/adminconsent", "client_id", multiApp, "redirect_uri", msspRedirect), "AADSTS900144")
	l.refusedVisit(l.browser(admin), l.address("/"+contoso+"/adminconsent", "client_id", multiApp, "redirect_uri", "https://evil.example"), "AADSTS50011")
	l.refusedVisit(l.browser(admin), l.address("/"+adatum+"/adminconsent", "client_id", ownApp, "redirect_uri", msspRedirect), "AADSTS700016")
	l.refusedVisit(l.browser("admin@adatum.example"), v1Page, "AADSTS50020")
	// An application without an address: consent counts, the end is an error page.
	l.refusedVisit(l.browser(admin), l.address("/"+contoso+"/adminconsent", "client_id", bareApp), "AADSTS500113")
	if roles := l.roleNames(contoso, bareApp); len(roles) != 1 {
		t.Errorf("roles %v", roles)
	}
}

// v1 also consents on the authorize page; so do the partner pages of Defender.
func TestConsentByAuthorize(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	open := func(tenant, prompt string) string {
		return l.address("/"+tenant+"/oauth2/authorize", "client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "prompt", prompt, "state", "s", "sso_reload", "true")
	}
	if q := l.visit(l.browser(bob), open(contoso, "admin_consent")); !strings.Contains(q.Get("error_description"), "AADSTS90094") {
		t.Errorf("no administrator: %v", q)
	}
	if roles := l.roleNames(contoso, multiApp); roles != nil {
		t.Errorf("granted nevertheless: %v", roles)
	}
	q := l.visit(l.browser(admin), open(contoso, "admin_consent"))
	if q.Get("admin_consent") != "True" || q.Get("code") == "" || len(l.roleNames(contoso, multiApp)) != 2 {
		t.Errorf("admin_consent: %v", q)
	}
	q = l.visit(l.browser("admin@adatum.example"), open("common", "consent"))
	if q.Get("code") == "" || len(l.roleNames(adatum, multiApp)) != 2 {
		t.Errorf("consent at common: %v", q)
	}
	// A plain sign-in of an administrator grants nothing to the application itself.
	fresh := newLab(t)
	fresh.visit(fresh.browser(admin), fresh.address("/"+contoso+"/oauth2/authorize", "client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "resource", siemResource))
	if roles := fresh.roleNames(contoso, multiApp); len(roles) != 0 {
		t.Errorf("plain sign-in granted %v", roles)
	}
}
