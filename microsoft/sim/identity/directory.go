package identity

import (
	"crypto/subtle"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tributary"
)

// Tenant is one directory.
type Tenant struct {
	ID          string // GUID
	Domain      string // verified domain, such as contoso.onmicrosoft.example
	DisplayName string
	// Initial is the domain that Microsoft gives each tenant; empty: one like
	// the verified domain, under onmicrosoft.com, if no other tenant has it.
	Initial string
	Country string    // two letters; empty: not said
	Created time.Time // zero: when it is added
}

// User is a person listed in a tenant: a member, or a guest whose home is the
// tenant of their name's domain. A guest signs in with the home's password.
type User struct {
	TenantID string
	Name     string // user principal name
	Password string // empty for a guest
	Admin    bool   // may consent for the whole tenant
	Disabled bool   // see [Server.DisableUser]
	delegate bool   // not listed: a partner's delegated administrator
}

// directory holds every tenant with its people, the registrations, and what
// each tenant has consented to.
type directory struct {
	mu            sync.RWMutex
	tenants       map[string]*Tenant // by id and by domain, lower case
	users         map[userKey]*User
	homes         map[string][]string // lower-case name → tenant ids that list it, in order of adding
	apps          map[string]*App
	apis          map[string]*API // by App ID URI and by application id
	consents      map[appKey]*consent
	absent        map[appKey]bool // APIs that a tenant doesn't have
	relationships map[string]Relationship
}

type userKey struct{ tenant, name string }

func newDirectory(cloud tributary.Cloud) *directory {
	d := &directory{
		tenants:       map[string]*Tenant{},
		users:         map[userKey]*User{},
		homes:         map[string][]string{},
		apps:          map[string]*App{},
		apis:          map[string]*API{},
		consents:      map[appKey]*consent{},
		absent:        map[appKey]bool{},
		relationships: map[string]Relationship{},
	}
	for _, a := range microsoftAPIs(cloud) {
		d.addAPI(a)
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
	if t.Created.IsZero() {
		t.Created = s.now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.tenants[t.Domain]; other != nil && other.ID != t.ID {
		if other.Domain == t.Domain {
			return fmt.Errorf("tenant %s: domain %s belongs to tenant %s", t.ID, t.Domain, other.ID)
		}
		// It only had it for want of a better one. A tenant that is in use isn't
		// changed but replaced.
		without := *other
		without.Initial = ""
		s.tenants[without.ID], s.tenants[without.Domain] = &without, &without
		delete(s.tenants, t.Domain)
	}
	if old := s.tenants[t.ID]; old != nil {
		delete(s.tenants, old.Domain)
		delete(s.tenants, old.Initial)
	}
	s.tenants[t.ID], s.tenants[t.Domain] = &t, &t
	if t.Initial == "" {
		t.Initial = initialDomain(t.Domain)
	}
	switch other := s.tenants[strings.ToLower(t.Initial)]; {
	case other == nil:
		s.tenants[strings.ToLower(t.Initial)] = &t
	case other.ID != t.ID:
		t.Initial = ""
	}
	return nil
}

// initialDomain is what a tenant of that domain was likely called at first.
func initialDomain(domain string) string {
	if strings.HasSuffix(domain, ".onmicrosoft.com") {
		return domain
	}
	name, _, _ := strings.Cut(domain, ".")
	return strings.ReplaceAll(name, "-", "") + ".onmicrosoft.com"
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

// tenant finds a directory by id or domain.
func (s *Server) tenant(name string) *Tenant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tenants[strings.ToLower(name)]
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

// Administers reports whether a person administers a tenant.
func (s *Server) Administers(tenantID, user string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u := s.users[userKey{strings.ToLower(tenantID), strings.ToLower(user)}]
	return u != nil && u.Admin
}

// Tenant finds a directory by id or domain.
func (s *Server) Tenant(name string) (Tenant, bool) {
	if t := s.tenant(name); t != nil {
		return *t, true
	}
	return Tenant{}, false
}

// password checks it against the account's home.
func (s *Server) password(a account, password string) bool {
	u := s.listed(a, a.home)
	return u != nil && u.Password != "" && subtle.ConstantTimeCompare([]byte(u.Password), []byte(password)) == 1
}
