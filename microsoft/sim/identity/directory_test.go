package identity

import (
	"strings"
	"testing"
	"time"
)

func TestNewRefusesNonsense(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Options){
		"is not a GUID":                        func(o *Options) { o.Tenants[0].ID = "fabrikam" },
		"domain \"\"":                          func(o *Options) { o.Tenants[0].Domain = "" },
		"belongs to tenant":                    func(o *Options) { o.Tenants[1].Domain = "Fabrikam.example" },
		"the client id is not a GUID":          func(o *Options) { o.Apps[0].ClientID = "app" },
		"home tenant":                          func(o *Options) { o.Apps[0].HomeTenant = "nowhere" },
		"has a fragment":                       func(o *Options) { o.Apps[0].RedirectURIs = []string{"https://a.example/#x"} },
		"not absolute":                         func(o *Options) { o.Apps[0].RedirectURIs = []string{"/cb"} },
		"is not known":                         func(o *Options) { o.Users[0].TenantID = "nowhere" },
		"is not a user principal name":         func(o *Options) { o.Users[0].Name = "anna" },
		"use https://host:port without a path": func(o *Options) { o.BaseURL = "https://127.0.0.1:1/" },
	} {
		o := options()
		o.Now = time.Now
		change(&o)
		if _, err := newServer(o, signing()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestNewMakesAKey(t *testing.T) {
	t.Parallel()
	a, err := New(options())
	if err != nil {
		t.Fatal(err)
	}
	if a.key.kid == signing().kid || a.now == nil {
		t.Error("no key or clock of its own")
	}
}

// A directory may grow while it serves.
func TestAddWhileServing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const id = "aaaaaaaa-0000-4000-8000-00000000000a"
	ask := func() answer { return l.appOnly("northwind.example", "client_id", multiApp, "client_secret", secret) }
	l.refused(ask(), "90002", "invalid_request")
	if err := l.AddTenant(Tenant{ID: strings.ToUpper(id), Domain: "Northwind.example", DisplayName: "Northwind"}); err != nil {
		t.Fatal(err)
	}
	l.refused(ask(), "700016", "unauthorized_client")
	l.Consent(id, multiApp)
	if c := l.claims(ask()); c.TenantID != id {
		t.Errorf("%+v", c)
	}
	if err := l.AddUser(User{TenantID: id, Name: "Zoe@northwind.example", Password: password}); err != nil {
		t.Fatal(err)
	}
	if c := l.claims(l.redeem(id, l.code("zoe@NORTHWIND.example", id, "User.Read"))); c.User != "Zoe@northwind.example" {
		t.Errorf("%+v", c)
	}
	l.Consent("nowhere", multiApp)
	l.RevokeConsent(id, "nothing")
	l.RevokeGrants("nowhere")
}

// Nobody signs in with a password that is not there.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := l.AddUser(User{TenantID: contoso, Name: "empty@contoso.example"}); err != nil {
		t.Fatal(err)
	}
	b := l.browser("empty@contoso.example")
	b.Password = ""
	l.refusedVisit(b, l.address("/"+contoso+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read"), "AADSTS50126")
}

// An API of one's own is known once an application registers it.
func TestOwnResource(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const api = "api://dddddddd-0000-4000-8000-000000000001"
	ask := func() answer {
		return l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", multiApp, "client_secret", secret, "scope", api+"/.default")
	}
	l.Consent(contoso, multiApp)
	l.refused(ask(), "500011", "invalid_resource")
	app := options().Apps[0]
	app.Roles[api+"/"] = []string{"Everything.Read"}
	app.Scopes[api] = []string{"Everything.See"}
	if err := l.AddApp(app); err != nil {
		t.Fatal(err)
	}
	l.Consent(contoso, multiApp)
	if c := l.claims(ask()); c.Audience != api || len(c.Roles) != 1 {
		t.Errorf("%+v", c)
	}
	if c := l.claims(l.redeem(contoso, l.code(bob, contoso, api+"/everything.see"))); c.Audience != api || c.Scopes[0] != "Everything.See" {
		t.Errorf("%+v", c)
	}
}
