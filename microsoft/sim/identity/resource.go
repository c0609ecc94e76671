package identity

import (
	"slices"
	"strings"
)

// resource is an API that tokens are for.
type resource struct {
	uri    string   // App ID URI, without a slash at its end: the `aud` of its tokens
	appID  string   // its application id, which also names it in requests; may be empty
	name   string   // as the consent page shows it
	scopes []string // delegated permissions that it offers
}

const (
	graphURI    = "https://graph.microsoft.com"
	graphAppID  = "00000003-0000-0000-c000-000000000000"
	aadGraphURI = "https://graph.windows.net"
)

// microsoftResources lists Microsoft's own APIs, which exist in every tenant
// (Defender:
// get-alerts, api-list-incidents; Graph: permissions-reference). The government's carry no application id: none
// is documented.
func microsoftResources() []*resource {
	graph := []string{
		"openid", "profile", "email", "offline_access", "User.Read", "Directory.Read.All", "Organization.Read.All",
		"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All",
		"SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All", "SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All",
	}
	endpoint := []string{"Alert.Read", "Alert.ReadWrite", "Machine.Read", "user_impersonation"}
	xdr := []string{"Incident.Read", "Incident.ReadWrite", "AdvancedHunting.Read"}
	return []*resource{
		{uri: graphURI, appID: graphAppID, name: "Microsoft Graph", scopes: slices.Clone(graph)},
		{uri: "https://graph.microsoft.us", name: "Microsoft Graph", scopes: slices.Clone(graph)},
		{uri: "https://dod-graph.microsoft.us", name: "Microsoft Graph", scopes: slices.Clone(graph)},
		{
			uri: aadGraphURI, appID: "00000002-0000-0000-c000-000000000000", name: "Windows Azure Active Directory",
			scopes: []string{"User.Read", "Directory.Read.All", "Directory.AccessAsUser.All", "user_impersonation"},
		},
		{
			uri: "https://api.securitycenter.microsoft.com", appID: "fc780465-2017-40d4-a0c5-307022471b92", name: "WindowsDefenderATP",
			scopes: slices.Clone(endpoint),
		},
		{uri: "https://api-gcc.securitycenter.microsoft.us", name: "WindowsDefenderATP", scopes: slices.Clone(endpoint)},
		{uri: "https://api-gov.securitycenter.microsoft.us", name: "WindowsDefenderATP", scopes: slices.Clone(endpoint)},
		{
			uri: "https://api.security.microsoft.com", appID: "8ee8fdad-f234-4243-8f3b-15c294843740", name: "Microsoft Threat Protection",
			scopes: slices.Clone(xdr),
		},
		{uri: "https://api-gcc.security.microsoft.us", name: "Microsoft Threat Protection", scopes: slices.Clone(xdr)},
		{uri: "https://api-gov.security.microsoft.us", name: "Microsoft Threat Protection", scopes: slices.Clone(xdr)},
		{uri: "https://WDATPAlertExport.Seville.onmicrosoft.com", name: "Windows Defender ATP SIEM", scopes: []string{"user_impersonation"}},
	}
}

// addResource makes a resource known. The caller holds the lock.
func (d *directory) addResource(r *resource) {
	d.resources[resourceKey(r.uri)] = r
	if r.appID != "" {
		d.resources[r.appID] = r
	}
}

// lookup finds a resource by App ID URI or application id. A slash at the end
// and letter case make no difference. The caller holds the lock.
func (d *directory) lookup(name string) *resource { return d.resources[resourceKey(name)] }

func resourceKey(name string) string { return strings.ToLower(strings.TrimRight(name, "/")) }

// resource finds the proper App ID URI of a resource, or "".
func (s *Server) resource(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.lookup(name); r != nil {
		return r.uri
	}
	return ""
}

// offers reports whether a resource has that delegated permission, and gives
// its proper spelling.
func (s *Server) offers(uri, scope string) (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.lookup(uri)
	if r == nil {
		return "", false
	}
	for _, have := range r.scopes {
		if strings.EqualFold(have, scope) {
			return have, true
		}
	}
	return "", false
}
