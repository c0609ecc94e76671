package entra

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"tributary"
)

// rounds is how often a refresh begins again because another instance has
// changed the grant meanwhile.
const rounds = 3

// grant reads a tenant's grant and refuses one that can't be used.
func (c *Client) grant(ctx context.Context, r request) (tributary.Grant, uint64, error) {
	fail := func(code string, err error, next string) (tributary.Grant, uint64, error) {
		return tributary.Grant{}, 0, &tributary.Error{
			Code: code, Op: r.op(), Tenant: name(r.tenant), Err: err, Fix: tributary.FixMSSP, Next: fill(next, name(r.tenant)),
		}
	}
	if c.cfg.Grants == nil {
		return fail(CodeSettings, errors.New("no store of grants is at hand"), "connect the tenant app-only")
	}
	g, revision, err := c.cfg.Grants.Grant(ctx, r.tenant.Slug)
	switch {
	case errors.Is(err, tributary.ErrNotFound):
		return fail(tributary.CodeSignInAgain, fmt.Errorf("nobody has signed in for this tenant yet: %w", err), connectAgain)
	case err != nil:
		e := &tributary.Error{
			Code: tributary.CodeUnavailable, Op: "read the grant", Tenant: name(r.tenant), Err: err,
			Fix: tributary.FixRetry, Next: "nothing to do: we try again; if it lasts, look at the store",
		}
		if inner := tributary.AsError(err); inner != nil {
			e.Code, e.Fix, e.Next = inner.Code, inner.Fix, inner.Next
		}
		return g, 0, e
	case g.RefreshToken.IsZero():
		return fail(tributary.CodeSignInAgain, errors.New("the grant holds no refresh token"), connectAgain)
	case g.ClientID != "" && g.ClientID != r.app.ClientID:
		return fail(tributary.CodeSignInAgain, fmt.Errorf("the sign-in was for application %s, and the tenant's application is %s now", g.ClientID, r.app.ClientID), connectAgain)
	}
	return g, revision, nil
}

// delegated gets a token by the tenant's refresh token. The rotated refresh
// token is stored before the access token is handed out: whatever happens then,
// the newest one is not lost.
func (c *Client) delegated(ctx context.Context, r request, g tributary.Grant, revision uint64) (tributary.AccessToken, error) {
	for range rounds {
		tok, next, err := c.refresh(ctx, r, g, g.RefreshToken)
		if dead(err) && !g.Previous.IsZero() {
			// Perhaps another instance has a newer one than we read.
			again, newer, readErr := c.grant(ctx, r)
			if readErr != nil {
				return tributary.AccessToken{}, readErr
			}
			if newer != revision {
				g, revision = again, newer
				continue
			}
			c.cfg.Log.Warn("the newest refresh token is refused; trying the one before it", "tenant", name(r.tenant), "error", err)
			var previousErr error
			if tok, next, previousErr = c.refresh(ctx, r, g, g.Previous); previousErr != nil {
				return tributary.AccessToken{}, err
			}
			err = nil
		}
		if err != nil {
			return tributary.AccessToken{}, err
		}
		if next == g {
			return tok, nil // nothing was rotated, and there is nothing to clear
		}
		err = c.store(ctx, r, next, revision)
		if err == nil {
			c.cfg.Log.Debug("refresh token rotated and stored", "tenant", name(r.tenant))
			return tok, nil
		}
		if !errors.Is(err, tributary.ErrConflict) {
			return tributary.AccessToken{}, c.notStored(r, err)
		}
		// Another instance was first. Its refresh token is the stored one, so
		// it is the one to go on with.
		if g, revision, err = c.grant(ctx, r); err != nil {
			return tributary.AccessToken{}, err
		}
	}
	return tributary.AccessToken{}, &tributary.Error{
		Code: tributary.CodeUnavailable, Op: r.op(), Tenant: name(r.tenant), Fix: tributary.FixRetry,
		Err:  fmt.Errorf("other instances changed the grant %d times meanwhile: %w", rounds, tributary.ErrConflict),
		Next: "nothing to do: we try again",
	}
}

