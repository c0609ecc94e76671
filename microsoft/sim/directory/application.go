package directory

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/odata"
)

var (
	readApplications  = []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	writeApplications = []string{"Application.ReadWrite.All", "Directory.ReadWrite.All"}
	// ownApplications also takes an application that may only touch what it
	// owns: itself.
	ownApplications = append([]string{"Application.ReadWrite.OwnedBy"}, writeApplications...)
)

var applicationKind = kind{
	set: "applications", name: "application",
	filter: map[string]odata.Type{"id": odata.Name, "appId": odata.Name, "displayName": odata.Name, "signInAudience": odata.Name},
}

// applicationRoutes are the registrations of the caller's directory (Graph:
// application).
func applicationRoutes() []route {
	return []route{
		{http.MethodGet, "applications", [][]string{readApplications}, listApplications},
		{http.MethodPost, "applications", [][]string{writeApplications}, createApplication},
		{http.MethodGet, "applications/{}", [][]string{readApplications}, getApplication},
		{http.MethodPatch, "applications/{}", [][]string{ownApplications}, updateApplication},
		{http.MethodDelete, "applications/{}", [][]string{ownApplications}, deleteApplication},
	}
}

func listApplications(c *call) {
	var list []object
	for _, a := range c.Identity.Apps(c.claims.TenantID) {
		if !c.young(a.Created) {
			list = append(list, c.applicationObject(a, false))
		}
	}
	c.list(applicationKind, "applications", list)
}

func createApplication(c *call) {
	f, ok := c.read(applicationFields...)
	if !ok {
		return
	}
	if err := f.required("Application", "displayName"); err != nil {
		c.badBody(err)
		return
	}
	a := identity.App{
		ClientID: uuid.NewString(), ObjectID: uuid.NewString(), HomeTenant: c.claims.TenantID,
		// As Microsoft Graph registers where nothing is said.
		MultiTenant: true, Personal: true, Required: []identity.RequiredAccess{},
	}
	if err := f.change(&a); err != nil {
		c.refuseChange(err)
		return
	}
	if err := c.Identity.Register(a); err != nil {
		c.refuseChange(err)
		return
	}
	made, _ := c.find(a.ObjectID)
	c.one(http.StatusCreated, applicationKind, c.applicationObject(made, false))
}

// find is the registration of the caller's directory that a key names: the
// object id, or appId='…'.
func (c *call) find(key string) (identity.App, bool) {
	appID, byAppID := named(key, "appId")
	list := c.Identity.Apps(c.claims.TenantID)
	i := slices.IndexFunc(list, func(a identity.App) bool {
		if byAppID {
			return a.ClientID == lower(appID)
		}
		return a.ObjectID == lower(key)
	})
	if i < 0 {
		return identity.App{}, false
	}
	return list[i], true
}

// application is the registration that the path names. Where it returns false
// it has answered.
func (c *call) application() (identity.App, bool) {
	a, ok := c.find(c.keys[0])
	if !ok || c.young(a.Created) {
		id, named := named(c.keys[0], "appId")
		if !named {
			id = c.keys[0]
		}
		c.missing(id)
		return identity.App{}, false
	}
	if c.r.Method != http.MethodGet && !c.may(writeApplications...) && !c.itself(a) {
		c.deny()
		return identity.App{}, false
	}
	return a, true
}

// itself reports whether the caller is the application that is meant.
func (c *call) itself(a identity.App) bool {
	return c.claims.User == "" && c.claims.ClientID == a.ClientID
}

func getApplication(c *call) {
	if a, ok := c.application(); ok {
		names, _ := c.selected(applicationKind, c.applicationObject(a, false))
		c.one(http.StatusOK, applicationKind, c.applicationObject(a, slices.Contains(names, "keyCredentials")))
	}
}

func updateApplication(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	f, ok := c.read(applicationFields...)
	if !ok {
		return
	}
	if _, err := c.Identity.UpdateApp(a.ClientID, f.change); err != nil {
		c.refuseChange(err)
		return
	}
	c.done()
}

