package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tributary"
	"tributary/microsoft/entra"
)

// IdleLife is how long Entra keeps a refresh token that nobody uses.
const IdleLife = 90 * 24 * time.Hour

// When the calendar begins to warn, and how loudly.
const (
	warnEarly  = 60 * 24 * time.Hour
	warnSoon   = 30 * 24 * time.Hour
	warnUrgent = 7 * 24 * time.Hour
)

// Urgency is how near an end is.
type Urgency string

const (
	Expired Urgency = "expired"
	Urgent  Urgency = "urgent"  // within 7 days
	Soon    Urgency = "soon"    // within 30
	Ahead   Urgency = "ahead"   // within 60
	Fine    Urgency = "fine"    // later
	Unknown Urgency = "unknown" // nobody here knows the end
)

func urgency(end, now time.Time) Urgency {
	left := end.Sub(now)
	switch {
	case end.IsZero():
		return Unknown
	case left <= 0:
		return Expired
	case left <= warnUrgent:
		return Urgent
	case left <= warnSoon:
		return Soon
	case left <= warnEarly:
		return Ahead
	}
	return Fine
}

// What can expire.
const (
	KindCertificate  = "certificate"
	KindClientSecret = "client secret"
	KindRefreshToken = "refresh token"
)

// Expiry is one thing that ends one day, and what ends with it.
type Expiry struct {
	Kind    string    `json:"kind"`
	App     string    `json:"app"`              // name of the application; empty: the default one
	Tenant  string    `json:"tenant,omitempty"` // slug, for a refresh token
	Tenants int       `json:"tenants"`          // how many customers depend on it
	Ends    time.Time `json:"ends,omitzero"`
	Days    int       `json:"days"` // whole days left; negative: ended so long ago; 0 where Ends is not known
	Urgency Urgency   `json:"urgency"`
	Next    string    `json:"next,omitempty"`
}

// Calendar lists what expires when, the nearest first and what is unknown last:
// the credentials of the applications, and the refresh tokens of delegated
// tenants, which end when nobody uses them.
func (c *Connector) Calendar(ctx context.Context, apps []tributary.App, tenants []tributary.Tenant, now time.Time) ([]Expiry, error) {
	users := map[string]int{}
	for _, t := range tenants {
		users[t.App]++
	}
	list := []Expiry{}
	for _, app := range apps {
		e, err := credentialExpiry(app, now)
		if err != nil {
			return nil, err
		}
		if e.Kind != "" {
			e.Tenants = users[app.Name]
			list = append(list, e)
		}
	}
	for _, t := range tenants {
		if t.Auth != tributary.AuthDelegated {
			continue
		}
		grant, _, err := c.Grants.Grant(ctx, t.Slug)
		if errors.Is(err, tributary.ErrNotFound) {
			continue // nobody has signed in: there is nothing that could end
		}
		if err != nil {
			return nil, err
		}
		e := ending(Expiry{Kind: KindRefreshToken, App: t.App, Tenant: t.Slug, Tenants: 1, Ends: grant.Rotated.Add(IdleLife)}, now)
		if e.Urgency != Fine {
			e.Next = "tributary run uses it every few days; see with tributary tenant check " + t.Slug + " whether it still works"
		}
		if e.Urgency == Expired {
			e.Next = "sign in again: tributary tenant connect " + t.Slug
		}
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b Expiry) int {
		if a.Ends.IsZero() != b.Ends.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.Ends.IsZero()]
		}
		return cmp.Or(a.Ends.Compare(b.Ends), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.App, b.App), cmp.Compare(a.Tenant, b.Tenant))
	})
	return list, nil
}

func ending(e Expiry, now time.Time) Expiry {
	e.Urgency = urgency(e.Ends, now)
	if !e.Ends.IsZero() {
		e.Ends = e.Ends.UTC()
		e.Days = int(e.Ends.Sub(now) / (24 * time.Hour))
	}
	return e
}

// credentialExpiry is the end of what proves that we are the application; no
// kind where it has nothing that ends.
func credentialExpiry(app tributary.App, now time.Time) (Expiry, error) {
	e := Expiry{App: app.Name}
	switch {
	case !app.Certificate.IsZero():
		end, err := entra.CertificateEnd(app)
		if err != nil {
			return e, err
		}
		e.Kind, e.Ends = KindCertificate, end
	case !app.ClientSecret.IsZero():
		e.Kind = KindClientSecret
	default:
		return e, nil
	}
	e = ending(e, now)
	switch e.Urgency {
	case Fine:
	case Unknown:
		e.Next = "look in the Entra admin center, Certificates & secrets"
	default:
		e.Next = "add a new one in the Entra admin center, change certificate_file, then remove the old one"
	}
	return e, nil
}

// credentialStep says how long the application's certificate is still good.
// The end of a client secret is not known here, so it has no step.
func credentialStep(app tributary.App, now time.Time) (Step, bool) {
	e, err := credentialExpiry(app, now)
	switch {
	case err != nil:
		return failed("credential", "", err), true
	case e.Ends.IsZero():
		return Step{}, false
	case e.Urgency == Expired:
		return failed("credential", "", &tributary.Error{
			Code: tributary.CodeCredential, Op: "look at the application's certificate", Fix: tributary.FixMSSP, Next: e.Next,
			Err: fmt.Errorf("it ended on %s", e.Ends.Format(time.DateOnly)),
		}), true
	}
	step := done("credential", "", fmt.Sprintf("the certificate is good for %d days, until %s", e.Days, e.Ends.Format(time.DateOnly)))
	step.Fix, step.Next = tributary.FixMSSP, e.Next
	if e.Next == "" {
		step.Fix = ""
	}
	return step, true
}
