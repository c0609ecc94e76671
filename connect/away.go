package connect

import (
	"context"
	"net/url"
	"time"

	"tributary"
	"tributary/microsoft/entra"
)

// Away sends a person to Microsoft from a web page of ours: to the
// administrator's consent for an app-only tenant, to the sign-in for a
// delegated one. The browser comes back to redirect, which must be registered,
// and brings state along. What it returns is to be kept, sealed, for
// [Connector.Back]. V1 uses the v1 endpoints, and counts for a sign-in alone.
func (c *Connector) Away(tenant tributary.Tenant, redirect, state string, v1 bool) (address string, pending entra.Pending, err error) {
	r, err := c.request(tenant, SignIn{V1: v1})
	if err != nil {
		return "", entra.Pending{}, err
	}
	r.RedirectURI = redirect
	if tenant.Auth == tributary.AuthDelegated {
		return entra.BeginSignIn(r, state)
	}
	return entra.AdminConsentURL(r.Cloud, tenant.ID, r.App, redirect, state), entra.Pending{State: state, RedirectURI: redirect}, nil
}

// Back reads the answer with which the person came back, and proves it: by
// redeeming the code, or by tokens of the tenant that allow what its sources
// need. Consent may take a moment to reach all of Microsoft; patience is how
// long to try. Only a delegated tenant has a grant, which the caller keeps with
// [Connector.Keep].
func (c *Connector) Back(ctx context.Context, tenant tributary.Tenant, pending entra.Pending, v1 bool, answer url.Values, patience time.Duration) (tributary.Grant, error) {
	if tenant.Auth == tributary.AuthDelegated {
		r, err := c.request(tenant, SignIn{V1: v1})
		if err != nil {
			return tributary.Grant{}, err
		}
		grant, _, err := entra.FinishSignIn(ctx, r, pending, answer)
		return grant, err
	}
	if err := entra.ReadConsent(answer, pending.State); err != nil {
		if e := tributary.AsError(err); e != nil && e.Tenant == "" {
			e.Tenant = tenant.Slug
		}
		return tributary.Grant{}, askAgain(err, tenant)
	}
	ctx, cancel := context.WithTimeout(ctx, max(patience, time.Minute))
	defer cancel()
	for delay := firstLook; ; delay *= 2 {
		err := c.proveConsent(ctx, tenant)
		if err == nil || patience < delay {
			return tributary.Grant{}, err
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return tributary.Grant{}, err
		case <-timer.C:
		}
		patience -= delay
	}
}

// Keep stores what the customer gave over an earlier grant, and forgets what
// was known of the tenant's tokens.
func (c *Connector) Keep(ctx context.Context, tenant tributary.Tenant, grant tributary.Grant) error {
	if err := c.keep(ctx, tenant, grant); err != nil {
		return err
	}
	c.Tokens.Forget(tenant)
	return nil
}

// Permission is the least permission that a source needs, by Microsoft's name
// for it; empty for the SIEM API, whose way in is the portal.
func Permission(auth tributary.AuthMethod, source tributary.Source) string {
	need, known := needs[source]
	switch {
	case !known:
		return ""
	case auth == tributary.AuthDelegated:
		return need.scopes[0]
	}
	return need.roles[0]
}
