package directory

import (
	"errors"
	"net/http"
	"strings"

	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/odata"
)

var principalKind = kind{
	set: "servicePrincipals", name: "servicePrincipal",
	filter: map[string]odata.Type{
		"id": odata.Name, "appId": odata.Name, "displayName": odata.Name, "appOwnerOrganizationId": odata.Name, "servicePrincipalType": odata.Name,
	},
}

// principalRoutes are the applications that the caller's tenant has, Microsoft's
// APIs among them (Graph: serviceprincipal).
func principalRoutes() []route {
	return []route{
		{http.MethodGet, "servicePrincipals", [][]string{readApplications}, listPrincipals},
		{http.MethodPost, "servicePrincipals", [][]string{writeApplications}, createPrincipal},
		{http.MethodGet, "servicePrincipals/{}", [][]string{readApplications}, getPrincipal},
		{http.MethodPatch, "servicePrincipals/{}", [][]string{writeApplications}, updatePrincipal},
		{http.MethodDelete, "servicePrincipals/{}", [][]string{writeApplications}, deletePrincipal},
	}
}

func listPrincipals(c *call) {
	var list []object
	for _, p := range c.Identity.Principals(c.claims.TenantID) {
		if !c.young(p.Created) {
			list = append(list, principalObject(p))
		}
	}
	c.list(principalKind, "servicePrincipals", list)
}

func createPrincipal(c *call) {
	f, ok := c.read("appId", "accountEnabled", "tags")
	if !ok {
		return
	}
	if err := f.required("ServicePrincipal", "appId"); err != nil {
		c.badBody(err)
		return
	}
	appID, err := f.guid("appId")
	if err != nil {
		c.badBody(err)
		return
	}
	enabled := true
	if err := f.to("accountEnabled", &enabled); err != nil {
		c.badBody(err)
		return
	}
	var tags []string
	if err := f.to("tags", &tags); err != nil {
		c.badBody(err)
		return
	}
	// Entra's replicas learn of a new registration one after the other.
	if a, ok := c.find("appId='" + appID + "'"); ok && c.young(a.Created) {
		c.noBacking(appID)
		return
	}
	p, err := c.Identity.AddPrincipal(c.claims.TenantID, appID)
	switch {
	case errors.Is(err, identity.ErrExists):
		c.refuse(http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue",
			"The service principal cannot be created, updated, or restored because the service principal name "+appID+" is already in use.")
		return
	case err != nil:
		c.noBacking(appID)
		return
	}
	if p.API == nil {
		err = c.Identity.UpdatePrincipal(p.TenantID, p.ID, func(p *identity.Principal) { p.Enabled, p.Tags = enabled, tags })
	}
	if err != nil {
		c.missing(p.ID)
		return
	}
	p, _ = c.Identity.Principal(p.TenantID, p.ID)
	c.one(http.StatusCreated, principalKind, principalObject(p))
}

// noBacking says that a service principal has no registration to stand for.
func (c *call) noBacking(appID string) {
	message := "The appId '" + appID + "' of the service principal does not reference a valid application object."
	c.refuseWith(http.StatusBadRequest, object{
		{"code", "Request_BadRequest"}, {"message", message},
		{"details", []object{{{"code", "NoBackingApplicationObject"}, {"message", message}, {"target", "appId"}}}},
	})
}

// findPrincipal is the service principal of the caller's tenant that a key
// names: the object id, or appId='…'.
func (c *call) findPrincipal(key string) (identity.Principal, bool) {
	appID, byAppID := named(key, "appId")
	if !byAppID {
		appID = key
	}
	p, ok := c.Identity.Principal(c.claims.TenantID, appID)
	switch {
	case !ok, c.young(p.Created), byAppID != strings.EqualFold(p.AppID, appID):
		return identity.Principal{}, false
	}
	return p, true
}

// principal is the service principal that the path names. Where it returns
// false it has answered.
func (c *call) principal() (identity.Principal, bool) {
	p, ok := c.findPrincipal(c.keys[0])
	if !ok {
		id, byAppID := named(c.keys[0], "appId")
		if !byAppID {
			id = c.keys[0]
		}
		c.missing(id)
	}
	return p, ok
}

func getPrincipal(c *call) {
	if p, ok := c.principal(); ok {
		c.one(http.StatusOK, principalKind, principalObject(p))
	}
}

func updatePrincipal(c *call) {
	p, ok := c.principal()
	if !ok {
		return
	}
	f, ok := c.read("accountEnabled", "tags")
	if !ok {
		return
	}
	enabled, tags := p.Enabled, p.Tags
	if err := errors.Join(f.to("accountEnabled", &enabled), f.to("tags", &tags)); err != nil {
		c.badBody(invalid("accountEnabled"))
		return
	}
	if err := c.Identity.UpdatePrincipal(p.TenantID, p.ID, func(p *identity.Principal) { p.Enabled, p.Tags = enabled, tags }); err != nil {
		// Microsoft's own can't be changed.
		c.deny()
		return
	}
	c.done()
}

func deletePrincipal(c *call) {
	p, ok := c.principal()
	if !ok {
		return
	}
	if p.API != nil {
		c.deny()
		return
	}
	if err := c.Identity.RemovePrincipal(p.TenantID, p.ID); err != nil {
		c.missing(p.ID)
		return
	}
	c.done()
}

func principalObject(p identity.Principal) object {
	var api identity.API
	if p.API != nil {
		api = *p.API
	}
	names := []string{p.AppID}
	if api.URI != "" {
		names = append([]string{api.URI}, names...)
	}
	return object{
		{"id", p.ID},
		{"deletedDateTime", nil},
		{"accountEnabled", p.Enabled},
		{"createdDateTime", moment(p.Created)},
		{"appDisplayName", p.Name},
		{"appId", p.AppID},
		{"appOwnerOrganizationId", p.Owner},
		{"appRoleAssignmentRequired", false},
		{"displayName", p.Name},
		{"homepage", nil},
		{"logoutUrl", nil},
		{"publisherName", orNull(p.Publisher)},
		{"replyUrls", orNone(p.ReplyURLs)},
		{"servicePrincipalNames", names},
		{"servicePrincipalType", "Application"},
		{"tags", orNone(p.Tags)},
		{"addIns", []object{}},
		{"appRoles", roleObjects(api.Roles)},
		{"info", info()},
		{"keyCredentials", []object{}},
		{"oauth2PermissionScopes", scopeObjects(api.Scopes)},
		{"passwordCredentials", []object{}},
	}
}

func roleObjects(list []identity.Permission) []object {
	out := []object{}
	for _, p := range list {
		out = append(out, object{
			{"allowedMemberTypes", []string{"Application"}}, {"description", words(p.Value)}, {"displayName", words(p.Value)},
			{"id", p.ID}, {"isEnabled", true}, {"origin", "Application"}, {"value", p.Value},
		})
	}
	return out
}

func scopeObjects(list []identity.Permission) []object {
	out := []object{}
	for _, p := range list {
		typ := "User"
		if strings.HasSuffix(p.Value, ".All") {
			typ = "Admin"
		}
		out = append(out, object{
			{"adminConsentDescription", words(p.Value)}, {"adminConsentDisplayName", words(p.Value)}, {"id", p.ID}, {"isEnabled", true},
			{"type", typ}, {"userConsentDescription", words(p.Value)}, {"userConsentDisplayName", words(p.Value)}, {"value", p.Value},
		})
	}
	return out
}

// words says a permission's name as a sentence would.
func words(value string) string { return strings.ToLower(strings.ReplaceAll(value, ".", " ")) }
