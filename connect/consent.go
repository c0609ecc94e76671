package connect

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"tributary"
	"tributary/microsoft/entra"
)

// Between two looks whether somebody has consented: soon at first, for who
// sits before the browser, then seldom enough for the identity service, which
// takes many equal requests for a loop.
const (
	firstLook = time.Second
	rareLook  = 15 * time.Second
)

// Consent makes sure that the tenant has consented to what its sources need.
// Where it has not yet, it shows the consent page and waits until an
// administrator has: in a browser of this machine, or with the same link
// anywhere else. A token proves that the tenant is the one.
func (c *Connector) Consent(ctx context.Context, tenant tributary.Tenant, open func(address string) error) error {
	request, err := c.request(tenant, SignIn{Open: open})
	if err != nil {
		return err
	}
	if c.consented(ctx, tenant) {
		return nil
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	var seen bool
	var polling sync.WaitGroup
	polling.Go(func() {
		if seen = c.awaitConsent(waiting, tenant); seen {
			stop()
		}
	})
	if returnsHere(request.App.RedirectURI) {
		err = entra.AdminConsent(waiting, request)
	} else {
		err = consentElsewhere(waiting, request)
	}
	stop()
	polling.Wait()
	if err != nil && !seen {
		return askAgain(err, tenant)
	}
	c.Tokens.Forget(tenant)
	_, err = c.Tokens.Token(ctx, tenant, request.Resource)
	return err
}

// askAgain is the next step for a consent that was not given.
func askAgain(err error, tenant tributary.Tenant) error {
	if e := tributary.AsError(err); e != nil && e.Code == tributary.CodeConsentMissing {
		e.Next = "explain to the customer what the permissions are for, then ask again: tributary tenant connect " + tenant.Slug
	}
	return err
}

// returnsHere reports whether a browser of this machine comes back to us.
func returnsHere(redirect string) bool {
	u, err := url.Parse(redirect)
	if err != nil {
		return true // entra says what is wrong with it
	}
	host := strings.ToLower(u.Hostname())
	return redirect == "" || u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1")
}

// consentElsewhere shows the page where nothing of the browser comes back to
// this machine, and waits for ctx to end.
func consentElsewhere(ctx context.Context, r entra.SignInRequest) error {
	// The state goes to a page that is not ours: it only has to be there.
	if err := r.Open(entra.AdminConsentURL(r.Cloud, r.Tenant.ID, r.App, r.App.RedirectURI, rand.Text())); err != nil {
		return err
	}
	<-ctx.Done()
	return &tributary.Error{
		Code: tributary.CodeConsentMissing, Op: "wait for the consent", Tenant: r.Tenant.Slug,
		Err: errors.New("nobody has consented yet"), Fix: tributary.FixCustomer,
	}
}

// awaitConsent looks again and again whether the tenant has consented, until
// it has or ctx ends.
func (c *Connector) awaitConsent(ctx context.Context, tenant tributary.Tenant) bool {
	for delay := firstLook; ; delay = min(2*delay, rareLook) {
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		if c.consented(ctx, tenant) {
			return true
		}
	}
}

// consented reports whether every source of the tenant has what it needs.
func (c *Connector) consented(ctx context.Context, tenant tributary.Tenant) bool {
	return c.proveConsent(ctx, tenant) == nil
}

// proveConsent asks for a token for every source of the tenant, and says what
// is missing.
func (c *Connector) proveConsent(ctx context.Context, tenant tributary.Tenant) error {
	cloud, _, err := c.Cloud(tenant)
	if err != nil {
		return err
	}
	c.Tokens.Forget(tenant) // the refusal of the last look too
	for _, source := range tenant.Sources {
		token, err := c.Tokens.Token(ctx, tenant, cloud.Resource(source))
		if err != nil {
			return err
		}
		if step, known := consentStep(tenant, source, token); known && !step.Done {
			return step.Err
		}
	}
	return nil
}
