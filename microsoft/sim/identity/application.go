package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// App is an application registration.
type App struct {
	ClientID, DisplayName string
	// ObjectID is the registration's own id in its directory; it is another
	// GUID than the client id. Empty: derived.
	ObjectID    string
	HomeTenant  string // tenant id of the directory that it is registered in
	MultiTenant bool   // "accounts in any organizational directory"
	Personal    bool   // "... and personal Microsoft accounts", with MultiTenant
	Public      bool   // "allow public client flows": no credential, device code
	// Microsoft marks one of Microsoft's own, which no directory here owns:
	// HomeTenant stays empty.
	Microsoft bool
	Created   time.Time // zero: when it is added

	// Secrets and Certificates are credentials in short: secrets that never
	// expire, certificates that hold as long as they say themselves. They are
	// turned into Passwords and Keys when the registration is added.
	Secrets      []string
	Certificates []*x509.Certificate
	Passwords    []Password
	Keys         []Key
	Federated    []FederatedCredential

	RedirectURIs       []string // of the platform Web
	PublicRedirectURIs []string // of the platform "mobile and desktop applications"

	// Roles and Scopes are the permissions in the registration, application
	// and delegated, by API (an App ID URI). They bind nobody until a tenant
	// consents.
	Roles  map[string][]string
	Scopes map[string][]string
	// Required is the same as a registration holds it, by ids. If it is set,
	// Roles and Scopes are made of it.
	Required []RequiredAccess

	// What a directory keeps besides, without a bearing on signing in.
	Description, Notes, HomePage, LogoutURL string
	Tags, IdentifierURIs                    []string
}

// CommandLineTools is Microsoft's own public client for people who manage
// directories at a command line. It has no permissions registered: it asks for
// what it needs by name, and an administrator consents.
const CommandLineTools = "14d82eec-204b-4c2f-b7e8-296a70dab67e"

func commandLineTools() App {
	return App{
		ClientID: CommandLineTools, DisplayName: "Microsoft Graph Command Line Tools", Microsoft: true, MultiTenant: true, Public: true,
		PublicRedirectURIs: []string{"http://localhost", "https://login.microsoftonline.com/common/oauth2/nativeclient"},
	}
}

// RequiredAccess is a registration's list of permissions of one API. Any ids
// are taken, as Entra takes them: wrong ones only show when somebody is to
// consent.
type RequiredAccess struct {
	AppID         string // of the API
	Roles, Scopes []string
}

// FederatedCredential lets another identity provider's token stand for the
// application's credential (Entra: workload-identity-federation).
type FederatedCredential struct {
	ID, Name, Issuer, Subject, Description string
	Audiences                              []string
}

// What the directory refuses.
var (
	ErrNotFound = errors.New("no such object in the directory")
	ErrExists   = errors.New("the directory has it already")
)

// AddApp adds a registration with its service principal in its own directory,
// or replaces the one with that client id: what tenants consented to before
// stays, as it does when a registration is edited.
func (s *Server) AddApp(a App) error {
	if err := s.Register(a); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if added := s.apps[strings.ToLower(a.ClientID)]; added != nil && !added.Microsoft {
		s.consent(added.HomeTenant, added.ClientID)
	}
	return nil
}

// Register adds a registration alone, as Microsoft Graph does: no tenant has a
// service principal of it yet.
func (s *Server) Register(a App) error {
	id, err := uuid.Parse(a.ClientID)
	if err != nil {
		return fmt.Errorf("application %q: the client id is not a GUID", a.ClientID)
	}
	a.ClientID = id.String()
	a = a.clone()
	s.mu.Lock()
	defer s.mu.Unlock()
	home := s.tenants[strings.ToLower(a.HomeTenant)]
	switch {
	case a.Microsoft:
		a.HomeTenant = microsoftTenant
	case home == nil:
		return fmt.Errorf("application %s: home tenant %q is not known", a.ClientID, a.HomeTenant)
	default:
		a.HomeTenant = home.ID
	}
	if a.ObjectID == "" {
		a.ObjectID = objectID(a.HomeTenant, "registration:"+a.ClientID)
	}
	if a.Created.IsZero() {
		a.Created = s.now()
	}
	return s.keep(&a, nil)
}