// storeTime bounds the writing of a grant. It doesn't count against the time
// of the request, so that a refresh token that came late is stored all the same.
const storeTime = 30 * time.Second

func (c *Client) store(ctx context.Context, r request, g tributary.Grant, revision uint64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	_, err := c.cfg.Grants.PutGrant(ctx, r.tenant.Slug, g, revision)
	return err
}

var errNotStored = errors.New("it couldn't be stored, so the token that came with it isn't used")

// notStored reports that a rotated refresh token couldn't be stored. The token
// that came with it is not used: the stored refresh token must stay the one
// that is in use, and Entra lets it live on.
func (c *Client) notStored(r request, err error) *tributary.Error {
	e := &tributary.Error{
		Code: tributary.CodeUnavailable, Op: "store the rotated refresh token", Tenant: name(r.tenant),
		Err: fmt.Errorf("%w: %w", errNotStored, err),
		Fix: tributary.FixRetry, Next: "look at the store; we try again",
	}
	if inner := tributary.AsError(err); inner != nil {
		e.Code, e.Fix, e.Next = inner.Code, inner.Fix, inner.Next
	}
	return e
}

// dead reports that a refresh token was refused as such.
func dead(err error) bool {
	var a *Answer
	return errors.As(err, &a) && a.Code == "invalid_grant" && tributary.AsError(err).Code == tributary.CodeSignInAgain
}

// refresh redeems one of a grant's refresh tokens, and tells how the grant is
// to be stored.
func (c *Client) refresh(ctx context.Context, r request, g tributary.Grant, with tributary.Secret) (tributary.AccessToken, tributary.Grant, error) {
	app := r.app
	if g.Public {
		app.ClientSecret, app.Certificate = tributary.Secret{}, tributary.Secret{}
	}
	to := endpoints(r.cloud, r.tenant.ID, g.V1)
	w := newWire(ctx, r.client, c.cfg.Now)
	// x/oauth2 refreshes without scope or resource, so its token request with a
	// free choice of parameters is used: a refresh token is good for any API.
	params := url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {with.Reveal()}, // sent to the cloud's token endpoint
	}
	if g.V1 {
		params.Set("resource", r.resource)
	} else {
		params.Set("scope", defaultScope(r.resource)+" offline_access")
	}
	if err := prove(params, app, to.TokenURL, c.cfg.Now()); err != nil {
		return tributary.AccessToken{}, g, FromError(r.op(), r.tenant, err)
	}
	config := clientcredentials.Config{
		ClientID: app.ClientID, ClientSecret: secret(app), TokenURL: to.TokenURL, AuthStyle: to.AuthStyle, EndpointParams: params,
	}
	got, err := config.Token(w.oauth2())
	if err != nil {
		return tributary.AccessToken{}, g, w.failure(r.op(), r.tenant, err)
	}
	tok := tributary.AccessToken{Value: tributary.NewSecret(got.AccessToken), Expires: w.expires()}
	if _, err := checkTenant(r.op(), r.tenant, tok.Value); err != nil {
		return tributary.AccessToken{}, g, err
	}
	return tok, rotate(g, with, got, c), nil
}

// rotate is the grant after one of its refresh tokens has worked: what worked
// is kept as the previous one until its successor has worked too.
func rotate(g tributary.Grant, worked tributary.Secret, got *oauth2.Token, c *Client) tributary.Grant {
	next := g
	next.Previous = tributary.Secret{}
	if got.RefreshToken != "" && got.RefreshToken != worked.Reveal() { // compared in memory only
		next.Previous = worked
		next.RefreshToken = tributary.NewSecret(got.RefreshToken)
		next.Rotated = c.cfg.Now()
	} else if worked != g.RefreshToken {
		next.RefreshToken = worked
		next.Rotated = c.cfg.Now()
	}
	return next
}
