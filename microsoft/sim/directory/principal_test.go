package directory_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/microsoft/sim/directory"
	"tributary/microsoft/sim/identity"
)

// roleID finds an application permission by its name, as a client must.
func (l *lab) roleID(tenant, api, value string) (resourceID, roleID string) {
	l.Helper()
	a := l.good(l.call(tenant, http.MethodGet, "servicePrincipals(appId='"+api+"')?$select=id,appRoles,oauth2PermissionScopes", nil), http.StatusOK)
	for _, set := range []string{"appRoles", "oauth2PermissionScopes"} {
		for _, r := range a.at(set).([]any) {
			if r.(m)["value"] == value {
				return a.text("id"), r.(m)["id"].(string)
			}
		}
	}
	l.Fatalf("%s has no %s: %s", api, value, a.raw)
	return "", ""
}

func TestConsentByAPI(t *testing.T) {
	t.Parallel()
	l := start(t)
	_, appID := l.register(connector("Fabrikam Connector"))
	// The customer's tenant has nothing of it yet.
	l.tokenError(l.appOnly(contoso, appID, "x", graph), 700016)
	id, _ := l.find(mssp, appID)
	text := l.good(l.call(mssp, http.MethodPost, "applications/"+id+"/addPassword", m{}), http.StatusOK).text("secretText")
	sp := l.good(l.call(contoso, http.MethodPost, "servicePrincipals", m{"appId": appID, "tags": []string{"WindowsAzureActiveDirectoryIntegratedApp"}}), http.StatusCreated)
	for path, want := range map[string]any{
		"appId": appID, "appOwnerOrganizationId": mssp, "publisherName": "Fabrikam", "displayName": "Fabrikam Connector", "accountEnabled": true,
		"servicePrincipalType": "Application", "servicePrincipalNames.0": appID, "tags.0": "WindowsAzureActiveDirectoryIntegratedApp",
	} {
		if got := sp.at(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	l.refused(l.call(contoso, http.MethodPost, "servicePrincipals", m{"appId": appID}), http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "already in use")

	token := func() identity.Claims {
		t.Helper()
		c, err := l.identity.Verify(l.good(l.appOnly(contoso, appID, text, graph), http.StatusOK).text("access_token"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := token(); len(c.Roles) != 0 || c.ObjectID != sp.text("id") {
		t.Errorf("before: %+v", c)
	}
	resourceID, roleID := l.roleID(contoso, graphAPI, "SecurityAlert.Read.All")
	if roleID != alertRole {
		t.Errorf("SecurityAlert.Read.All is %s", roleID)
	}
	body := m{"principalId": sp.text("id"), "resourceId": resourceID, "appRoleId": roleID}
	a := l.good(l.call(contoso, http.MethodPost, "servicePrincipals/"+resourceID+"/appRoleAssignedTo", body), http.StatusCreated)
	for path, want := range map[string]any{
		"principalId": sp.text("id"), "resourceId": resourceID, "appRoleId": roleID, "principalType": "ServicePrincipal",
		"principalDisplayName": "Fabrikam Connector", "resourceDisplayName": "Microsoft Graph", "createdDateTime": l.clock.Now().UTC().Format(time.RFC3339),
	} {
		if got := a.at(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if c := token(); !slices.Equal(c.Roles, []string{"SecurityAlert.Read.All"}) {
		t.Errorf("after: %+v", c)
	}
	l.refused(l.call(contoso, http.MethodPost, "servicePrincipals/"+sp.text("id")+"/appRoleAssignments", body), http.StatusBadRequest, "Request_BadRequest", "already exists on the object")
	for _, path := range []string{"servicePrincipals/" + sp.text("id") + "/appRoleAssignments", "servicePrincipals/" + resourceID + "/appRoleAssignedTo?$filter=principalId%20eq%20'" + sp.text("id") + "'"} {
		if list := l.good(l.call(contoso, http.MethodGet, path, nil), http.StatusOK); len(list.values()) != 1 || list.text("value.0.id") != a.text("id") {
			t.Errorf("%s: %s", path, list.raw)
		}
	}
	wrong := m{"principalId": sp.text("id"), "resourceId": resourceID, "appRoleId": userRead}
	l.refused(l.call(contoso, http.MethodPost, "servicePrincipals/"+resourceID+"/appRoleAssignedTo", wrong), http.StatusBadRequest, "Request_BadRequest", "was not found")
	l.refused(l.call(contoso, http.MethodPost, "servicePrincipals/"+sp.text("id")+"/appRoleAssignedTo", body), http.StatusBadRequest, "Request_BadRequest", "same service principal")

	l.good(l.call(contoso, http.MethodDelete, "servicePrincipals/"+resourceID+"/appRoleAssignedTo/"+a.text("id"), nil), http.StatusNoContent)
	if c := token(); len(c.Roles) != 0 {
		t.Errorf("taken back: %+v", c)
	}
	l.good(l.call(contoso, http.MethodDelete, "servicePrincipals/"+sp.text("id"), nil), http.StatusNoContent)
	l.tokenError(l.appOnly(contoso, appID, text, graph), 700016)
}

// find is a registration's object id, by its client id.
func (l *lab) find(tenant, appID string) (string, answer) {
	l.Helper()
	a := l.good(l.call(tenant, http.MethodGet, "applications?$filter="+url.QueryEscape("appId eq '"+appID+"'"), nil), http.StatusOK)
	return a.text("value.0.id"), a
}

// What an administrator consents to on the page is there afterwards, and the
// other way round.
func TestPageConsentShowsInTheDirectory(t *testing.T) {
	t.Parallel()
	l := start(t)
	_, appID := l.register(connector("Fabrikam Connector"))
	b := identity.Browser{Client: l.client, User: "admin@contoso.example", Password: password}
	q := url.Values{"client_id": {appID}, "scope": {graph + "/.default"}, "redirect_uri": {"https://mssp.example/callback"}, "state": {"s"}}
	if _, err := b.Visit(t.Context(), l.url+"/"+contoso+"/v2.0/adminconsent?"+q.Encode()); err != nil {
		t.Fatal(err)
	}
	sp := l.good(l.call(contoso, http.MethodGet, "servicePrincipals?$filter=appId%20eq%20'"+appID+"'", nil), http.StatusOK)
	id := sp.text("value.0.id")
	if list := l.good(l.call(contoso, http.MethodGet, "servicePrincipals/"+id+"/appRoleAssignments", nil), http.StatusOK); list.text("value.0.appRoleId") != alertRole {
		t.Errorf("roles: %s", list.raw)
	}
	list := l.good(l.call(contoso, http.MethodGet, "oauth2PermissionGrants?$filter=clientId%20eq%20'"+id+"'", nil), http.StatusOK)
	if len(list.values()) != 1 || list.text("value.0.scope") != "User.Read" || list.text("value.0.consentType") != "AllPrincipals" || list.at("value.0.principalId") != nil {
		t.Errorf("grants: %s", list.raw)
	}
}

func TestDelegatedGrants(t *testing.T) {
	t.Parallel()
	l := start(t)
	_, appID := l.register(connector("Fabrikam Connector"))
	sp := l.good(l.call(contoso, http.MethodPost, "servicePrincipals", m{"appId": appID}), http.StatusCreated)
	resourceID, _ := l.roleID(contoso, graphAPI, "User.Read")
	body := m{"clientId": sp.text("id"), "consentType": "AllPrincipals", "resourceId": resourceID, "scope": " User.Read SecurityAlert.Read.All"}
	a := l.good(l.call(contoso, http.MethodPost, "oauth2PermissionGrants", body), http.StatusCreated)
	if a.text("scope") != "User.Read SecurityAlert.Read.All" {
		t.Errorf("made: %s", a.raw)
	}
	l.refused(l.call(contoso, http.MethodPost, "oauth2PermissionGrants", body), http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
	l.refused(l.call(contoso, http.MethodPost, "oauth2PermissionGrants", m{"clientId": sp.text("id"), "consentType": "Principal", "resourceId": resourceID, "scope": "x"}),
		http.StatusBadRequest, "Request_BadRequest", "consentType")
	path := "oauth2PermissionGrants/" + a.text("id")
	l.refused(l.call(contoso, http.MethodPatch, path, m{"scope": "Nonsense.Read"}), http.StatusBadRequest, "Request_BadRequest", "scope")
	l.good(l.call(contoso, http.MethodPatch, path, m{"scope": "User.Read"}), http.StatusNoContent)
	if got := l.good(l.call(contoso, http.MethodGet, path, nil), http.StatusOK); got.text("scope") != "User.Read" {
		t.Errorf("changed: %s", got.raw)
	}
	l.good(l.call(contoso, http.MethodDelete, path, nil), http.StatusNoContent)
	if list := l.good(l.call(contoso, http.MethodGet, "servicePrincipals/"+sp.text("id")+"/oauth2PermissionGrants", nil), http.StatusOK); len(list.values()) != 0 {
		t.Errorf("after: %s", list.raw)
	}
}

func TestServicePrincipalsOfNothing(t *testing.T) {
	t.Parallel()
	l := start(t)
	const nobody = "cccccccc-0000-4000-8000-000000000009"
	a := l.call(mssp, http.MethodPost, "servicePrincipals", m{"appId": nobody})
	l.refused(a, http.StatusBadRequest, "Request_BadRequest", "does not reference a valid application object")
	if a.text("error.details.0.code") != "NoBackingApplicationObject" {
		t.Errorf("details: %s", a.raw)
	}
	// A registration for one directory can't be had by another.
	own := connector("Only here")
	own["signInAudience"] = "AzureADMyOrg"
	_, appID := l.register(own)
	l.refused(l.call(contoso, http.MethodPost, "servicePrincipals", m{"appId": appID}), http.StatusBadRequest, "Request_BadRequest", "valid application")
	l.good(l.call(mssp, http.MethodPost, "servicePrincipals", m{"appId": appID}), http.StatusCreated)
	l.tokenError(l.appOnly(contoso, appID, "x", graph), 700016)
	// Microsoft's APIs are Microsoft's.
	api, ok := l.identity.Principal(mssp, defenderAPI)
	if !ok {
		t.Fatal("no WindowsDefenderATP")
	}
	l.refused(l.call(mssp, http.MethodDelete, "servicePrincipals/"+api.ID, nil), http.StatusForbidden, "Authorization_RequestDenied", "")
}

func TestAnAPIMayBeMissing(t *testing.T) {
	t.Parallel()
	l := start(t)
	path := "servicePrincipals(appId='" + defenderAPI + "')"
	l.good(l.call(contoso, http.MethodGet, path, nil), http.StatusOK)
	if err := l.identity.RemoveAPI(contoso, "WindowsDefenderATP"); err != nil {
		t.Fatal(err)
	}
	l.refused(l.call(contoso, http.MethodGet, path, nil), http.StatusNotFound, "Request_ResourceNotFound", defenderAPI)
	l.good(l.call(mssp, http.MethodGet, path, nil), http.StatusOK)
	l.good(l.call(contoso, http.MethodPost, "servicePrincipals", m{"appId": defenderAPI}), http.StatusCreated)
	l.good(l.call(contoso, http.MethodGet, path, nil), http.StatusOK)
}

// The ids of permissions are not the same in another cloud.
func TestPermissionIDsDifferByCloud(t *testing.T) {
	t.Parallel()
	global := start(t)
	gov := start(t, func(o *identity.Options, _ *directory.Options) {
		o.Cloud = "gcc-high"
		for i := range o.Apps {
			o.Apps[i].Roles = map[string][]string{"https://graph.microsoft.us": o.Apps[i].Roles[graph]}
		}
	})
	gov.tokens[mssp+setup] = gov.good(gov.appOnly(mssp, setup, secret, "https://graph.microsoft.us"), http.StatusOK).text("access_token")
	gov.tokenError(gov.appOnly(mssp, setup, secret, graph), 500011)
	for api, names := range map[string][]string{
		graphAPI:                               {"SecurityAlert.Read.All", "User.Read", "Organization.Read.All"},
		defenderAPI:                            {"Alert.Read.All", "Alert.Read"},
		"8ee8fdad-f234-4243-8f3b-15c294843740": {"Incident.Read.All", "Incident.Read"},
	} {
		for _, name := range names {
			_, here := global.roleID(mssp, api, name)
			_, there := gov.roleID(mssp, api, name)
			if here == there {
				t.Errorf("%s has the id %s in both clouds", name, here)
			}
			if name == "SecurityAlert.Read.All" && there != "64c33fcb-e6aa-490d-bed5-6016a9ef8f6d" {
				t.Errorf("%s is %s in the government's cloud", name, there)
			}
		}
	}
}

// New objects are seen late, as at Entra's replicas.
func TestTheDirectoryLagsBehind(t *testing.T) {
	t.Parallel()
	l := start(t, func(_ *identity.Options, o *directory.Options) { o.Lag = 10 * time.Second })
	l.clock.add(time.Minute)
	l.tokens = map[string]string{}
	id, appID := l.register(connector("Fabrikam Connector"))
	l.refused(l.call(mssp, http.MethodGet, "applications/"+id, nil), http.StatusNotFound, "Request_ResourceNotFound", id)
	l.refused(l.call(mssp, http.MethodPost, "servicePrincipals", m{"appId": appID}), http.StatusBadRequest, "Request_BadRequest", "valid application object")
	l.clock.add(10 * time.Second)
	l.good(l.call(mssp, http.MethodGet, "applications/"+id, nil), http.StatusOK)
	sp := l.good(l.call(mssp, http.MethodPost, "servicePrincipals", m{"appId": appID}), http.StatusCreated)
	resourceID, roleID := l.roleID(mssp, graphAPI, "SecurityAlert.Read.All")
	body := m{"principalId": sp.text("id"), "resourceId": resourceID, "appRoleId": roleID}
	l.refused(l.call(mssp, http.MethodPost, "servicePrincipals/"+resourceID+"/appRoleAssignedTo", body), http.StatusNotFound, "Request_ResourceNotFound", sp.text("id"))
	l.clock.add(10 * time.Second)
	l.good(l.call(mssp, http.MethodPost, "servicePrincipals/"+resourceID+"/appRoleAssignedTo", body), http.StatusCreated)
}

// Ids that nobody offers are taken, and are found out at consent.
func TestUnknownPermissionsFailAtConsent(t *testing.T) {
	t.Parallel()
	l := start(t)
	body := connector("Of another cloud")
	body["requiredResourceAccess"] = []m{{"resourceAppId": graphAPI, "resourceAccess": []m{{"id": "64c33fcb-e6aa-490d-bed5-6016a9ef8f6d", "type": "Role"}}}}
	_, appID := l.register(body)
	b := identity.Browser{Client: l.client, User: "admin@contoso.example", Password: password}
	q := url.Values{"client_id": {appID}, "scope": {graph + "/.default"}, "redirect_uri": {"https://mssp.example/callback"}, "state": {"s"}}
	if _, err := b.Visit(t.Context(), l.url+"/"+contoso+"/v2.0/adminconsent?"+q.Encode()); err == nil || !strings.Contains(err.Error(), "AADSTS650053") {
		t.Errorf("consent: %v", err)
	}
}