// keep checks a registration and puts it in place. The caller holds the lock;
// old is what it replaces, or nil.
func (s *Server) keep(a, old *App) error {
	for _, uri := range a.replies() {
		if _, err := parseRedirect(uri); err != nil {
			return fmt.Errorf("application %s: redirect URI %q: %w", a.ClientID, uri, err)
		}
	}
	if err := a.takeCredentials(old, s.now(), s.now().Add(s.credentialDelay)); err != nil {
		return fmt.Errorf("application %s: %w", a.ClientID, err)
	}
	if a.Required != nil {
		a.Roles, a.Scopes = s.named(a.Required)
	} else {
		a.Roles, a.Scopes = s.offered(a.Roles, application), s.offered(a.Scopes, delegated)
		a.Required = s.required(a.Roles, a.Scopes)
	}
	s.apps[a.ClientID] = a
	return nil
}

// UpdateApp changes a registration. The function gets a copy; if it returns an
// error, or leaves something that can't be, nothing has changed.
func (s *Server) UpdateApp(clientID string, change func(*App) error) (App, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.apps[strings.ToLower(clientID)]
	if old == nil {
		return App{}, ErrNotFound
	}
	a := old.clone()
	if err := change(&a); err != nil {
		return App{}, err
	}
	a.ClientID, a.ObjectID, a.HomeTenant, a.Microsoft = old.ClientID, old.ObjectID, old.HomeTenant, old.Microsoft
	if err := s.keep(&a, old); err != nil {
		return App{}, err
	}
	return a.clone(), nil
}

// RemoveApp deletes a registration and the service principal in its own
// directory. Those in other tenants stay and are of no use.
func (s *Server) RemoveApp(clientID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[strings.ToLower(clientID)]
	if a == nil {
		return ErrNotFound
	}
	delete(s.apps, a.ClientID)
	delete(s.consents, appKey{a.HomeTenant, a.ClientID})
	return nil
}

// Apps lists the registrations of a directory in the order of their making.
func (s *Server) Apps(tenantID string) []App {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []App
	for _, a := range s.apps {
		if a.HomeTenant == strings.ToLower(tenantID) {
			list = append(list, a.clone())
		}
	}
	slices.SortFunc(list, func(a, b App) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ClientID, b.ClientID)
	})
	return list
}

// app finds a registration. What it returns is not changed any more: a change
// puts another in its place.
func (s *Server) app(clientID string) *App {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.apps[strings.ToLower(clientID)]
}

// replies lists every redirect URI.
func (a *App) replies() []string { return slices.Concat(a.RedirectURIs, a.PublicRedirectURIs) }

// native reports whether a redirect URI belongs to a public client: what comes
// of it is fetched without a credential (Entra: AADSTS700025).
func (a *App) native(uri string) bool {
	same := func(registered string) bool { return sameRedirect(uri, registered, true) }
	return slices.ContainsFunc(a.PublicRedirectURIs, same) && !slices.ContainsFunc(a.RedirectURIs, same)
}

func (a *App) clone() App {
	c := *a
	c.Secrets, c.Certificates = slices.Clone(a.Secrets), slices.Clone(a.Certificates)
	c.Passwords, c.Keys = slices.Clone(a.Passwords), slices.Clone(a.Keys)
	c.Federated = slices.Clone(a.Federated)
	c.RedirectURIs, c.PublicRedirectURIs = slices.Clone(a.RedirectURIs), slices.Clone(a.PublicRedirectURIs)
	c.Roles, c.Scopes = maps.Clone(a.Roles), maps.Clone(a.Scopes)
	c.Required = slices.Clone(a.Required)
	c.Tags, c.IdentifierURIs = slices.Clone(a.Tags), slices.Clone(a.IdentifierURIs)
	return c
}
