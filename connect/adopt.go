package connect

import (
	"context"
	"errors"

	"tributary"
	"tributary/microsoft/entra"
)

// Adopt takes over a refresh token that somebody has already, as from the
// script of Microsoft's MSSP procedure. One refresh at the tenant proves it
// before it replaces an earlier grant. V1 uses the v1 endpoints.
func (c *Connector) Adopt(ctx context.Context, tenant tributary.Tenant, refreshToken tributary.Secret, v1 bool) (tributary.Grant, error) {
	if tenant.Auth != tributary.AuthDelegated {
		return tributary.Grant{}, nobodySignsIn("take over the refresh token", tenant)
	}
	request, err := c.request(tenant, SignIn{V1: v1})
	if err != nil {
		return tributary.Grant{}, err
	}
	grant, _, err := entra.AdoptGrant(ctx, request, refreshToken)
	if err != nil {
		return tributary.Grant{}, err
	}
	if err := c.keep(ctx, tenant, grant); err != nil {
		return tributary.Grant{}, err
	}
	c.Tokens.Forget(tenant)
	return grant, nil
}

// nobodySignsIn refuses for an app-only tenant what needs a person.
func nobodySignsIn(op string, tenant tributary.Tenant) *tributary.Error {
	return &tributary.Error{
		Code: "tenant-app-only", Op: op, Tenant: tenant.Slug, Err: errors.New("the tenant is connected app-only: nobody signs in"),
		Fix: tributary.FixMSSP, Next: "send the customer's administrator the consent link: tributary tenant connect " + tenant.Slug,
	}
}
