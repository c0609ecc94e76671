package directory

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tributary/microsoft/sim/identity"
)

// Whatever path, query and body come, the answer is JSON of Microsoft's form,
// and never the server's fault.
func FuzzRequest(f *testing.F) {
	const tenant, admin, secret, graph = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000001", "s", "https://graph.microsoft.com"
	id, err := identity.New(identity.Options{
		Tenants: []identity.Tenant{{ID: tenant, Domain: "contoso.example", DisplayName: "Contoso"}},
		Apps: []identity.App{{ClientID: admin, DisplayName: "Set-up", HomeTenant: tenant, Secrets: []string{secret}, Roles: map[string][]string{graph: {
			"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All", "Organization.Read.All",
			"CrossTenantInformation.ReadBasic.All", "DelegatedAdminRelationship.Read.All",
		}}}},
		Now: time.Now,
	})
	if err != nil {
		f.Fatal(err)
	}
	id.Consent(tenant, admin)
	s := New(Options{Identity: id, Audience: graph, Prefix: "/graph"})
	r := httptest.NewRequest(http.MethodPost, "/"+tenant+"/oauth2/v2.0/token", strings.NewReader("grant_type=client_credentials&client_id="+admin+"&client_secret="+secret+"&scope="+graph+"/.default"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	id.ServeHTTP(w, r)
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &token); err != nil || token.Access == "" {
		f.Fatalf("%v %s", err, w.Body)
	}
	f.Add("GET", "applications", "$filter=displayName eq 'x'&$top=1", "")
	f.Add("POST", "applications", "", `{"displayName":"x","web":{"redirectUris":["https://x.example"]},"keyCredentials":[{"key":"AA","type":"AsymmetricX509Cert","usage":"Verify"}]}`)
	f.Add("PATCH", "applications(appId='"+admin+"')", "", `{"requiredResourceAccess":[{"resourceAppId":"x"}],"tags":null}`)
	f.Add("POST", "applications/appId='"+admin+"'/addPassword", "", `{"passwordCredential":{"endDateTime":"2300-01-01T00:00:00Z"}}`)
	f.Add("POST", "applications(appId='"+admin+"')/addKey", "", `{"keyCredential":null,"proof":"a.b.c"}`)
	f.Add("POST", "servicePrincipals", "", `{"appId":"00000003-0000-0000-c000-000000000000"}`)
	f.Add("POST", "oauth2PermissionGrants", "", `{"clientId":"x","consentType":"Principal","principalId":null,"resourceId":"y","scope":" "}`)
	f.Add("GET", "tenantRelationships/findTenantInformationByDomainName(domainName='it''s')", "$select=x", "")
	f.Add("GET", "tenantRelationships/delegatedAdminRelationships", "$skiptoken=b2Zmc2V0Oi0x&$count=true", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		if method == "" || strings.ContainsAny(method, " \r\n\x00/()<>@,;:\\\"[]?={}\t") {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/graph/v1.0/", strings.NewReader(body))
		r.Method, r.URL.Path, r.URL.RawQuery = method, "/graph/v1.0/"+path, query
		r.Header.Set("Authorization", "Bearer "+token.Access)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch {
		case w.Code == http.StatusNoContent && w.Body.Len() == 0:
		case w.Code >= 500 || !json.Valid(w.Body.Bytes()):
			t.Errorf("%s %s?%s %q: %d %s", method, path, query, body, w.Code, w.Body)
		case w.Code >= 400:
			var e struct {
				Error struct{ Code, Message string }
			}
			if json.Unmarshal(w.Body.Bytes(), &e) != nil || e.Error.Code == "" || e.Error.Message == "" {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	})
}
