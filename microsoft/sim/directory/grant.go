package directory

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/odata"
)

var grantKind = kind{
	set: "oauth2PermissionGrants", name: "oAuth2PermissionGrant",
	filter: map[string]odata.Type{
		"id": odata.Text, "clientId": odata.Name, "consentType": odata.Name, "principalId": odata.Name, "resourceId": odata.Name, "scope": odata.Text,
	},
}

var (
	readGrants  = []string{"DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	writeGrants = []string{"DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"}
)

// grantRoutes are the delegated permissions that the caller's tenant has
// granted (Graph: oauth2permissiongrant).
func grantRoutes() []route {
	return []route{
		{http.MethodGet, "oauth2PermissionGrants", [][]string{readGrants}, listGrants},
		{http.MethodPost, "oauth2PermissionGrants", [][]string{writeGrants}, createGrant},
		{http.MethodGet, "oauth2PermissionGrants/{}", [][]string{readGrants}, getGrant},
		{http.MethodPatch, "oauth2PermissionGrants/{}", [][]string{writeGrants}, updateGrant},
		{http.MethodDelete, "oauth2PermissionGrants/{}", [][]string{writeGrants}, deleteGrant},
		{http.MethodGet, "servicePrincipals/{}/oauth2PermissionGrants", [][]string{readGrants}, listGrantsOf},
	}
}

func listGrants(c *call) {
	c.listGrants("oauth2PermissionGrants", func(identity.ScopeGrant) bool { return true })
}

func listGrantsOf(c *call) {
	if p, ok := c.principal(); ok {
		c.listGrants("servicePrincipals/"+p.ID+"/oauth2PermissionGrants", func(g identity.ScopeGrant) bool { return g.ClientID == p.ID })
	}
}

func (c *call) listGrants(path string, wanted func(identity.ScopeGrant) bool) {
	var list []object
	for _, g := range c.Identity.ScopeGrants(c.claims.TenantID) {
		if wanted(g) {
			list = append(list, grantObject(g))
		}
	}
	c.list(grantKind, path, list)
}

const (
	forEverybody = "AllPrincipals"
	forOne       = "Principal"
)

func createGrant(c *call) {
	// startTime and expiryTime were once required and mean nothing.
	f, ok := c.read("clientId", "consentType", "principalId", "resourceId", "scope", "startTime", "expiryTime")
	if !ok {
		return
	}
	g, err := f.grant()
	if err != nil {
		c.badBody(err)
		return
	}
	for _, id := range []string{g.ClientID, g.ResourceID} {
		if _, ok := c.findPrincipal(id); !ok {
			c.missing(id)
			return
		}
	}
	if slices.ContainsFunc(c.Identity.ScopeGrants(c.claims.TenantID), func(have identity.ScopeGrant) bool {
		return have.ClientID == g.ClientID && have.ResourceID == g.ResourceID && have.UserID == g.UserID
	}) {
		c.refuse(http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
		return
	}
	made, err := c.Identity.SetScopes(c.claims.TenantID, g)
	if err != nil {
		c.bad("One or more properties contains invalid values.")
		return
	}
	c.one(http.StatusCreated, grantKind, grantObject(made))
}

func (f fields) grant() (identity.ScopeGrant, error) {
	var g identity.ScopeGrant
	if err := f.required("OAuth2PermissionGrant", "clientId", "consentType", "resourceId", "scope"); err != nil {
		return g, err
	}
	var consentType, scope string
	var err1, err2 error
	g.ClientID, err1 = f.guid("clientId")
	g.ResourceID, err2 = f.guid("resourceId")
	if err := errors.Join(err1, err2, f.to("consentType", &consentType), f.to("scope", &scope)); err != nil {
		return g, errors.New("one or more properties contains invalid values")
	}
	one := f.has("principalId") && string(f["principalId"]) != "null"
	switch {
	case consentType == forEverybody && !one:
	case consentType == forOne && one:
		var err error
		if g.UserID, err = f.guid("principalId"); err != nil {
			return g, err
		}
	default:
		return g, invalid("consentType")
	}
	g.Scopes = strings.Fields(scope)
	if len(g.Scopes) == 0 {
		return g, invalid("scope")
	}
	return g, nil
}

// grant finds the one that the path names. Where it returns false it has
// answered.
func (c *call) grant() (identity.ScopeGrant, bool) {
	for _, g := range c.Identity.ScopeGrants(c.claims.TenantID) {
		if g.ID == c.keys[0] {
			return g, true
		}
	}
	c.missing(c.keys[0])
	return identity.ScopeGrant{}, false
}

func getGrant(c *call) {
	if g, ok := c.grant(); ok {
		c.one(http.StatusOK, grantKind, grantObject(g))
	}
}

func updateGrant(c *call) {
	g, ok := c.grant()
	if !ok {
		return
	}
	f, ok := c.read("scope")
	if !ok {
		return
	}
	var scope string
	if err := f.to("scope", &scope); err != nil || !f.has("scope") {
		c.badBody(invalid("scope"))
		return
	}
	g.Scopes = strings.Fields(scope)
	if _, err := c.Identity.SetScopes(c.claims.TenantID, g); err != nil {
		c.badBody(invalid("scope"))
		return
	}
	c.done()
}

func deleteGrant(c *call) {
	g, ok := c.grant()
	if !ok {
		return
	}
	g.Scopes = nil
	if _, err := c.Identity.SetScopes(c.claims.TenantID, g); err != nil {
		c.missing(g.ID)
		return
	}
	c.done()
}

func grantObject(g identity.ScopeGrant) object {
	consentType := forEverybody
	if g.UserID != "" {
		consentType = forOne
	}
	return object{
		{"clientId", g.ClientID}, {"consentType", consentType}, {"id", g.ID}, {"principalId", orNull(g.UserID)},
		{"resourceId", g.ResourceID}, {"scope", strings.Join(g.Scopes, " ")},
	}
}
