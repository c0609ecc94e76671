package entra

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"tributary"
)

// Config is what a Client works with. Cloud and App are asked at every Token,
// so a change of configuration counts at once.
type Config struct {
	// Cloud is where a tenant's identity service answers, and the HTTP client
	// that reaches it (its TLS roots, its proxy).
	Cloud func(tributary.Tenant) (tributary.Cloud, *http.Client, error)
	// App is the application that a tenant lets in.
	App func(tributary.Tenant) (tributary.App, error)
	// Grants holds the refresh tokens of delegated tenants.
	Grants tributary.Grants
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: slog.Default
}

// Client gives access tokens for every tenant. It is safe for concurrent use.
//
// Tokens are kept per tenant, application and API until 5 minutes before they
// expire (a fifth of their life if that is shorter). However many callers want
// one, it is asked for once. An answer that a person must mend is remembered
// for 2 to 30 minutes, growing, so that nobody hammers the identity service; a
// changed secret, certificate or grant is tried at once.
type Client struct {
	cfg Config

	mu          sync.Mutex
	credentials map[credentialKey]*credential
}

var _ tributary.Tokens = (*Client)(nil)

// New returns a Client. Cloud and App must be given, Grants if a tenant is
// delegated.
func New(cfg Config) *Client {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Client{cfg: cfg, credentials: make(map[credentialKey]*credential)}
}

// flightTime bounds one attempt to get a token, whoever waits for it.
const flightTime = time.Minute

// request is one wish for a token, with all that is needed to fulfil it.
type request struct {
	tenant   tributary.Tenant
	resource string
	app      tributary.App
	cloud    tributary.Cloud
	client   *http.Client
}

func (r request) op() string { return "get a token for " + r.resource }

// Token returns a token that is good for some minutes at least. See
// [tributary.Tokens].
func (c *Client) Token(ctx context.Context, tenant tributary.Tenant, resource string) (tributary.AccessToken, error) {
	r, err := c.request(tenant, resource)
	if err != nil {
		return tributary.AccessToken{}, err
	}
	cred := c.credential(r)
	if tok, ok := cred.token(resource, c.cfg.Now()); ok {
		return tok, nil
	}
	// The flight goes on without the caller who began it: others may wait for
	// it, and a refresh token that arrives must be stored.
	flight := cred.flights.DoChan(resource, func() (any, error) {
		return c.renew(context.WithoutCancel(ctx), cred, r)
	})
	select {
	case <-ctx.Done():
		return tributary.AccessToken{}, stopped(r.op(), tenant, r.cloud, ctx)
	case res := <-flight:
		if res.Err != nil {
			return tributary.AccessToken{}, res.Err
		}
		return res.Val.(tributary.AccessToken), nil
	}
}

func stopped(op string, tenant tributary.Tenant, cloud tributary.Cloud, ctx context.Context) error {
	e := fromNetwork(strings.TrimPrefix(cloud.Login, "https://"), ctx.Err())
	e.Op, e.Tenant = op, name(tenant)
	return e
}

// Reject forgets a token that an API answered with 401, so that the next Token
// asks for another. See [tributary.Tokens].
func (c *Client) Reject(tenant tributary.Tenant, resource string, token tributary.AccessToken) {
	r, err := c.request(tenant, resource)
	if err != nil {
		return // there is nothing to forget of a tenant that can't be asked for
	}
	c.credential(r).drop(resource, token)
}

// Forget drops all tokens and remembered refusals of a tenant: after it has
// been removed or connected again, or when a person wants to know how things
// stand now.
func (c *Client) Forget(tenant tributary.Tenant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.credentials {
		if key.tenant == strings.ToLower(tenant.ID) {
			delete(c.credentials, key)
		}
	}
}

func (c *Client) request(tenant tributary.Tenant, resource string) (request, error) {
	r := request{tenant: tenant, resource: resource}
	fail := func(err error, next string) (request, error) {
		if e := tributary.AsError(err); e != nil {
			return r, e
		}
		return r, &tributary.Error{Code: CodeSettings, Op: r.op(), Tenant: name(tenant), Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	if resource == "" {
		return fail(fmt.Errorf("no API is named"), "check that the tenant's cloud offers the source")
	}
	if err := tributary.CheckTenantID(tenant.ID); err != nil {
		return fail(err, "correct the tenant's id")
	}
	var err error
	if r.cloud, r.client, err = c.cfg.Cloud(tenant); err == nil {
		err = checkLogin(r.cloud)
	}
	if err != nil {
		return fail(err, "check the clouds in the configuration")
	}
	if r.app, err = c.cfg.App(tenant); err != nil {
		return fail(err, "check the apps in the configuration")
	}
	return r, nil
}

// credential finds what is kept for a request's tenant and application. It
// begins anew if the application's secret or certificate has changed.
func (c *Client) credential(r request) *credential {
	key := credentialKey{
		tenant: strings.ToLower(r.tenant.ID), login: r.cloud.Login, client: r.app.ClientID, auth: r.tenant.Auth,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cred := c.credentials[key]
	if cred == nil || !sameProof(cred.app, r.app) {
		cred = newCredential(r.app)
		c.credentials[key] = cred
	}
	return cred
}

// renew gets a new token, unless the last answer still stands.
func (c *Client) renew(ctx context.Context, cred *credential, r request) (tributary.AccessToken, error) {
	// One at a time for a credential: a refresh token that two use at once is
	// rotated twice, and one rotation is lost.
	cred.turn.Lock()
	defer cred.turn.Unlock()
	ctx, cancel := context.WithTimeout(ctx, flightTime)
	defer cancel()
	if tok, ok := cred.token(r.resource, c.cfg.Now()); ok {
		return tok, nil
	}
	var grant tributary.Grant
	var revision uint64
	if r.tenant.Auth == tributary.AuthDelegated {
		var err error
		if grant, revision, err = c.grant(ctx, r); err != nil {
			return tributary.AccessToken{}, err
		}
	}
	if e := cred.refusal(r.resource, revision, c.cfg.Now()); e != nil {
		return tributary.AccessToken{}, e
	}
	var tok tributary.AccessToken
	var err error
	if r.tenant.Auth == tributary.AuthDelegated {
		tok, err = c.delegated(ctx, r, grant, revision)
	} else {
		tok, err = c.appOnly(ctx, r)
	}
	if err != nil {
		e := FromError(r.op(), r.tenant, err)
		if e.Code == CodeRequest {
			e = c.lookForTenant(ctx, r, e)
		}
		cred.refuse(r.resource, revision, e, c.cfg.Now())
		return tributary.AccessToken{}, e
	}
	cred.keep(r.resource, tok, c.cfg.Now())
	c.cfg.Log.Debug("token received", "tenant", name(r.tenant), "resource", r.resource, "expires", tok.Expires)
	return tok, nil
}

// lookForTenant tells a tenant that doesn't exist from other requests that
// Entra can't accept: its answer is the same invalid_request, but for the
// number.
func (c *Client) lookForTenant(ctx context.Context, r request, e *tributary.Error) *tributary.Error {
	_, err := Discover(ctx, r.cloud, r.client, r.tenant.ID)
	if unknown := tributary.AsError(err); unknown != nil && unknown.Code == tributary.CodeTenantUnknown {
		unknown.Op, unknown.Tenant = e.Op, e.Tenant
		return unknown
	}
	return e
}
