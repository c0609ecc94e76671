package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Shown is an application registration, in words.
type Shown struct {
	ObjectID, AppID, Name string
	Audience              string // as Graph names it, such as AzureADMultipleOrgs
	MultiTenant           bool
	Created               time.Time
	Tags                  []string
	// RedirectURIs are those of the platform Web; Other are those of mobile,
	// desktop and single-page applications, where no sign-in of ours returns.
	RedirectURIs []string
	Other        []string
	PublicClient bool // allows the device code
	// Permissions are what the registration asks for; what a directory has
	// granted is another matter: see [Client.Granted].
	Permissions []Permission
	Credentials []Credential
	Federated   []Federated

	ServicePrincipalID string // in this directory; empty if it isn't provisioned
	Enabled            bool   // in this directory
}

// Expiring lists the credentials that end within a time from now, and those
// that have ended, the next first.
func (s Shown) Expiring(now time.Time, within time.Duration) []Credential {
	soon := slices.DeleteFunc(slices.Clone(s.Credentials), func(c Credential) bool { return c.Expires.After(now.Add(within)) })
	slices.SortFunc(soon, func(a, b Credential) int { return a.Expires.Compare(b.Expires) })
	return soon
}

const showOp = "look at the application"

// Show reads a registration of this directory. One that isn't registered here
// is an error that wraps [tributary.ErrNotFound].
func (c *Client) Show(ctx context.Context, appID string) (Shown, error) {
	app, err := c.registered(ctx, showOp, appID)
	if err != nil {
		return Shown{}, err
	}
	return c.shown(ctx, app)
}

// registered finds a registration that has to be there.
func (c *Client) registered(ctx context.Context, op, appID string) (*application, error) {
	app, err := c.byAppID(ctx, op, appID)
	if err == nil && app == nil {
		err = c.failure(op, CodeNotThere, c.cfg.Fix,
			fmt.Errorf("the application %s is not registered in this directory: %w", clean(appID, 60), tributary.ErrNotFound),
			"check the application (client) id, and that the sign-in was in the directory where it is registered")
	}
	return app, err
}

func (c *Client) shown(ctx context.Context, app *application) (Shown, error) {
	s := Shown{
		ObjectID: app.ID, AppID: app.AppID, Name: app.Name, Audience: app.Audience, Created: app.Created, Tags: app.Tags,
		MultiTenant:  app.multiTenant(),
		RedirectURIs: app.Web.URIs, Other: slices.Concat(app.Public.URIs, app.SPA.URIs),
		PublicClient: app.Fallback != nil && *app.Fallback, Credentials: app.credentials(),
	}
	for _, r := range app.Permissions {
		api, err := c.principal(ctx, showOp, r.APIAppID)
		if err != nil {
			return Shown{}, err
		}
		if api == nil {
			api = &principal{AppID: r.APIAppID} // an API that this directory doesn't have: ids are all there is
		}
		for _, e := range r.Access {
			s.Permissions = append(s.Permissions, api.byID(accessKind(e.Type), e.ID))
		}
	}
	slices.SortStableFunc(s.Permissions, func(a, b Permission) int { return strings.Compare(a.String(), b.String()) })
	own, err := c.principal(ctx, showOp, app.AppID)
	if err != nil {
		return Shown{}, err
	}
	if own != nil {
		s.ServicePrincipalID, s.Enabled = own.ID, own.Enabled == nil || *own.Enabled
	}
	s.Federated, err = c.federated(ctx, showOp, app.ID)
	return s, err
}

// multiTenant reports whether other directories can use the application.
func (a *application) multiTenant() bool {
	return a.Audience == audienceMulti || a.Audience == "AzureADandPersonalMicrosoftAccount"
}
