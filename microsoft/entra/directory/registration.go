package directory

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Registration is the application to be registered.
type Registration struct {
	// Mark tells what this registration made from everything else, in every
	// attempt: a random text that the caller stores before the first one, of
	// 1 to 64 letters, digits and hyphens. It becomes the tag tributary:MARK of
	// the application and stands in the names of its credentials.
	Mark string
	// AppID is the application that an earlier attempt made or [Client.TakeOver]
	// marked, where the caller knows it. Empty: it is found by its mark.
	AppID string
	// DisplayName is what people see, and a customer's administrator when
	// consenting. Empty is "<directory's name> SIEM MSSP Connector", the name
	// that Microsoft's MSSP procedure gives it.
	DisplayName string
	// MultiTenant lets other directories use the application: one for all
	// customers. Otherwise it can be used in the directory where it is
	// registered and nowhere else.
	MultiTenant bool
	// Customer is the tenant id of the customer that a single-directory
	// application is for. Registering it in another directory is refused,
	// because it could not sign in to the customer's.
	Customer string
	// RedirectURIs are registered for the platform Web. A sign-in must send one
	// of them to the letter; for http://localhost the port is free.
	RedirectURIs []string
	// PublicClient allows the sign-in with a device code, which sends no
	// credential.
	PublicClient bool
	Sources      []tributary.Source
	Auth         tributary.AuthMethod

	// Certificate is what the application proves itself with; its key stays
	// with the caller. See [MakeCertificate].
	Certificate *x509.Certificate
	// Secret has Entra make a client secret instead.
	Secret         bool
	SecretLifetime time.Duration // zero: 180 days; at most two years
	// KeyID is the credential that the caller holds from an earlier attempt: no
	// other secret is made while it is valid.
	KeyID string

	// Grant also gives the application its permissions in this directory, as
	// an administrator's consent would.
	Grant bool

	// Keep stores what must not be lost: it is called as soon as Entra has made
	// a secret, before anything else happens. If it fails, the secret is taken
	// back. It must be given with Secret.
	Keep func(context.Context, Registered) error
	// Progress hears of each step, in a few words; may be nil.
	Progress func(step string)
}

// Registered is the application as it stands after [Client.Register].
type Registered struct {
	DirectoryID        string // tenant id of the directory where it is registered
	Directory          string // that directory's name
	ObjectID           string // the registration's
	AppID              string // application (client) id
	Name               string
	ServicePrincipalID string
	MultiTenant        bool
	Created            bool       // by this attempt
	Credential         Credential // the certificate or secret; zero with neither
	// Secret is the client secret's text, set only when this attempt made it.
	Secret      tributary.Secret
	Permissions []Permission
	Granted     bool // given in this directory by this registration
	// Notes are sentences that whoever registers should read.
	Notes []string
}

var markForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

func (r Registration) tag() string { return "tributary:" + r.Mark }

// check reports the first thing that is wrong with a registration.
func (r Registration) check(now time.Time) error {
	switch {
	case !markForm.MatchString(r.Mark):
		return errors.New("the mark must be 1 to 64 letters, digits and hyphens")
	case len(r.DisplayName) > 120:
		return errors.New("the name has more than 120 bytes")
	case len(r.Sources) == 0:
		return errors.New("no source is chosen")
	case r.Auth != tributary.AuthAppOnly && r.Auth != tributary.AuthDelegated:
		return fmt.Errorf("auth %q: use %s or %s", r.Auth, tributary.AuthAppOnly, tributary.AuthDelegated)
	case r.Certificate != nil && r.Secret:
		return errors.New("both a certificate and a client secret are asked for: choose one")
	case r.Secret && r.Keep == nil:
		return errors.New("nothing stores the client secret")
	case r.SecretLifetime < 0 || r.SecretLifetime > maxLifetime:
		return errors.New("a client secret lives for two years at most")
	case r.MultiTenant && r.Customer != "":
		return errors.New("an application for many directories is not one customer's")
	case r.Auth == tributary.AuthDelegated && len(r.RedirectURIs) == 0 && !r.PublicClient:
		return errors.New("no redirect URI is given: nobody could sign in")
	}
	if _, err := Needs(r.Sources, r.Auth); err != nil {
		return err
	}
	if r.Customer != "" {
		if err := tributary.CheckTenantID(r.Customer); err != nil {
			return err
		}
	}
	for _, uri := range r.RedirectURIs {
		if err := checkRedirect(uri); err != nil {
			return fmt.Errorf("redirect URI %s: %w", cleanURL(uri), err)
		}
	}
	if r.Certificate != nil {
		return checkCertificate(r.Certificate, now)
	}
	return nil
}

// checkRedirect reports why Entra wouldn't take a redirect URI of the platform
// Web (Entra: reply-url).
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("it is not an address such as https://siem.fabrikam.com/callback")
	case len(uri) > 256:
		return errors.New("it has more than 256 characters")
	case strings.ContainsAny(uri, "*"):
		return errors.New("it has a wildcard, which Entra doesn't take here")
	case u.Fragment != "" || strings.HasSuffix(uri, "#"):
		return errors.New("it has a fragment")
	case u.User != nil:
		return errors.New("it has a user name")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && strings.EqualFold(u.Hostname(), "localhost"):
		return nil
	}
	return errors.New("it has to be https, or http on localhost")
}

// members are a new registration's, or those of an existing one that have to
// change; nil where nothing has.
func (r Registration) members(have *application, name string, permissions []Permission) map[string]any {
	want := access(permissions)
	audience := audienceSingle
	if r.MultiTenant {
		audience = audienceMulti
	}
	uris := append([]string{}, r.RedirectURIs...)
	if have == nil {
		return map[string]any{
			"displayName": name, "signInAudience": audience, "tags": []string{r.tag()},
			"web": map[string]any{"redirectUris": uris}, "requiredResourceAccess": want,
			"isFallbackPublicClient": r.PublicClient,
		}
	}
	change := map[string]any{}
	if have.Name != name && r.DisplayName != "" {
		change["displayName"] = name
	}
	if have.Audience != audience {
		change["signInAudience"] = audience
	}
	if !sameSet(have.Web.URIs, uris) {
		change["web"] = map[string]any{"redirectUris": uris}
	}
	if !sameAccess(have.Permissions, want) {
		change["requiredResourceAccess"] = want
	}
	if (have.Fallback != nil && *have.Fallback) != r.PublicClient {
		change["isFallbackPublicClient"] = r.PublicClient
	}
	if len(change) == 0 {
		return nil
	}
	return change
}

// sameSet compares to the letter, whatever the order.
func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}
