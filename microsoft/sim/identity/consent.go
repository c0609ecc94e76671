package identity

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// permissionKind tells what an application may do by itself from what it may
// do for a person.
type permissionKind int

const (
	delegated permissionKind = iota
	application
)

// permission is one line of a consent page.
type permission struct {
	resource string // App ID URI
	name     string
	kind     permissionKind
}

// needsAdmin reports whether only an administrator can grant it: every
// application permission, and the delegated ones over everybody's data, which
// Microsoft names so.
func (p permission) needsAdmin() bool {
	return p.kind == application || strings.HasSuffix(p.name, ".All")
}

// consent is what a tenant holds of an application (its enterprise
// application, a service principal), as it stood when it was granted: a
// permission that is added to the registration later reaches nobody until
// somebody consents again.
type consent struct {
	created  time.Time
	disabled bool // the tenant has switched the application off
	tags     []string
	roles    map[string][]string            // resource → application permissions
	scopes   map[string][]string            // resource → delegated permissions, for everybody
	users    map[string]map[string][]string // lower-case user name → resource → delegated permissions
	given    map[permission]time.Time       // when a role was granted
}

type appKey struct{ tenant, client string }

// consent returns the tenant's enterprise application, made if need be. The
// caller holds the lock.
func (s *Server) consent(tenant, client string) *consent {
	key := appKey{tenant, client}
	c := s.consents[key]
	if c == nil {
		c = &consent{
			created: s.now(), roles: map[string][]string{}, scopes: map[string][]string{}, users: map[string]map[string][]string{},
			given: map[permission]time.Time{},
		}
		s.consents[key] = c
	}
	return c
}

// Consent grants everything in the application's registration for the whole
// tenant, as an administrator does on the consent page. Unknown names do
// nothing.
func (s *Server) Consent(tenantID, clientID string) {
	t, a := s.tenant(tenantID), s.app(clientID)
	if t == nil || a == nil {
		return
	}
	s.grant(t, a, nil, a.registered(true))
}

// RevokeConsent removes the application from the tenant, with all that was
// granted to it. Access tokens that are out stay good until they expire, as
// Entra's do.
func (s *Server) RevokeConsent(tenantID, clientID string) {
	t, a := s.tenant(tenantID), s.app(clientID)
	if t == nil || a == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.consents, appKey{t.ID, a.ClientID})
}

// registered lists the permissions in a registration: the delegated ones, and
// if asked the application's own.
func (a *App) registered(roles bool) []permission {
	var list []permission
	for _, uri := range slices.Sorted(maps.Keys(a.Scopes)) {
		for _, name := range a.Scopes[uri] {
			list = append(list, permission{uri, name, delegated})
		}
	}
	if roles {
		for _, uri := range slices.Sorted(maps.Keys(a.Roles)) {
			for _, name := range a.Roles[uri] {
				list = append(list, permission{uri, name, application})
			}
		}
	}
	return list
}

// grant records a consent: for the whole tenant, or if user is not nil for
// that person, who can't give away what belongs to everybody.
func (s *Server) grant(tenant *Tenant, app *App, user *account, list []permission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.consent(tenant.ID, app.ClientID)
	for _, p := range list {
		switch {
		case user != nil && p.kind == delegated:
			name := strings.ToLower(user.name)
			if c.users[name] == nil {
				c.users[name] = map[string][]string{}
			}
			add(c.users[name], p)
		case user != nil:
		case p.kind == application:
			if add(c.roles, p) {
				c.given[p] = s.now()
			}
		default:
			add(c.scopes, p)
		}
	}
}

// add reports whether the permission is new there.
func add(to map[string][]string, p permission) bool {
	if slices.Contains(to[p.resource], p.name) {
		return false
	}
	to[p.resource] = append(to[p.resource], p.name)
	return true
}

// installed reports whether the tenant has the application at all.
func (s *Server) installed(tenant *Tenant, app *App) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.consents[appKey{tenant.ID, app.ClientID}] != nil
}

// roles lists the application permissions granted for a resource, sorted.
func (s *Server) roles(tenant *Tenant, app *App, uri string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.consents[appKey{tenant.ID, app.ClientID}]
	if c == nil {
		return nil
	}
	return slices.Sorted(slices.Values(c.roles[uri]))
}

// scopes lists the delegated permissions that the application may use for a
// person, sorted.
func (s *Server) scopes(tenant *Tenant, app *App, user account, uri string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.consents[appKey{tenant.ID, app.ClientID}]
	if c == nil {
		return nil
	}
	list := slices.Concat(c.scopes[uri], c.users[strings.ToLower(user.name)][uri])
	slices.Sort(list)
	return slices.Compact(list)
}

// lacking lists what a person has still to consent to before the application
// gets what it asks for. Named permissions are compared one by one; a request
// for all that is registered is content with whatever was granted before.
func (s *Server) lacking(tenant *Tenant, app *App, user account, asks []ask) []permission {
	var list []permission
	for _, a := range asks {
		have := s.scopes(tenant, app, user, a.resource)
		if a.names == nil {
			if len(have) == 0 {
				list = append(list, app.registered(false)...)
			}
			continue
		}
		for _, name := range a.names {
			if !slices.Contains(have, name) {
				list = append(list, permission{a.resource, name, delegated})
			}
		}
	}
	return distinct(list)
}

func distinct(list []permission) []permission {
	var out []permission
	for _, p := range list {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
