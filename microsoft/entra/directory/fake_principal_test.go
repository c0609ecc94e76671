package directory

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// The APIs of Microsoft's that the fake has. The ids of their permissions are
// of its own: nothing may rest on Microsoft's.
func microsoftGraph() map[string]any {
	return apiPrincipal("Microsoft Graph", graphAppID,
		[]string{"SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All", "SecurityIncident.Read.All"},
		[]string{"SecurityAlert.Read.All", "SecurityIncident.Read.All", "User.Read", "openid", "profile", "offline_access"})
}

func aadGraph() map[string]any {
	return apiPrincipal("Windows Azure Active Directory", aadGraphAppID, nil, []string{"User.Read", "Directory.Read.All"})
}

func windowsDefender() map[string]any {
	return apiPrincipal("WindowsDefenderATP", defenderAppID, []string{"Alert.Read.All", "Alert.ReadWrite.All"}, []string{"Alert.Read"})
}

func apiPrincipal(name, appID string, roles, scopes []string) map[string]any {
	list := func(names []string) []any {
		out := []any{}
		for _, n := range names {
			out = append(out, map[string]any{"id": newID(), "value": n, "isEnabled": true, "displayName": "to " + n})
		}
		return out
	}
	return map[string]any{
		"id": newID(), "appId": appID, "displayName": name, "accountEnabled": true,
		"appRoles": list(roles), "oauth2PermissionScopes": list(scopes), "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
	}
}

func (f *fake) principalObject(id string) map[string]any {
	for _, p := range f.principals {
		born, _ := p["born"].(int)
		if p["id"] == id && (born == 0 || f.total > born+f.hidden) {
			return p
		}
	}
	return nil
}

func (f *fake) servePrincipal(w http.ResponseWriter, r *http.Request, path []string) {
	switch {
	case len(path) == 0 && r.Method == http.MethodGet:
		name, value := f.filtered(r)
		found := slices.DeleteFunc(slices.Clone(f.principals), func(p map[string]any) bool { return p[name] != value })
		if r.URL.Query().Get("$select") != principalFields {
			f.t.Errorf("a list of service principals without $select is long: %s", r.URL)
		}
		reply(w, http.StatusOK, map[string]any{"value": f.seen(found)})
		return
	case len(path) == 0 && r.Method == http.MethodPost:
		f.createPrincipal(w, r)
		return
	}
	p := f.principalObject(path[0])
	if p == nil {
		absent(w, path[0])
		return
	}
	of := func(list []map[string]any, member string) []any {
		return f.seen(slices.DeleteFunc(slices.Clone(list), func(o map[string]any) bool { return o[member] != p["id"] }))
	}
	switch action := strings.Join(path[1:], "/"); {
	case action == "" && r.Method == http.MethodGet:
		reply(w, http.StatusOK, public(p))
	case action == "appRoleAssignments" && r.Method == http.MethodGet:
		reply(w, http.StatusOK, map[string]any{"value": of(f.assignments, "principalId")})
	case action == "oauth2PermissionGrants" && r.Method == http.MethodGet:
		reply(w, http.StatusOK, map[string]any{"value": of(f.grants, "clientId")})
	case action == "appRoleAssignedTo" && r.Method == http.MethodPost:
		body := f.read(r, "principalId", "resourceId", "appRoleId")
		if body["resourceId"] != p["id"] || f.principalObject(body["principalId"].(string)) == nil {
			refuse(w, http.StatusBadRequest, "Request_BadRequest", "Not a valid reference update.")
			return
		}
		offers := func(r any) bool { return r.(map[string]any)["id"] == body["appRoleId"] }
		if !slices.ContainsFunc(p["appRoles"].([]any), offers) {
			f.t.Errorf("the role %v is none of %v", body["appRoleId"], p["displayName"])
		}
		same := func(a map[string]any) bool {
			return a["principalId"] == body["principalId"] && a["appRoleId"] == body["appRoleId"]
		}
		if slices.ContainsFunc(f.assignments, same) {
			refuse(w, http.StatusBadRequest, "Request_BadRequest", "Permission being assigned already exists on the object")
			return
		}
		body["id"], body["born"] = newID(), f.total
		f.assignments = append(f.assignments, body)
		reply(w, http.StatusCreated, public(body))
	default:
		f.t.Errorf("nothing is served at %s %s", r.Method, r.URL.Path)
	}
}

func (f *fake) createPrincipal(w http.ResponseWriter, r *http.Request) {
	appID := f.read(r, "appId")["appId"]
	if slices.ContainsFunc(f.principals, func(p map[string]any) bool { return p["appId"] == appID }) {
		refuse(w, http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue",
			"The service principal cannot be created, updated, or restored because the service principal name is already in use.", "ObjectConflict")
		return
	}
	at := slices.IndexFunc(f.available, func(p map[string]any) bool { return p["appId"] == appID })
	var made map[string]any
	if at >= 0 {
		made = maps.Clone(f.available[at])
	} else {
		own := slices.IndexFunc(f.apps, func(a map[string]any) bool { return a["appId"] == appID && f.total > a["born"].(int)+f.hidden })
		if own < 0 {
			refuse(w, http.StatusBadRequest, "Request_BadRequest",
				"The appId '"+appID.(string)+"' of the service principal does not reference a valid application object.", "NoBackingApplicationObject")
			return
		}
		made = apiPrincipal(f.apps[own]["displayName"].(string), appID.(string), nil, nil)
		made["appOwnerOrganizationId"] = ownTenant
	}
	made["born"] = f.total
	f.principals = append(f.principals, made)
	reply(w, http.StatusCreated, public(made))
}

// deletePrincipal goes with its application, and takes along what it has been
// granted.
func (f *fake) deletePrincipal(appID any) {
	for _, p := range f.principals {
		if p["appId"] == appID {
			f.assignments = slices.DeleteFunc(f.assignments, func(a map[string]any) bool { return a["principalId"] == p["id"] })
			f.grants = slices.DeleteFunc(f.grants, func(g map[string]any) bool { return g["clientId"] == p["id"] })
		}
	}
	f.principals = slices.DeleteFunc(f.principals, func(p map[string]any) bool { return p["appId"] == appID })
}

func (f *fake) serveGrant(w http.ResponseWriter, r *http.Request, path []string) {
	if len(path) == 0 && r.Method == http.MethodPost {
		body := f.read(r, "clientId", "consentType", "principalId", "resourceId", "scope")
		if slices.ContainsFunc(f.grants, func(g map[string]any) bool {
			return g["clientId"] == body["clientId"] && g["resourceId"] == body["resourceId"] && g["consentType"] == body["consentType"]
		}) {
			refuse(w, http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
			return
		}
		body["id"], body["born"] = newID(), f.total
		f.grants = append(f.grants, body)
		reply(w, http.StatusCreated, public(body))
		return
	}
	at := slices.IndexFunc(f.grants, func(g map[string]any) bool { return len(path) == 1 && g["id"] == path[0] })
	if at < 0 || r.Method != http.MethodPatch {
		f.t.Errorf("nothing is served at %s %s", r.Method, r.URL.Path)
		return
	}
	f.grants[at]["scope"] = f.read(r, "scope")["scope"]
	w.WriteHeader(http.StatusNoContent)
}
