package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Difference is something in which an application isn't as it has to be.
type Difference struct {
	What string // a stable name: audience, redirect-uri, permission, surplus-permission, public-client, credential, service-principal, disabled
	Text string // what was found, as one sentence
	// Blocks: no alert comes while it lasts. The others are advice.
	Blocks bool
	Mended bool   // by this call
	Next   string // what to do where this call can't mend it
}

// Review is what a look at an application that somebody else registered found.
type Review struct {
	Shown       Shown // as it was before anything was mended
	Differences []Difference
}

// Ready reports whether nothing blocks any more.
func (r Review) Ready() bool {
	return !slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Blocks && !d.Mended })
}

const takeOverOp = "take over the application"

// TakeOver compares an existing application with a registration, whose
// Certificate, Secret, KeyID, Grant and Keep are not used, and mends what it
// can if asked. It adds, and never takes away: an application may serve others
// too. What it needs besides and can't be mended here is in Next. With mend it
// also puts the registration's mark on the application, so that Register
// completes this one from now on: then the application is made as the
// registration has it, surplus permissions and all.
func (c *Client) TakeOver(ctx context.Context, appID string, want Registration, mend bool) (Review, error) {
	want.Certificate, want.Secret = nil, false
	if err := want.check(c.cfg.Now()); err != nil {
		return Review{}, c.failure(takeOverOp, CodeSettings, tributary.FixMSSP, err, "correct it and start again")
	}
	app, err := c.registered(ctx, takeOverOp, appID)
	if err != nil {
		return Review{}, err
	}
	var review Review
	if review.Shown, err = c.shown(ctx, app); err != nil {
		return Review{}, err
	}
	needs, err := Needs(want.Sources, want.Auth)
	if err != nil {
		return Review{}, c.failure(takeOverOp, CodeSettings, tributary.FixMSSP, err, "correct the sources")
	}
	found, err := c.resolve(ctx, needs, mend)
	if err != nil {
		return Review{}, err
	}
	change := map[string]any{}
	review.Differences = compare(app, review.Shown, want, found, change, c.cfg.Now())
	if !mend {
		return review, nil
	}
	if !slices.Contains(app.Tags, want.tag()) {
		change["tags"] = append(slices.Clone(app.Tags), want.tag())
	}
	if len(change) > 0 {
		if err := c.change(ctx, takeOverOp, app.ID, change); err != nil {
			return review, err
		}
	}
	for i := range review.Differences {
		switch d := &review.Differences[i]; d.What {
		case "audience", "redirect-uri", "permission", "public-client":
			d.Mended = true
		case "service-principal":
			if _, err := c.ensurePrincipal(ctx, app.AppID); err != nil {
				return review, err
			}
			d.Mended = true
		}
	}
	return review, nil
}

// compare lists the differences, and collects what mends them.
func compare(app *application, shown Shown, want Registration, found resolved, change map[string]any, now time.Time) []Difference {
	var list []Difference
	add := func(d Difference) { list = append(list, d) }
	if want.MultiTenant && !shown.MultiTenant {
		add(Difference{
			What: "audience", Blocks: true, Next: "under Authentication, Supported account types, choose Multiple Entra ID tenants",
			Text: "only its own directory can use it (" + shown.Audience + "): at a customer's, sign-in ends in AADSTS50194 or AADSTS700016",
		})
		change["signInAudience"] = audienceMulti
	}
	uris := slices.Clone(app.Web.URIs)
	for _, uri := range want.RedirectURIs {
		if slices.Contains(uris, uri) {
			continue
		}
		text := "the redirect URI " + uri + " is not registered for the platform Web: sign-in ends in AADSTS50011"
		if slices.Contains(shown.Other, uri) {
			text += " (it is registered for another platform, where a secret or certificate isn't taken)"
		}
		add(Difference{What: "redirect-uri", Text: text, Blocks: true, Next: "add it under Authentication"})
		uris = append(uris, uri)
		change["web"] = map[string]any{"redirectUris": uris}
	}
	permissions := app.Permissions
	for _, p := range found.permissions {
		entry := accessEntry{p.ID, p.Kind.accessType()}
		if hasAccess(permissions, p.APIAppID, entry) {
			continue
		}
		add(Difference{What: "permission", Text: "it doesn't ask for " + p.String(), Blocks: true, Next: "add it under API permissions, then have every customer consent again"})
		permissions = withAccess(permissions, p.APIAppID, entry)
		change["requiredResourceAccess"] = permissions
	}
	for _, n := range found.absent {
		add(Difference{What: "permission", Text: "it doesn't ask for " + n.String() + ", whose API this directory doesn't have yet", Blocks: true, Next: apiAdvice})
	}
	for _, p := range shown.Permissions {
		needed := func(n Permission) bool {
			return n.Kind == p.Kind && strings.EqualFold(n.ID, p.ID) && strings.EqualFold(n.APIAppID, p.APIAppID)
		}
		if !slices.ContainsFunc(found.permissions, needed) {
			add(Difference{What: "surplus-permission", Text: "it asks for " + p.String() + ", which reading alerts doesn't need", Next: "remove it under API permissions, unless the application serves something else too"})
		}
	}
	if want.PublicClient && !shown.PublicClient {
		add(Difference{What: "public-client", Text: "it doesn't allow the sign-in with a device code", Blocks: true, Next: "under Authentication, Settings, set Allow public client flows to Yes"})
		change["isFallbackPublicClient"] = true
	}
	list = append(list, credentialDifferences(shown, now)...)
	switch {
	case shown.ServicePrincipalID == "":
		add(Difference{What: "service-principal", Text: "it is not provisioned in its own directory", Next: "open it once under Enterprise apps"})
	case !shown.Enabled:
		add(Difference{What: "disabled", Text: "it is switched off in its own directory", Blocks: true, Next: "under Enterprise apps, Properties, set Enabled for users to sign-in to Yes"})
	}
	return list
}

// credentialDifferences says whether the application can prove itself, and for
// how long.
func credentialDifferences(shown Shown, now time.Time) []Difference {
	const next = "renew it with: tributary app rotate"
	var last time.Time
	for _, one := range shown.Credentials {
		if one.Kind != OtherCredential && one.Valid(now) && one.Expires.After(last) {
			last = one.Expires
		}
	}
	switch {
	case len(shown.Federated) > 0 && last.IsZero():
		return nil
	case last.IsZero() && len(shown.Credentials) > 0:
		return []Difference{{What: "credential", Text: "none of its certificates and secrets is valid", Blocks: true, Next: next}}
	case last.IsZero():
		return []Difference{{What: "credential", Text: "it has neither a certificate nor a secret", Blocks: true, Next: next}}
	case last.Before(now.AddDate(0, 0, 60)):
		return []Difference{{What: "credential", Text: fmt.Sprintf("its last valid credential ends on %s", last.Format(time.DateOnly)), Next: next}}
	}
	return nil
}
