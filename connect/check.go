package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary"
	"tributary/microsoft/defender"
	"tributary/microsoft/entra"
)

// Step is one thing that must be right for a tenant's alerts to come.
type Step struct {
	Name   string           `json:"step"`
	Source tributary.Source `json:"source,omitempty"`
	Done   bool             `json:"done"`
	Text   string           `json:"text"` // what was found
	Fix    tributary.Fixer  `json:"fix,omitempty"`
	Next   string           `json:"next,omitempty"`
	Send   string           `json:"send,omitempty"` // a sentence for the customer, where they must do it if we may not
	Err    *tributary.Error `json:"-"`
}

// needs are the permissions of which one must be granted, by source: those of
// an application, and those that a person delegates. None are listed for the
// SIEM API, whose way in is the portal's MSSP page.
var needs = map[tributary.Source]struct{ roles, scopes []string }{
	tributary.SourceGraph: {
		roles:  []string{"SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All", "SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"},
		scopes: []string{"SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All", "SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"},
	},
	tributary.SourceEndpoint: {
		roles:  []string{"Alert.Read.All", "Alert.ReadWrite.All"},
		scopes: []string{"Alert.Read", "Alert.ReadWrite"},
	},
}

// Check goes through the steps of a tenant's connection. A step that can't be
// tried because one before it failed is left out.
func (c *Connector) Check(ctx context.Context, tenant tributary.Tenant) []Step {
	cloud, client, err := c.Cloud(tenant)
	if err != nil {
		return []Step{failed("cloud", "", err)}
	}
	// A person asks: what was refused some minutes ago is asked again.
	c.Tokens.Forget(tenant)
	found, err := entra.Discover(ctx, cloud, client, tenant.ID)
	if e := tributary.AsError(err); e != nil && e.Code == entra.CodeSettings {
		// A laboratory's login server may tell nothing of its tenants; the token
		// shows whether it knows this one.
		found = entra.Discovery{TenantID: tenant.ID}
	} else if err != nil {
		return []Step{failed("tenant", "", err)}
	}
	if !strings.EqualFold(found.TenantID, tenant.ID) {
		return []Step{failed("tenant", "", &tributary.Error{
			Code: tributary.CodeTenantUnknown, Op: "find the tenant", Tenant: tenant.Slug,
			Err: fmt.Errorf("%s answers for %s", tenant.ID, found.TenantID), Fix: tributary.FixMSSP, Next: "correct the tenant id",
		})}
	}
	steps := []Step{done("tenant", "", "exists in "+cloud.Login)}
	if app, err := c.App(tenant); err != nil {
		return append(steps, failed("application", "", err))
	} else if step, known := credentialStep(app, time.Now()); known {
		steps = append(steps, step)
	}
	if tenant.Auth == tributary.AuthDelegated {
		step := c.checkGrant(ctx, tenant)
		steps = append(steps, step)
		if !step.Done {
			return steps
		}
	}
	for _, source := range tenant.Sources {
		steps = append(steps, c.checkSource(ctx, tenant, cloud, source)...)
	}
	return steps
}

func (c *Connector) checkGrant(ctx context.Context, tenant tributary.Tenant) Step {
	grant, _, err := c.Grants.Grant(ctx, tenant.Slug)
	if errors.Is(err, tributary.ErrNotFound) {
		return failed("grant", "", &tributary.Error{
			Code: tributary.CodeSignInAgain, Op: "find the refresh token", Tenant: tenant.Slug, Err: errors.New("nobody has signed in yet"),
			Fix: tributary.FixMSSP, Next: "tributary tenant connect " + tenant.Slug,
		})
	}
	if err != nil {
		return failed("grant", "", err)
	}
	text := fmt.Sprintf("%s signed in on %s", grant.Account, grant.Obtained.UTC().Format(time.DateOnly))
	if age := grantAge(grant, time.Now()); age > 60*24*time.Hour {
		text += fmt.Sprintf("; the refresh token has not been used for %d days and dies at 90", int(age.Hours()/24))
	}
	return done("grant", "", text)
}

