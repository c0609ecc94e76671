package identity

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// device starts a device code flow.
func (l *lab) device(v version, tenant string, kv ...string) answer {
	l.t.Helper()
	a := l.post("/"+tenant+v.path("devicecode"), append([]string{"client_id", pubApp}, kv...)...)
	if a.status != http.StatusOK {
		l.t.Fatalf("%s", a.raw)
	}
	return a
}

// approve opens the device page as the person.
func (l *lab) approve(b Browser, a answer) error {
	page := a.text("verification_uri") + a.text("verification_url")
	_, err := b.Visit(l.t.Context(), page+"?otc="+a.text("user_code"))
	return err
}

func TestDeviceV2(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	start := func() answer { return l.device(v2, contoso, "scope", "User.Read offline_access openid") }
	poll := func(d answer) answer {
		return l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", pubApp, "device_code", d.text("device_code"))
	}
	d := start()
	if d.body["expires_in"] != json.Number("900") || d.body["interval"] != json.Number("5") || !strings.Contains(d.text("message"), d.text("user_code")) || d.body["verification_uri_complete"] != nil {
		t.Errorf("%v", d.body)
	}
	l.refused(poll(d), "70016", "authorization_pending")
	if err := l.approve(l.browser(bob), d); err != nil {
		t.Fatal(err)
	}
	l.refused(l.post("/"+adatum+"/oauth2/v2.0/token", "grant_type", "device_code", "client_id", pubApp, "device_code", d.text("device_code")), "700005", "invalid_grant")
	a := poll(d)
	if c := l.claims(a); c.User != bob || c.TenantID != contoso || a.text("refresh_token") == "" || a.text("id_token") == "" || a.text("scope") != "openid User.Read" {
		t.Errorf("%+v %v", c, a.body)
	}
	l.refused(poll(d), "70018", "bad_verification_code")
	if err := l.approve(l.browser(bob), d); err == nil || !strings.Contains(err.Error(), "AADSTS70018") {
		t.Errorf("a used code was taken: %v", err)
	}
	// A public client refreshes without any credential.
	r := l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "refresh_token", "client_id", pubApp, "refresh_token", a.text("refresh_token"))
	if c := l.claims(r); c.User != bob {
		t.Errorf("%+v", c)
	}

	no := l.browser(bob)
	no.Decline = true
	d = start()
	if err := l.approve(no, d); err != nil {
		t.Fatal(err)
	}
	l.refused(poll(d), "65004", "authorization_declined")

	d = start()
	l.clock.Add(deviceLife)
	l.refused(poll(d), "70019", "expired_token")
	if err := l.approve(l.browser(bob), d); err == nil || !strings.Contains(err.Error(), "AADSTS70018") {
		t.Errorf("an expired code was taken: %v", err)
	}

	// Somebody of another directory can't let a device into this one.
	d = start()
	if err := l.approve(l.browser("admin@adatum.example"), d); err == nil || !strings.Contains(err.Error(), "AADSTS50020") {
		t.Errorf("stranger: %v", err)
	}
	l.refused(poll(d), "70016", "authorization_pending")
	// What needs an administrator stops the others.
	d = l.device(v2, contoso, "scope", "SecurityAlert.Read.All")
	if err := l.approve(l.browser(bob), d); err != nil {
		t.Fatal(err)
	}
	l.refused(poll(d), "65004", "authorization_declined")
}

func TestDeviceV1(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	start := func() answer { return l.device(v1, contoso, "resource", siemResource) }
	poll := func(d answer) answer {
		return l.post("/"+contoso+"/oauth2/token", "grant_type", "device_code", "client_id", pubApp, "code", d.text("device_code"), "resource", siemResource)
	}
	d := start()
	if d.text("expires_in") != "900" || d.text("interval") != "5" || d.text("verification_url") == "" {
		t.Errorf("%v", d.body)
	}
	l.refused(poll(d), "70016", "authorization_pending")
	// v1 asks for the whole registration, part of which needs an administrator.
	if err := l.approve(l.browser(admin), d); err != nil {
		t.Fatal(err)
	}
	a := poll(d)
	if c := l.claims(a); c.Audience != siemResource || a.text("refresh_token") == "" || a.text("expires_in") == "" {
		t.Errorf("%+v %v", c, a.body)
	}
	no := l.browser(admin)
	no.Decline = true
	d = start()
	if err := l.approve(no, d); err != nil {
		t.Fatal(err)
	}
	l.refused(poll(d), "65004", "access_denied")
	d = start()
	l.clock.Add(deviceLife)
	l.refused(poll(d), "70019", "code_expired")
}

func TestDeviceRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, tc := range map[string]struct {
		answer      answer
		code, error string
	}{
		"no scope":       {l.post("/"+contoso+"/oauth2/v2.0/devicecode", "client_id", pubApp), "900144", "invalid_request"},
		"no resource":    {l.post("/"+contoso+"/oauth2/devicecode", "client_id", pubApp), "900144", "invalid_request"},
		"resource at v2": {l.post("/"+contoso+"/oauth2/v2.0/devicecode", "client_id", pubApp, "scope", "User.Read", "resource", graph), "901002", "invalid_request"},
		"unknown client": {l.post("/"+contoso+"/oauth2/v2.0/devicecode", "client_id", "x", "scope", "User.Read"), "700016", "unauthorized_client"},
		"single tenant":  {l.post("/organizations/oauth2/v2.0/devicecode", "client_id", ownApp, "scope", "User.Read"), "50194", "unauthorized_client"},
		"unknown code":   {l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "device_code", "client_id", pubApp, "device_code", "x"), "70018", "bad_verification_code"},
		"no code":        {l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "device_code", "client_id", pubApp), "900144", "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) { l.refused(tc.answer, tc.code, tc.error) })
	}
	// A confidential application has to prove itself here too.
	d := l.post("/"+contoso+"/oauth2/v2.0/devicecode", "client_id", multiApp, "scope", "User.Read")
	if err := l.approve(l.browser(bob), d); err != nil {
		t.Fatal(err)
	}
	poll := []string{"grant_type", "device_code", "client_id", multiApp, "device_code", d.text("device_code")}
	l.refused(l.post("/"+contoso+"/oauth2/v2.0/token", poll...), "7000218", "invalid_client")
	l.claims(l.post("/"+contoso+"/oauth2/v2.0/token", append(poll, "client_secret", secret)...))
	// At organizations the person's own tenant is the device's.
	d = l.device(v2, "organizations", "scope", "User.Read")
	if err := l.approve(l.browser(anna), d); err != nil {
		t.Fatal(err)
	}
	if c := l.claims(l.post("/organizations/oauth2/v2.0/token", "grant_type", "device_code", "client_id", pubApp, "device_code", d.text("device_code"))); c.TenantID != mssp {
		t.Errorf("%+v", c)
	}
}

func TestDevicePageKnowsNoCode(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	b := l.browser(bob)
	b.Code = "WRONG"
	if _, err := b.Visit(t.Context(), l.url+"/devicelogin"); err == nil || !strings.Contains(err.Error(), "AADSTS70018") {
		t.Errorf("%v", err)
	}
	// A code may be typed with blanks and in lower case.
	d := l.device(v2, contoso, "scope", "User.Read")
	code := strings.ToLower(d.text("user_code"))
	b.Code = code[:4] + " " + code[4:]
	if _, err := b.Visit(t.Context(), l.url+"/devicelogin"); err != nil {
		t.Error(err)
	}
	l.clock.Add(time.Second)
	l.claims(l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "device_code", "client_id", pubApp, "device_code", d.text("device_code")))
}
