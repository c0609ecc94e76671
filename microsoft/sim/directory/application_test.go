package directory_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"tributary/microsoft/sim/identity"
)

type m = map[string]any

// connector is a registration as an MSSP makes it.
func connector(name string) m {
	return m{
		"displayName": name, "signInAudience": "AzureADMultipleOrgs",
		"web":                    m{"redirectUris": []string{"https://mssp.example/callback"}},
		"publicClient":           m{"redirectUris": []string{"http://localhost"}},
		"isFallbackPublicClient": true,
		"requiredResourceAccess": []m{{
			"resourceAppId":  graphAPI,
			"resourceAccess": []m{{"id": alertRole, "type": "Role"}, {"id": userRead, "type": "Scope"}},
		}},
	}
}

func (l *lab) register(body m) (objectID, appID string) {
	l.Helper()
	a := l.good(l.call(mssp, http.MethodPost, "applications", body), http.StatusCreated)
	return a.text("id"), a.text("appId")
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	l := start(t)
	a := l.good(l.call(mssp, http.MethodPost, "applications", connector("Fabrikam Connector")), http.StatusCreated)
	id, appID := a.text("id"), a.text("appId")
	if len(id) != 36 || len(appID) != 36 || id == appID {
		t.Errorf("ids %q and %q", id, appID)
	}
	for path, want := range map[string]any{
		"displayName": "Fabrikam Connector", "signInAudience": "AzureADMultipleOrgs", "publisherDomain": "fabrikam.example",
		"web.redirectUris.0": "https://mssp.example/callback", "publicClient.redirectUris.0": "http://localhost", "isFallbackPublicClient": true,
		"requiredResourceAccess.0.resourceAppId":          graphAPI,
		"requiredResourceAccess.0.resourceAccess.0.type":  "Scope",
		"requiredResourceAccess.0.resourceAccess.1.id":    alertRole,
		"web.implicitGrantSettings.enableIdTokenIssuance": false,
		"parentalControlSettings.legalAgeGroupRule":       "Allow",
		"api.requestedAccessTokenVersion":                 2.0,
		"deletedDateTime":                                 nil,
		"@odata.context":                                  l.url + "/graph/v1.0/$metadata#applications/$entity",
	} {
		if got := a.at(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for _, path := range []string{"applications/" + id, "applications(appId='" + appID + "')", "applications/appId='" + strings.ToUpper(appID) + "'"} {
		if got := l.good(l.call(mssp, http.MethodGet, path, nil), http.StatusOK); got.text("id") != id {
			t.Errorf("%s: %s", path, got.raw)
		}
	}
	// The two ids are not each other.
	for _, path := range []string{"applications/" + appID, "applications(appId='" + id + "')", "applications/nonsense"} {
		l.refused(l.call(mssp, http.MethodGet, path, nil), http.StatusNotFound, "Request_ResourceNotFound", "does not exist")
	}
	// A registration is its own directory's alone.
	l.refused(l.call(contoso, http.MethodGet, "applications/"+id, nil), http.StatusNotFound, "Request_ResourceNotFound", id)

	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"displayName": "Renamed", "web": m{"logoutUrl": "https://mssp.example/out"}, "notes": "ours"}), http.StatusNoContent)
	b := l.good(l.call(mssp, http.MethodGet, "applications/"+id, nil), http.StatusOK)
	if b.text("displayName") != "Renamed" || b.text("web.redirectUris.0") == "" || b.text("web.logoutUrl") == "" || b.text("notes") != "ours" {
		t.Errorf("after PATCH: %s", b.raw)
	}
	l.good(l.call(mssp, http.MethodDelete, "applications/"+id, nil), http.StatusNoContent)
	l.refused(l.call(mssp, http.MethodGet, "applications/"+id, nil), http.StatusNotFound, "Request_ResourceNotFound", id)
}

func TestApplicationsAreFound(t *testing.T) {
	t.Parallel()
	l := start(t)
	_, appID := l.register(connector("Fabrikam Connector"))
	l.register(connector("Another"))
	for filter, want := range map[string]int{
		"appId eq '" + appID + "'":                                   1,
		"appId eq '" + setup + "'":                                   1,
		"displayName eq 'fabrikam connector'":                        1,
		"displayName eq 'Nobody''s'":                                 0,
		"displayName eq 'Another' or displayName eq 'Set-up'":        2,
		"signInAudience eq 'AzureADMultipleOrgs' and not (id eq '')": 4,
	} {
		a := l.good(l.call(mssp, http.MethodGet, "applications?$filter="+strings.NewReplacer(" ", "%20", "'", "%27").Replace(filter), nil), http.StatusOK)
		if len(a.values()) != want {
			t.Errorf("%s: %d found, want %d", filter, len(a.values()), want)
		}
	}
	l.refused(l.call(mssp, http.MethodGet, "applications?$filter=appid%20eq%20'x'", nil), http.StatusBadRequest, "BadRequest", "appid")
	l.refused(l.call(mssp, http.MethodGet, "applications?$orderby=appId", nil), http.StatusBadRequest, "BadRequest", "$orderby")
	l.refused(l.call(mssp, http.MethodGet, "applications?$select=appId,nothing", nil), http.StatusBadRequest, "BadRequest", "nothing")

	var names []string
	next := "applications?$top=1&$select=displayName&$count=true"
	for next != "" {
		a := l.good(l.call(mssp, http.MethodGet, next, nil), http.StatusOK)
		if len(a.values()) != 1 || len(a.values()[0].(m)) != 1 || a.at("@odata.count") != 4.0 {
			t.Fatalf("page: %s", a.raw)
		}
		names = append(names, a.text("value.0.displayName"))
		next = a.text("@odata.nextLink")
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"Another", "Fabrikam Connector", "Reader", "Set-up"}) {
		t.Errorf("over the pages: %q", names)
	}
}

