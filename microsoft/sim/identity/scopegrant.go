package identity

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// ScopeGrant is a set of delegated permissions that a tenant has granted to an
// application for one API: for everybody, or for one person (Graph:
// oAuth2PermissionGrant).
type ScopeGrant struct {
	ID         string
	ClientID   string // the service principal's object id, not the client id
	ResourceID string // the API's service principal
	UserID     string // object id of the person; empty: everybody
	Scopes     []string
}

// ScopeGrants lists a tenant's grants by their ids.
func (s *Server) ScopeGrants(tenantID string) []ScopeGrant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.tenants[strings.ToLower(tenantID)]
	if t == nil {
		return nil
	}
	var list []ScopeGrant
	for key, c := range s.consents {
		if key.tenant != t.ID || s.apps[key.client] == nil {
			continue
		}
		each := func(user string, scopes map[string][]string) {
			for uri, values := range scopes {
				if len(values) == 0 {
					continue
				}
				g := ScopeGrant{ClientID: principalID(t.ID, key.client), ResourceID: principalID(t.ID, s.lookup(uri).AppID), Scopes: slices.Clone(values)}
				if user != "" {
					g.UserID = account{name: user}.objectID(t)
				}
				g.ID = g.id()
				list = append(list, g)
			}
		}
		each("", c.scopes)
		for user, scopes := range c.users {
			each(user, scopes)
		}
	}
	slices.SortFunc(list, func(a, b ScopeGrant) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// id is made of the three ids, as Entra makes it.
func (g ScopeGrant) id() string {
	var b []byte
	for _, text := range []string{g.ClientID, g.ResourceID, g.UserID} {
		if text != "" {
			u := uuid.MustParse(text)
			b = append(b, u[:]...)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// SetScopes grants exactly these delegated permissions, where the grant isn't
// there yet, or changes the one that is; none removes it. The error is
// [ErrNotFound] for an application, an API or a person that the tenant doesn't
// have, or for a permission that the API doesn't offer.
func (s *Server) SetScopes(tenantID string, g ScopeGrant) (ScopeGrant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenants[strings.ToLower(tenantID)]
	p, ok := s.principal(t, strings.ToLower(g.ClientID))
	api, okAPI := s.principal(t, strings.ToLower(g.ResourceID))
	if !ok || !okAPI || p.API != nil || api.API == nil {
		return ScopeGrant{}, ErrNotFound
	}
	user := ""
	if g.UserID != "" {
		if user = s.person(t, strings.ToLower(g.UserID)); user == "" {
			return ScopeGrant{}, ErrNotFound
		}
	}
	var values []string
	for _, v := range g.Scopes {
		scope, ok := findPermission(api.API.Scopes, v)
		if !ok {
			return ScopeGrant{}, ErrNotFound
		}
		if !slices.Contains(values, scope.Value) {
			values = append(values, scope.Value)
		}
	}
	c := s.consent(t.ID, p.AppID)
	to := c.scopes
	if user != "" {
		if to = c.users[user]; to == nil {
			to = map[string][]string{}
			c.users[user] = to
		}
	}
	if to[api.API.URI] = values; len(values) == 0 {
		delete(to, api.API.URI)
	}
	out := ScopeGrant{ClientID: p.ID, ResourceID: api.ID, UserID: strings.ToLower(g.UserID), Scopes: values}
	out.ID = out.id()
	return out, nil
}

// person finds the lower-case name of a user of a tenant by object id, or "".
// The caller holds the lock.
func (d *directory) person(t *Tenant, id string) string {
	for key := range d.users {
		if key.tenant == t.ID && (account{name: key.name}).objectID(t) == id {
			return key.name
		}
	}
	return ""
}
