package connect

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"tributary"
	"tributary/microsoft/entra"
)

// Connector connects tenants.
type Connector struct {
	// Cloud is where a tenant lives, and the HTTP client that reaches it.
	Cloud  func(tributary.Tenant) (tributary.Cloud, *http.Client, error)
	App    func(tributary.Tenant) (tributary.App, error)
	Grants tributary.Grants
	Tokens *entra.Client
	Log    *slog.Logger
	// Provider is our own tenant id, which the customer's portal asks for; empty
	// where it is not known.
	Provider string
}

// SignIn is how a person signs in for a delegated tenant.
type SignIn struct {
	// V1 uses the v1 endpoints, as Microsoft's MSSP procedure does.
	V1 bool
	// Open shows the sign-in page to the person.
	Open func(address string) error
	// Paste asks for the address on which the browser ended, where the
	// application's redirect URI is one that nobody can listen on.
	Paste func(ctx context.Context) (string, error)
	// Show tells the person a device code instead; if it is set, Open and Paste
	// are not used.
	Show func(userCode, address, message string)
}

// Delegated lets a person sign in to the tenant and keeps what the customer
// gave. It replaces an earlier grant.
func (c *Connector) Delegated(ctx context.Context, tenant tributary.Tenant, how SignIn) (tributary.Grant, error) {
	if tenant.Auth != tributary.AuthDelegated {
		return tributary.Grant{}, nobodySignsIn("sign in", tenant)
	}
	request, err := c.request(tenant, how)
	if err != nil {
		return tributary.Grant{}, err
	}
	var grant tributary.Grant
	if how.Show != nil {
		grant, _, err = entra.DeviceSignIn(ctx, request, how.Show)
	} else {
		grant, _, err = entra.SignIn(ctx, request)
	}
	if err != nil {
		return tributary.Grant{}, err
	}
	if err := c.keep(ctx, tenant, grant); err != nil {
		return tributary.Grant{}, err
	}
	c.Tokens.Forget(tenant)
	return grant, nil
}

func (c *Connector) request(tenant tributary.Tenant, how SignIn) (entra.SignInRequest, error) {
	cloud, client, err := c.Cloud(tenant)
	if err != nil {
		return entra.SignInRequest{}, err
	}
	app, err := c.App(tenant)
	if err != nil {
		return entra.SignInRequest{}, err
	}
	return entra.SignInRequest{
		Tenant: tenant, App: app, Cloud: cloud, Client: client,
		Resource: cloud.Resource(tenant.Sources[0]),
		V1:       how.V1, Open: how.Open, Paste: how.Paste, Log: c.Log,
	}, nil
}

// keep stores a new grant over an earlier one.
func (c *Connector) keep(ctx context.Context, tenant tributary.Tenant, grant tributary.Grant) error {
	for {
		_, revision, err := c.Grants.Grant(ctx, tenant.Slug)
		if err != nil && !errors.Is(err, tributary.ErrNotFound) {
			return err
		}
		_, err = c.Grants.PutGrant(ctx, tenant.Slug, grant, revision)
		// The running instance may have rotated the old one just now.
		if !errors.Is(err, tributary.ErrConflict) {
			return err
		}
	}
}

// grantAge is how long ago a grant was last renewed; Entra drops one that has
// not been used for 90 days.
func grantAge(g tributary.Grant, now time.Time) time.Duration { return now.Sub(g.Rotated) }
