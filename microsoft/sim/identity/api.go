package identity

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"tributary"
)

// API is an application that tokens are for: what it is called in requests, and
// which permissions it offers. Each tenant that has it has a service principal
// of it.
type API struct {
	URI    string // App ID URI, without a slash at its end: the `aud` of its tokens
	AppID  string // application id, which names it in requests too
	Name   string // as the consent page and the directory show it
	Roles  []Permission
	Scopes []Permission
	also   []string // further App ID URIs that name it in requests
}

// Permission is one that an API offers, to applications themselves (a role) or
// for a person (a scope).
type Permission struct {
	ID    string // GUID; it differs between Microsoft's clouds, so only Value may be relied on
	Value string // such as SecurityAlert.Read.All
}

const (
	graphURI    = "https://graph.microsoft.com"
	graphAppID  = "00000003-0000-0000-c000-000000000000"
	aadGraphURI = "https://graph.windows.net"
	partnerURI  = "https://api.partnercenter.microsoft.com"
)

// microsoftTenant owns Microsoft's own applications in every cloud.
const microsoftTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

// microsoftAPIs lists Microsoft's own APIs in a cloud of [tributary.Clouds]
// (Defender: get-alerts, api-list-incidents; Graph: permissions-reference). The
// application ids are the same in all clouds, the App ID URIs and the
// permissions' ids are not.
func microsoftAPIs(cloud tributary.Cloud) []*API {
	at := func(s tributary.Source) string { return cloud.Resource(s) }
	list := []*API{
		{URI: at(tributary.SourceGraph), AppID: graphAppID, Name: "Microsoft Graph", Roles: graphRoles, Scopes: graphScopes},
		{
			URI: aadGraphURI, AppID: "00000002-0000-0000-c000-000000000000", Name: "Windows Azure Active Directory",
			Roles: directoryRoles, Scopes: directoryScopes,
		},
		{
			URI: at(tributary.SourceEndpoint), AppID: "fc780465-2017-40d4-a0c5-307022471b92", Name: "WindowsDefenderATP",
			Roles: endpointRoles, Scopes: endpointScopes, also: endpointAliases(cloud),
		},
		{
			URI: at(tributary.SourceXDR), AppID: "8ee8fdad-f234-4243-8f3b-15c294843740", Name: "Microsoft Threat Protection",
			Roles: xdrRoles, Scopes: xdrScopes,
		},
		{
			// No id of it is documented.
			URI: "https://WDATPAlertExport.Seville.onmicrosoft.com", AppID: derivedID("WDATPAlertExport"), Name: "Windows Defender ATP SIEM",
			Scopes: []Permission{{derivedID("WDATPAlertExport user_impersonation"), "user_impersonation"}},
		},
		{
			URI: partnerURI, AppID: "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", Name: "Microsoft Partner Center",
			Scopes: []Permission{{"1cebfa2a-fb4d-419e-b5f9-839b4383e05a", "user_impersonation"}},
		},
	}
	// A cloud may lack a product.
	list = slices.DeleteFunc(list, func(a *API) bool { return a.URI == "" })
	for _, a := range list {
		a.Roles, a.Scopes = permissionsIn(cloud, a.Roles), permissionsIn(cloud, a.Scopes)
	}
	return list
}

// endpointAliases are older names of the Defender for Endpoint API, in the
// global cloud only.
func endpointAliases(cloud tributary.Cloud) []string {
	if cloud.Resource(tributary.SourceEndpoint) != "https://api.securitycenter.microsoft.com" {
		return nil
	}
	return []string{"https://api.securitycenter.windows.com", "https://securitycenter.onmicrosoft.com/windowsatpservice"}
}

// permissionsIn gives a cloud's ids to a list. Those of the national clouds are
// not documented but for one; others are made up, so that a client that brings
// the global ids along fails as it would there.
func permissionsIn(cloud tributary.Cloud, list []Permission) []Permission {
	list = slices.Clone(list)
	if !national(cloud) {
		return list
	}
	for i, p := range list {
		if p.ID == "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5" {
			list[i].ID = "64c33fcb-e6aa-490d-bed5-6016a9ef8f6d"
			continue
		}
		list[i].ID = derivedID(cloud.Login + " " + p.ID)
	}
	return list
}

// national reports whether a cloud stands apart from the global one, with a
// login of its own. GCC does not.
func national(cloud tributary.Cloud) bool {
	return cloud.Login != tributary.Clouds()["global"].Login
}

// derivedID makes a GUID for something that has none documented, the same on
// every run.
func derivedID(name string) string {
	return uuid.NewSHA1(uuid.MustParse(microsoftTenant), []byte(name)).String()
}

// addAPI makes an API known. The caller holds the lock.
func (d *directory) addAPI(a *API) {
	d.apis[apiKey(a.URI)] = a
	for _, uri := range a.also {
		d.apis[apiKey(uri)] = a
	}
	d.apis[a.AppID] = a
}

// lookup finds an API by App ID URI or application id. A slash at the end and
// letter case make no difference. The caller holds the lock.
func (d *directory) lookup(name string) *API { return d.apis[apiKey(name)] }

func apiKey(name string) string { return strings.ToLower(strings.TrimRight(name, "/")) }

// resource finds the proper App ID URI of an API, or "".
func (s *Server) resource(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.lookup(name); a != nil {
		return a.URI
	}
	return ""
}

// offers reports whether an API has that delegated permission, and gives its
// proper spelling.
func (s *Server) offers(uri, scope string) (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.lookup(uri)
	if a == nil {
		return "", false
	}
	for _, have := range a.Scopes {
		if strings.EqualFold(have.Value, scope) {
			return have.Value, true
		}
	}
	return "", false
}

// permission finds one by id in a list, or by value.
func findPermission(list []Permission, name string) (Permission, bool) {
	i := slices.IndexFunc(list, func(p Permission) bool { return p.ID == name || p.Value == name })
	if i < 0 {
		return Permission{}, false
	}
	return list[i], true
}

// clone is a copy that may leave the lock.
func (a *API) clone() API {
	c := *a
	c.Roles, c.Scopes = slices.Clone(a.Roles), slices.Clone(a.Scopes)
	return c
}