func deleteApplication(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	if err := c.Identity.RemoveApp(a.ClientID); err != nil {
		c.missing(a.ObjectID)
		return
	}
	c.done()
}

// refuseChange words why a registration can't be so.
func (c *call) refuseChange(err error) {
	switch {
	case errors.Is(err, identity.ErrEndDate):
		c.refuse(http.StatusBadRequest, "KeyCredentialsInvalidEndDate", "Key credential end date is invalid.")
	case errors.Is(err, identity.ErrStartDate):
		c.refuse(http.StatusBadRequest, "KeyCredentialsInvalidStartDate", "Key credential start date is invalid.")
	default:
		c.badBody(err)
	}
}

// applicationObject writes a registration. The certificates themselves are
// shown only if a single one is asked for them (Graph: application-get).
func (c *call) applicationObject(a identity.App, keys bool) object {
	t, _ := c.Identity.Tenant(a.HomeTenant)
	return object{
		{"id", a.ObjectID},
		{"deletedDateTime", nil},
		{"isFallbackPublicClient", orUnset(a.Public)},
		{"appId", a.ClientID},
		{"applicationTemplateId", nil},
		{"identifierUris", orNone(a.IdentifierURIs)},
		{"createdDateTime", moment(a.Created)},
		{"description", orNull(a.Description)},
		{"displayName", a.DisplayName},
		{"isDeviceOnlyAuthSupported", nil},
		{"groupMembershipClaims", nil},
		{"notes", orNull(a.Notes)},
		{"optionalClaims", nil},
		{"addIns", []object{}},
		{"publisherDomain", t.Domain},
		{"signInAudience", audienceOf(a)},
		{"tags", orNone(a.Tags)},
		{"tokenEncryptionKeyId", nil},
		{"api", object{
			{"requestedAccessTokenVersion", 2}, {"acceptMappedClaims", nil}, {"knownClientApplications", []string{}},
			{"oauth2PermissionScopes", []object{}}, {"preAuthorizedApplications", []object{}},
		}},
		{"appRoles", []object{}},
		{"publicClient", object{{"redirectUris", orNone(a.PublicRedirectURIs)}}},
		{"info", info()},
		{"keyCredentials", keyObjects(a.Keys, keys)},
		{"parentalControlSettings", object{{"countriesBlockedForMinors", []string{}}, {"legalAgeGroupRule", "Allow"}}},
		{"passwordCredentials", passwordObjects(a.Passwords)},
		{"requiredResourceAccess", requiredObjects(a.Required)},
		{"spa", object{{"redirectUris", []string{}}}},
		{"web", object{
			{"redirectUris", orNone(a.RedirectURIs)}, {"homePageUrl", orNull(a.HomePage)}, {"logoutUrl", orNull(a.LogoutURL)},
			{"implicitGrantSettings", object{{"enableIdTokenIssuance", false}, {"enableAccessTokenIssuance", false}}},
		}},
	}
}

func info() object {
	return object{{"termsOfServiceUrl", nil}, {"supportUrl", nil}, {"privacyStatementUrl", nil}, {"marketingUrl", nil}, {"logoUrl", nil}}
}

// orUnset is true, or null where nobody ever said anything.
func orUnset(b bool) any {
	if b {
		return true
	}
	return nil
}

func audienceOf(a identity.App) string {
	switch {
	case !a.MultiTenant:
		return onlyHere
	case a.Personal:
		return everybody
	}
	return anyDirectory
}

func requiredObjects(list []identity.RequiredAccess) []object {
	out := []object{}
	for _, r := range list {
		access := []object{}
		for _, id := range r.Scopes {
			access = append(access, object{{"id", id}, {"type", "Scope"}})
		}
		for _, id := range r.Roles {
			access = append(access, object{{"id", id}, {"type", "Role"}})
		}
		out = append(out, object{{"resourceAppId", cmp.Or(r.AppID, uuid.Nil.String())}, {"resourceAccess", access}})
	}
	return out
}
