package directory

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tributary/microsoft/sim/identity"
)

// The values of signInAudience that a registration can have here. Personal
// accounts alone have no tenant.
const (
	onlyHere     = "AzureADMyOrg"
	anyDirectory = "AzureADMultipleOrgs"
	everybody    = "AzureADandPersonalMicrosoftAccount"
)

// applicationFields are the properties that can be written.
var applicationFields = []string{
	"displayName", "description", "notes", "signInAudience", "isFallbackPublicClient", "identifierUris", "tags",
	"web", "publicClient", "spa", "requiredResourceAccess", "keyCredentials", "passwordCredentials",
}

const maxName = 256

// change writes the body's properties into a registration, and leaves the
// others alone.
func (f fields) change(a *identity.App) error {
	for _, set := range []func(*identity.App) error{f.changeNames, f.changeAudience, f.changeReplies, f.changeRequired, f.changeKeys} {
		if err := set(a); err != nil {
			return err
		}
	}
	if f.has("passwordCredentials") {
		var list []any
		if f.to("passwordCredentials", &list) != nil || len(list) > 0 {
			return errors.New("new passwords can't be set here: use addPassword")
		}
		a.Passwords = nil
	}
	return nil
}

func (f fields) changeNames(a *identity.App) error {
	if f.has("displayName") {
		if err := f.to("displayName", &a.DisplayName); err != nil || strings.TrimSpace(a.DisplayName) == "" || len(a.DisplayName) > maxName {
			return invalid("displayName")
		}
	}
	for name, to := range map[string]*string{"description": &a.Description, "notes": &a.Notes} {
		if f.has(name) {
			*to = ""
		}
		if err := f.to(name, to); err != nil {
			return err
		}
	}
	for name, to := range map[string]*[]string{"tags": &a.Tags, "identifierUris": &a.IdentifierURIs} {
		if f.has(name) {
			*to = nil
		}
		if err := f.to(name, to); err != nil {
			return err
		}
	}
	return nil
}

func (f fields) changeAudience(a *identity.App) error {
	if f.has("isFallbackPublicClient") {
		a.Public = false // null is no
		if err := f.to("isFallbackPublicClient", &a.Public); err != nil {
			return err
		}
	}
	if !f.has("signInAudience") {
		return nil
	}
	var audience string
	if err := f.to("signInAudience", &audience); err != nil {
		return err
	}
	switch audience {
	case onlyHere:
		a.MultiTenant, a.Personal = false, false
	case anyDirectory:
		a.MultiTenant, a.Personal = true, false
	case everybody:
		a.MultiTenant, a.Personal = true, true
	default:
		return invalid("signInAudience")
	}
	return nil
}

// changeReplies reads the platforms' redirect URIs. A platform that is named
// without them keeps them.
func (f fields) changeReplies(a *identity.App) error {
	web, err := f.object("web", "redirectUris", "homePageUrl", "logoutUrl", "implicitGrantSettings")
	if err != nil {
		return err
	}
	if web.has("redirectUris") {
		a.RedirectURIs = nil
		if err := web.to("redirectUris", &a.RedirectURIs); err != nil {
			return err
		}
		if i := slices.IndexFunc(a.RedirectURIs, func(u string) bool { return !secure(u) }); i >= 0 {
			return fmt.Errorf("invalid value specified for property 'web.redirectUris': '%s' must begin with https or be http on localhost", a.RedirectURIs[i])
		}
	}
	for name, to := range map[string]*string{"homePageUrl": &a.HomePage, "logoutUrl": &a.LogoutURL} {
		if web.has(name) {
			*to = ""
		}
		if err := web.to(name, to); err != nil {
			return err
		}
	}
	implicit, err := web.object("implicitGrantSettings", "enableIdTokenIssuance", "enableAccessTokenIssuance")
	if err != nil {
		return err
	}
	for name := range implicit {
		var on bool
		if err := implicit.to(name, &on); err != nil || on {
			return errors.New("implicit grants are not served by the simulated directory")
		}
	}
	public, err := f.object("publicClient", "redirectUris")
	if err != nil {
		return err
	}
	if public.has("redirectUris") {
		a.PublicRedirectURIs = nil
		if err := public.to("redirectUris", &a.PublicRedirectURIs); err != nil {
			return err
		}
	}
	spa, err := f.object("spa", "redirectUris")
	if err != nil {
		return err
	}
	var pages []string
	if err := spa.to("redirectUris", &pages); err != nil || len(pages) > 0 {
		return errors.New("single-page applications are not served by the simulated directory")
	}
	return nil
}

// secure reports whether a web application may have its answers sent there.
func secure(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1")
}

// changeRequired reads the permissions. Ids are not looked up: Microsoft Graph
// takes any, and a wrong one only shows at consent.
func (f fields) changeRequired(a *identity.App) error {
	if !f.has("requiredResourceAccess") {
		return nil
	}
	var list []fields
	if err := f.to("requiredResourceAccess", &list); err != nil {
		return err
	}
	a.Required = []identity.RequiredAccess{}
	for _, one := range list {
		if err := one.check("resourceAppId", "resourceAccess"); err != nil {
			return err
		}
		appID, err := one.guid("resourceAppId")
		if err != nil {
			return err
		}
		var access []struct{ ID, Type string }
		if err := one.to("resourceAccess", &access); err != nil {
			return err
		}
		r := identity.RequiredAccess{AppID: appID}
		for _, x := range access {
			id, err := uuid.Parse(x.ID)
			switch {
			case err != nil:
				return invalid("resourceAccess")
			case x.Type == "Role":
				r.Roles = append(r.Roles, id.String())
			case x.Type == "Scope":
				r.Scopes = append(r.Scopes, id.String())
			default:
				return invalid("resourceAccess")
			}
		}
		a.Required = append(a.Required, r)
	}
	return nil
}

func lower(text string) string { return strings.ToLower(text) }
