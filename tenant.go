package tributary

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// AuthMethod is how a tenant lets us in.
type AuthMethod string

const (
	// AuthAppOnly is what Microsoft recommends: the customer's administrator
	// consents once, then client credentials.
	AuthAppOnly AuthMethod = "app-only"
	// AuthDelegated is what Microsoft's MSSP procedure has: a person signs in,
	// and a refresh token is kept.
	AuthDelegated AuthMethod = "delegated"
)

// Tenant is one customer's Microsoft Entra tenant.
type Tenant struct {
	Slug    string            `json:"slug"`      // our name for it; never changes
	ID      string            `json:"tenant_id"` // GUID, lower case
	Name    string            `json:"name,omitempty"`
	Cloud   string            `json:"cloud,omitempty"` // name of a configured cloud; empty: the default one
	App     string            `json:"app,omitempty"`   // name of a configured application; empty: the default one
	Auth    AuthMethod        `json:"auth"`
	Sources []Source          `json:"sources"`
	Region  string            `json:"region,omitempty"` // where the SIEM API keeps its data: us, eu or uk
	Labels  map[string]string `json:"labels,omitempty"`
	Paused  bool              `json:"paused,omitempty"`
	// FromFile marks a tenant that the configuration file manages: commands
	// don't change it.
	FromFile bool `json:"from_file,omitempty"`
}

var (
	slugForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	guidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// CheckSlug reports what is wrong with a slug: lower-case letters, digits and
// hyphens, 1 to 63 of them, not beginning or ending with a hyphen.
func CheckSlug(slug string) error {
	if slugForm.MatchString(slug) {
		return nil
	}
	return fmt.Errorf("slug %q: use 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end", slug)
}

// CheckTenantID reports what is wrong with a tenant id, which is a GUID.
func CheckTenantID(id string) error {
	if guidForm.MatchString(strings.ToLower(id)) {
		return nil
	}
	return fmt.Errorf("tenant id %q is not a GUID such as 11111111-2222-3333-4444-555555555555 (Entra admin center, Overview, Tenant ID)", id)
}

// Check reports the first thing that is wrong with the tenant.
func (t Tenant) Check() error {
	if err := CheckSlug(t.Slug); err != nil {
		return err
	}
	if err := CheckTenantID(t.ID); err != nil {
		return fmt.Errorf("tenant %s: %w", t.Slug, err)
	}
	if t.Auth != AuthAppOnly && t.Auth != AuthDelegated {
		return fmt.Errorf("tenant %s: auth %q: use %s or %s", t.Slug, t.Auth, AuthAppOnly, AuthDelegated)
	}
	if len(t.Sources) == 0 {
		return fmt.Errorf("tenant %s: no source: name at least one of graph, endpoint, siem", t.Slug)
	}
	seen := map[Source]bool{}
	for _, s := range t.Sources {
		if _, err := ParseSource(string(s)); err != nil {
			return fmt.Errorf("tenant %s: %w", t.Slug, err)
		}
		if seen[s] {
			return fmt.Errorf("tenant %s: source %s is named twice", t.Slug, s)
		}
		seen[s] = true
	}
	return nil
}

// Feeds lists the tenant's feeds, one for each source.
func (t Tenant) Feeds() []Feed {
	feeds := make([]Feed, len(t.Sources))
	for i, s := range t.Sources {
		feeds[i] = Feed{Tenant: t.Slug, Source: s}
	}
	return feeds
}

// App is an application registration in Entra ID. It signs in with a
// certificate if it has one, otherwise with a secret.
type App struct {
	Name         string // as the configuration names it; "" is the default one
	ClientID     string // application (client) id, a GUID
	ClientSecret Secret
	Certificate  Secret // PEM: certificate and private key
	RedirectURI  string // as registered; empty: http://localhost on a free port
}

// Grant is what a customer gave us in the delegated flow.
type Grant struct {
	RefreshToken Secret
	// Previous is the refresh token before the last rotation. Entra leaves it
	// valid, so it is kept until the new one has worked once.
	Previous Secret
	ClientID string    // the application it was given to
	Account  string    // who signed in, as the token names them
	V1       bool      // obtained from the v1 endpoints (resource=)
	Public   bool      // obtained without the application's credential, and refreshed without it
	Obtained time.Time // when the person signed in
	Rotated  time.Time // when RefreshToken was received
}
