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

// defaultPoll is often enough for somebody who waits, and far below what the
// identity service minds.
const defaultPoll = 5 * time.Second

// Consent shows the consent page, and waits until an administrator of the
// tenant has consented: in a browser of this machine, or with the same link
// anywhere else. A token proves that the tenant is the one.
func (c *Connector) Consent(ctx context.Context, tenant tributary.Tenant, open func(address string) error) error {
	request, err := c.request(tenant, SignIn{Open: open})
	if err != nil {
		return err
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	here := returnsHere(request.App.RedirectURI)
	var seen bool
	var polling sync.WaitGroup
	polling.Go(func() {
		if seen = c.awaitConsent(waiting, tenant, here); seen {
			stop()
		}
	})
	if here {
		err = entra.AdminConsent(waiting, request)
	} else {
		err = c.consentElsewhere(waiting, request)
	}
	stop()
	polling.Wait()
	if err != nil && !seen {
		return err
	}
	c.Tokens.Forget(tenant)
	_, err = c.Tokens.Token(ctx, tenant, request.Resource)
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
func (c *Connector) consentElsewhere(ctx context.Context, r entra.SignInRequest) error {
	// The state goes to a page that is not ours: it only has to be there.
	if err := r.Open(entra.AdminConsentURL(r.Cloud, r.Tenant.ID, r.App, r.App.RedirectURI, rand.Text())); err != nil {
		return err
	}
	<-ctx.Done()
	return &tributary.Error{
		Code: tributary.CodeConsentMissing, Op: "wait for the consent", Tenant: r.Tenant.Slug, Err: errors.New("nobody has consented yet"),
		Fix: tributary.FixCustomer, Next: "send the customer's administrator the consent link again: tributary tenant connect " + r.Tenant.Slug,
	}
}

// awaitConsent looks again and again whether the tenant has consented, until
// it has or ctx ends. Where it had before the first look, somebody wants to
// renew it, and only the browser can tell that it is done.
func (c *Connector) awaitConsent(ctx context.Context, tenant tributary.Tenant, renewable bool) bool {
	if c.consented(ctx, tenant) {
		return !renewable
	}
	every := c.Poll
	if every == 0 {
		every = defaultPoll
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
			if c.consented(ctx, tenant) {
				return true
			}
		}
	}
}

// consented reports whether every source of the tenant has what it needs.
func (c *Connector) consented(ctx context.Context, tenant tributary.Tenant) bool {
	cloud, _, err := c.Cloud(tenant)
	if err != nil {
		return false
	}
	c.Tokens.Forget(tenant) // the refusal of the last look too
	for _, source := range tenant.Sources {
		token, err := c.Tokens.Token(ctx, tenant, cloud.Resource(source))
		if err != nil {
			return false
		}
		if step, known := consentStep(tenant, source, token); known && !step.Done {
			return false
		}
	}
	return true
}