func TestRegistrationsAreChecked(t *testing.T) {
	t.Parallel()
	l := start(t)
	for says, body := range map[string]any{
		"displayName":         m{"signInAudience": "AzureADMyOrg"},
		"'displayName'":       m{"displayName": ""},
		"'signInAudience'":    m{"displayName": "x", "signInAudience": "everybody"},
		"'displayname'":       m{"displayname": "x"},
		"'redirectUri'":       m{"displayName": "x", "web": m{"redirectUri": "https://x.example"}},
		"http://mssp.example": m{"displayName": "x", "web": m{"redirectUris": []string{"http://mssp.example/cb"}}},
		"'resourceAccess'":    m{"displayName": "x", "requiredResourceAccess": []m{{"resourceAppId": graphAPI, "resourceAccess": []m{{"id": alertRole, "type": "role"}}}}},
		"use addPassword":     m{"displayName": "x", "passwordCredentials": []m{{"displayName": "y"}}},
		"has a fragment":      m{"displayName": "x", "publicClient": m{"redirectUris": []string{"https://x.example/#y"}}},
	} {
		l.refused(l.call(mssp, http.MethodPost, "applications", body), http.StatusBadRequest, "Request_BadRequest", says)
	}
	l.refused(l.call(mssp, http.MethodPost, "applications", "{"), http.StatusBadRequest, "BadRequest", "valid JSON")
	l.refused(l.call(mssp, http.MethodPost, "applications", nil), http.StatusBadRequest, "RequestBodyRead", "Content-Type")
	if n := len(l.identity.Apps(mssp)); n != 2 {
		t.Errorf("%d applications, want the 2 from before", n)
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	l := start(t)
	weak := l.token(mssp, reader)
	for _, call := range [][2]string{
		{http.MethodGet, "applications"}, {http.MethodPost, "applications"}, {http.MethodGet, "servicePrincipals"},
		{http.MethodPost, "servicePrincipals"}, {http.MethodPost, "servicePrincipals/x/appRoleAssignedTo"}, {http.MethodPost, "oauth2PermissionGrants"},
		{http.MethodGet, "tenantRelationships/findTenantInformationByDomainName(domainName='contoso.example')"},
		{http.MethodPost, "applications/x/addKey"}, {http.MethodGet, "me"},
	} {
		l.refused(l.callWith(weak, call[0], call[1], nil), http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges")
	}
	l.good(l.callWith(weak, http.MethodGet, "organization", nil), http.StatusOK)

	l.refused(l.callWith("", http.MethodGet, "organization", nil), http.StatusUnauthorized, "InvalidAuthenticationToken", "empty")
	l.refused(l.callWith("rubbish", http.MethodGet, "organization", nil), http.StatusUnauthorized, "InvalidAuthenticationToken", "validation")
	other := l.good(l.appOnly(mssp, setup, secret, "https://graph.windows.net"), http.StatusOK).text("access_token")
	l.refused(l.callWith(other, http.MethodGet, "organization", nil), http.StatusUnauthorized, "InvalidAuthenticationToken", "audience")
	l.refused(l.call(mssp, http.MethodGet, "users", nil), http.StatusNotFound, "ResourceNotFound", "users")
	if a := l.call(mssp, http.MethodPut, "applications", nil); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, POST" {
		t.Errorf("PUT: %d, Allow %q", a.status, a.header.Get("Allow"))
	}
	l.clock.add(2 * 60 * 60 * 1e9)
	l.refused(l.callWith(weak, http.MethodGet, "organization", nil), http.StatusUnauthorized, "InvalidAuthenticationToken", "expired")
}

// The provider's administrator sets up with Microsoft's own public client; a
// person who administers nothing gets no further with the same token.
func TestDeviceSignInOfAnAdministrator(t *testing.T) {
	t.Parallel()
	l := start(t)
	scope := "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All User.Read offline_access"
	token := l.person(mssp, "admin@fabrikam.example", graph+"/"+strings.ReplaceAll(scope, " ", " "+graph+"/"))
	a := l.good(l.callWith(token, http.MethodPost, "applications", connector("By hand")), http.StatusCreated)
	if me := l.good(l.callWith(token, http.MethodGet, "me", nil), http.StatusOK); me.text("userPrincipalName") != "admin@fabrikam.example" || len(me.text("id")) != 36 {
		t.Errorf("me: %s", me.raw)
	}
	l.refused(l.callWith(token, http.MethodPost, "oauth2PermissionGrants", m{}), http.StatusForbidden, "Authorization_RequestDenied", "Insufficient")

	// The administrator consents for everybody, so that Bob gets a token too.
	p, ok := l.identity.Principal(mssp, identity.CommandLineTools)
	g, okGraph := l.identity.Principal(mssp, graphAPI)
	if !ok || !okGraph {
		t.Fatal("the tools or Microsoft Graph are not in the tenant")
	}
	if _, err := l.identity.SetScopes(mssp, identity.ScopeGrant{ClientID: p.ID, ResourceID: g.ID, Scopes: []string{"Application.ReadWrite.All"}}); err != nil {
		t.Fatal(err)
	}
	bob := l.person(mssp, "bob@fabrikam.example", graph+"/Application.ReadWrite.All")
	l.good(l.callWith(bob, http.MethodGet, "applications/"+a.text("id"), nil), http.StatusOK)
	l.refused(l.callWith(bob, http.MethodDelete, "applications/"+a.text("id"), nil), http.StatusForbidden, "Authorization_RequestDenied", "Insufficient")
}
