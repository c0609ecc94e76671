package entra

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tributary"
)

func TestDiscover(t *testing.T) {
	t.Parallel()
	const ok = `{"issuer":"https://login.microsoftonline.com/` + tenantID + `/v2.0","token_endpoint":"https://login.microsoftonline.com/` + tenantID + `/oauth2/v2.0/token","tenant_region_scope":"EU","cloud_instance_name":"microsoftonline.com"}`
	tests := []struct {
		name   string
		ask    string
		answer reply
		want   Discovery
		code   string
		says   string
	}{
		{"domain", "contoso.com", reply{body: ok}, Discovery{tenantID, "EU", "", "global"}, "", ""},
		{"id", tenantID, reply{body: strings.Replace(ok, tenantID, strings.ToUpper(tenantID), 1)}, Discovery{tenantID, "EU", "", "global"}, "", ""},
		{"gcc", "contoso.com", reply{body: strings.Replace(ok, `"EU"`, `"NA","tenant_region_sub_scope":"GCC"`, 1)}, Discovery{tenantID, "NA", "GCC", "gcc"}, "", ""},
		{"dod", "contoso.com", reply{body: strings.Replace(ok, `"EU"`, `"USGov","tenant_region_sub_scope":"DOD"`, 1)}, Discovery{tenantID, "USGov", "DOD", "dod"}, "", ""},
		{"gcc-high", "contoso.us", reply{body: strings.Replace(ok, "microsoftonline.com\"}", "microsoftonline.us\"}", 1)}, Discovery{tenantID, "EU", "", "gcc-high"}, "", ""},
		{"v1 issuer", "contoso.com", reply{body: `{"issuer":"https://sts.windows.net/` + strings.ToUpper(tenantID) + `/"}`}, Discovery{TenantID: tenantID}, "", ""},
		{"unknown", "nosuch.example", errorReply(400, "invalid_tenant", "", "AADSTS90002: Tenant 'nosuch.example' not found.", 90002), Discovery{}, tributary.CodeTenantUnknown, "AADSTS90002"},
		{"unknown, named otherwise", "nosuch.example", errorReply(400, "invalid_request", "", "AADSTS90002: Tenant not found.", 90002), Discovery{}, tributary.CodeTenantUnknown, "AADSTS90002"},
		{"no identity service", "contoso.com", reply{status: 404, body: "not found"}, Discovery{}, CodeSettings, "no identity service"},
		{"another page", "contoso.com", reply{body: "<html>"}, Discovery{}, CodeSettings, "doesn't answer as an identity service"},
		{"no tenant in it", "contoso.com", reply{body: `{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0"}`}, Discovery{}, CodeSettings, "names no tenant"},
		{"fault", "contoso.com", reply{status: 503, body: "busy"}, Discovery{}, tributary.CodeUnavailable, "fault"},
		{"fault in Entra's words", "contoso.com", errorReply(503, "temporarily_unavailable", "", "AADSTS90033: busy", 90033), Discovery{}, tributary.CodeUnavailable, "passing fault"},
		{"redirect", "contoso.com", reply{status: 302, header: http.Header{"Location": {"https://example.com/"}}, body: ""}, Discovery{}, CodeSettings, "redirect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, func(path string, _ url.Values) reply {
				if path != "/"+tt.ask+"/v2.0/.well-known/openid-configuration" {
					t.Errorf("asked %s", path)
				}
				return tt.answer
			})
			got, err := Discover(t.Context(), f.cloud(), f.srv.Client(), tt.ask)
			if tt.code == "" {
				if err != nil || got != tt.want {
					t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
				}
				return
			}
			e := tributary.AsError(err)
			if e == nil || e.Code != tt.code || !strings.Contains(e.Error(), tt.says) || e.Next == "" || e.Tenant != tt.ask {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDiscoverNonsense(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(string, url.Values) reply { t.Error("asked"); return reply{} })
	for _, ask := range []string{"", "contoso com", "../common", "contoso.com/oauth2", "contoso.com?x", ".", "a@contoso.com", strings.Repeat("a", 300)} {
		_, err := Discover(t.Context(), f.cloud(), f.srv.Client(), ask)
		if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeTenantUnknown {
			t.Errorf("%q: %v", ask, err)
		}
	}
}

func TestAdminConsent(t *testing.T) {
	t.Parallel()
	cloud := tributary.Cloud{Login: "https://login.microsoftonline.us"}
	app := tributary.App{ClientID: clientID, ClientSecret: tributary.NewSecret(testSecret)}
	got := AdminConsentURL(cloud, tenantID, app, "https://mssp.example/consent?a=1&b=2", "the state+")
	want := "https://login.microsoftonline.us/" + tenantID + "/adminconsent?client_id=" + clientID +
		"&redirect_uri=https%3A%2F%2Fmssp.example%2Fconsent%3Fa%3D1%26b%3D2&state=the+state%2B"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := AdminConsentURL(cloud, "", app, "", ""); got != "https://login.microsoftonline.us/common/adminconsent?client_id="+clientID {
		t.Errorf("without tenant: %s", got)
	}
}

func TestReadConsent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, query, code string
		fix               tributary.Fixer
	}{
		{"given", "admin_consent=True&tenant=" + otherID + "&state=s", "", ""},
		{"another state", "admin_consent=True&state=x", CodeRequest, tributary.FixMSSP},
		{"no state", "admin_consent=True", CodeRequest, tributary.FixMSSP},
		{"refused", "error=permission_denied&error_description=AADSTS65004%3A+declined&state=s", tributary.CodeConsentMissing, tributary.FixCustomer},
		// v2 says admin_consent=True beside the error.
		{"refused at v2", "admin_consent=True&error=consent_required&error_description=AADSTS65004&state=s", tributary.CodeConsentMissing, tributary.FixCustomer},
		{"neither", "tenant=" + tenantID + "&state=s", tributary.CodeConsentMissing, tributary.FixCustomer},
	}
	for _, tt := range tests {
		v, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		err = ReadConsent(v, "s")
		if tt.code == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if e := tributary.AsError(err); e == nil || e.Code != tt.code || e.Fix != tt.fix {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := ReadConsent(url.Values{"admin_consent": {"True"}}, ""); err == nil {
		t.Error("an empty state is taken for the same as none")
	}
}
