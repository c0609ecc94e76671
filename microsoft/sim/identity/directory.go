package identity

import (
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// Tenant is one directory.
type Tenant struct {
	ID          string // GUID
	Domain      string // verified domain, such as contoso.onmicrosoft.example
	DisplayName string
}

// User is a person listed in a tenant: a member, or a guest whose home is the
// tenant of their name's domain. A guest signs in with the home's password.
type User struct {
	TenantID string
	Name     string // user principal name
	Password string // empty for a guest
	Admin    bool   // may consent for the whole tenant
}

// App is an application registration.
type App struct {
	ClientID, DisplayName string
	HomeTenant            string // tenant id of the directory that it is registered in
	MultiTenant           bool   // "accounts in any organizational directory"
	Public                bool   // "allow public client flows": no credential, device code
	Secrets               []string
	Certificates          []*x509.Certificate
	RedirectURIs          []string
	// Roles and Scopes are the permissions in the registration, application
	// and delegated, by resource (an App ID URI). They bind nobody until a
	// tenant consents.
	Roles  map[string][]string
	Scopes map[string][]string
}

// hasCredential reports whether the registration is a confidential client's.
func (a *App) hasCredential() bool { return len(a.Secrets) > 0 || len(a.Certificates) > 0 }

// directory holds every tenant with its people, the registrations, and what
// each tenant has consented to.
type directory struct {
	mu        sync.RWMutex
	tenants   map[string]*Tenant // by id and by domain, lower case
	users     map[userKey]*User
	homes     map[string][]string // lower-case name → tenant ids that list it, in order of adding
	apps      map[string]*App
	resources map[string]*resource
	consents  map[appKey]*consent
}

type userKey struct{ tenant, name string }

func newDirectory() *directory {
	d := &directory{
		tenants:   map[string]*Tenant{},
		users:     map[userKey]*User{},
		homes:     map[string][]string{},
		apps:      map[string]*App{},
		resources: map[string]*resource{},
		consents:  map[appKey]*consent{},
	}
	for _, r := range microsoftResources() {
		d.addResource(r)
	}
	return d
}

// AddTenant adds a directory, or replaces the one with that id.
func (s *Server) AddTenant(t Tenant) error {
	id, err := uuid.Parse(t.ID)
	if err != nil {
		return fmt.Errorf("tenant %q: the id is not a GUID", t.ID)
	}
	t.ID = id.String()
	t.Domain = strings.ToLower(t.Domain)
	if t.Domain == "" || strings.ContainsAny(t.Domain, "/@ ") {
		return fmt.Errorf("tenant %s: domain %q: use one such as contoso.onmicrosoft.example", t.ID, t.Domain)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.tenants[t.Domain]; other != nil && other.ID != t.ID {
		return fmt.Errorf("tenant %s: domain %s belongs to tenant %s", t.ID, t.Domain, other.ID)
	}
	if old := s.tenants[t.ID]; old != nil {
		delete(s.tenants, old.Domain)
	}
	s.tenants[t.ID], s.tenants[t.Domain] = &t, &t
	return nil
}

// AddUser lists a person in a tenant, or replaces their entry.
func (s *Server) AddUser(u User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenants[strings.ToLower(u.TenantID)]
	if t == nil {
		return fmt.Errorf("user %q: tenant %q is not known", u.Name, u.TenantID)
	}
	if !strings.Contains(u.Name, "@") {
		return fmt.Errorf("user %q: the name is not a user principal name such as anna@%s", u.Name, t.Domain)
	}
	u.TenantID = t.ID
	key := userKey{t.ID, strings.ToLower(u.Name)}
	if s.users[key] == nil {
		s.homes[key.name] = append(s.homes[key.name], t.ID)
	}
	s.users[key] = &u
	return nil
}

// AddApp adds a registration, or replaces the one with that client id: what
// tenants consented to before stays, as it does when a registration is edited.
func (s *Server) AddApp(a App) error {
	id, err := uuid.Parse(a.ClientID)
	if err != nil {
		return fmt.Errorf("application %q: the client id is not a GUID", a.ClientID)
	}
	a.ClientID = id.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	home := s.tenants[strings.ToLower(a.HomeTenant)]
	if home == nil {
		return fmt.Errorf("application %s: home tenant %q is not known", a.ClientID, a.HomeTenant)
	}
	a.HomeTenant = home.ID
	for _, uri := range a.RedirectURIs {
		if _, err := parseRedirect(uri); err != nil {
			return fmt.Errorf("application %s: redirect URI %q: %w", a.ClientID, uri, err)
		}
	}
	a.Secrets, a.Certificates = slices.Clone(a.Secrets), slices.Clone(a.Certificates)
	a.RedirectURIs = slices.Clone(a.RedirectURIs)
	a.Roles, a.Scopes = s.register(a.Roles, application), s.register(a.Scopes, delegated)
	s.apps[a.ClientID] = &a
	// A registration's own directory holds its enterprise application from the start.
	s.consent(a.HomeTenant, a.ClientID)
	return nil
}

// tenant finds a directory by id or domain.
func (s *Server) tenant(name string) *Tenant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tenants[strings.ToLower(name)]
}

// app finds a registration.
func (s *Server) app(clientID string) *App {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.apps[strings.ToLower(clientID)]
}

// account is a person who is known somewhere.
type account struct {
	name string
	home *Tenant
}

// objectID is the person's object in a tenant: one in their home, another in
// each tenant that has them as a guest.
func (a account) objectID(tenant *Tenant) string {
	return objectID(tenant.ID, "user:"+strings.ToLower(a.name))
}

// objectID derives the id of an object in a directory, the same on every run.
func objectID(tenant, object string) string {
	return uuid.NewSHA1(uuid.MustParse(tenant), []byte(object)).String()
}

// find returns the account of that name. A person's home is the tenant that
// owns the name's domain, if it lists them, else the first that does.
func (s *Server) find(name string) (account, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	lower := strings.ToLower(strings.TrimSpace(name))
	_, domain, _ := strings.Cut(lower, "@")
	ids := s.homes[lower]
	if len(ids) == 0 {
		return account{}, false
	}
	home := s.tenants[ids[0]]
	if t := s.tenants[domain]; t != nil && s.users[userKey{t.ID, lower}] != nil {
		home = t
	}
	return account{name: s.users[userKey{home.ID, lower}].Name, home: home}, true
}

// listed returns the account's entry in a tenant, or nil.
func (s *Server) listed(a account, tenant *Tenant) *User {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.users[userKey{tenant.ID, strings.ToLower(a.name)}]
}

// password checks it against the account's home.
func (s *Server) password(a account, password string) bool {
	u := s.listed(a, a.home)
	return u != nil && u.Password != "" && subtle.ConstantTimeCompare([]byte(u.Password), []byte(password)) == 1
}

// register copies a registration's permissions under their resources' proper
// names. The caller holds the lock.
func (d *directory) register(in map[string][]string, kind permissionKind) map[string][]string {
	out := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		r := d.lookup(name)
		if r == nil {
			r = &resource{uri: strings.TrimSuffix(name, "/")}
			d.addResource(r)
		}
		for _, p := range in[name] {
			if kind == delegated && !slices.Contains(r.scopes, p) {
				r.scopes = append(r.scopes, p)
			}
			if !slices.Contains(out[r.uri], p) {
				out[r.uri] = append(out[r.uri], p)
			}
		}
	}
	return out
}