// checkSource gets a token for the source's API, looks at what it allows, and
// asks the API for one alert.
func (c *Connector) checkSource(ctx context.Context, tenant tributary.Tenant, cloud tributary.Cloud, source tributary.Source) []Step {
	token, err := c.Tokens.Token(ctx, tenant, cloud.Resource(source))
	if err != nil {
		return []Step{connectFirst(failed("token", source, err), tenant)}
	}
	steps := []Step{done("token", source, "issued, valid until "+token.Expires.UTC().Format(time.RFC3339))}
	if step, ok := consentStep(tenant, source, token); ok {
		steps = append(steps, step)
	}
	_, client, err := c.Cloud(tenant)
	if err != nil {
		return append(steps, failed("api", source, err))
	}
	reader, err := defender.New(defender.Config{
		Tenant: tenant, Source: source, Cloud: cloud, Tokens: c.Tokens, Client: client, Log: c.Log,
	})
	if err != nil {
		return append(steps, failed("api", source, err))
	}
	now := time.Now()
	page, err := reader.Read(ctx, tributary.Request{Window: tributary.Window{From: now}, Limit: 1}, func(tributary.Alert) error { return nil })
	if err != nil {
		return append(steps, c.portalStep(failed("api", source, err), tenant, cloud))
	}
	steps = append(steps, done("api", source, "answers"))
	if skew := page.Served.Sub(now).Round(time.Second); skew > 2*time.Minute || skew < -2*time.Minute {
		steps = append(steps, Step{
			Name: "clock", Source: source, Text: fmt.Sprintf("Microsoft's clock differs from this machine's by %v", skew),
			Fix: tributary.FixMSSP, Next: "correct this machine's clock (NTP); collecting goes by Microsoft's",
		})
	}
	return steps
}

// consentStep compares what the token allows with what the source needs. A
// token that can't be read tells nothing: the API has the last word.
func consentStep(tenant tributary.Tenant, source tributary.Source, token tributary.AccessToken) (Step, bool) {
	need, known := needs[source]
	claims, err := entra.ReadClaims(token.Value)
	if !known || err != nil {
		return Step{}, false
	}
	have, want := claims.Roles, need.roles
	if tenant.Auth == tributary.AuthDelegated {
		have, want = claims.Scopes, need.scopes
	}
	for _, permission := range have {
		if slices.Contains(want, permission) {
			return done("consent", source, permission+" is granted"), true
		}
	}
	return failed("consent", source, &tributary.Error{
		Code: tributary.CodeConsentMissing, Op: "read what the token allows", Tenant: tenant.Slug,
		Err: fmt.Errorf("none of %s is granted", strings.Join(want, ", ")),
		Fix: tributary.FixCustomer, Next: "send the customer's administrator the consent link: tributary tenant connect " + tenant.Slug,
	}), true
}

// connectFirst points to the command that gets the consent, where the words
// about a refusal don't.
func connectFirst(step Step, tenant tributary.Tenant) Step {
	const command = "tributary tenant connect "
	if step.Err != nil && step.Err.Code == tributary.CodeConsentMissing && !strings.Contains(step.Next, command) {
		step.Next += "; to consent: " + command + tenant.Slug
	}
	return step
}

func done(name string, source tributary.Source, text string) Step {
	return Step{Name: name, Source: source, Done: true, Text: text}
}

func failed(name string, source tributary.Source, err error) Step {
	step := Step{Name: name, Source: source, Text: err.Error(), Fix: tributary.FixRetry}
	if e := tributary.AsError(err); e != nil {
		step.Err, step.Fix, step.Next = e, e.Fix, e.Next
		// Whose step it is stands before it.
		step.Text = strings.TrimPrefix(step.Text, e.Tenant+": ")
	}
	return step
}
