package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// RoleAssignment is an application permission that a tenant has granted: what
// an administrator's consent leaves behind, or Microsoft Graph makes (Graph:
// appRoleAssignment).
type RoleAssignment struct {
	ID            string
	Created       time.Time
	PrincipalID   string // the service principal that may
	PrincipalName string
	ResourceID    string // the service principal of the API
	ResourceName  string
	RoleID        string
}

// RoleAssignments lists what a tenant has granted to applications themselves,
// oldest first.
func (s *Server) RoleAssignments(tenantID string) []RoleAssignment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.tenants[strings.ToLower(tenantID)]
	if t == nil {
		return nil
	}
	var list []RoleAssignment
	for key, c := range s.consents {
		if key.tenant != t.ID {
			continue
		}
		p, ok := s.appPrincipal(t, key.client)
		if !ok {
			continue
		}
		for uri, values := range c.roles {
			api := s.lookup(uri)
			for _, value := range values {
				role, _ := findPermission(api.Roles, value)
				list = append(list, assignment(p, s.apiPrincipal(t, api), role, c.given[permission{uri, value, application}]))
			}
		}
	}
	slices.SortFunc(list, func(a, b RoleAssignment) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

func assignment(p, api Principal, role Permission, created time.Time) RoleAssignment {
	return RoleAssignment{
		ID: linkID(p.ID, api.ID+role.ID), Created: created, PrincipalID: p.ID, PrincipalName: p.Name,
		ResourceID: api.ID, ResourceName: api.Name, RoleID: role.ID,
	}
}

// linkID names a link between two objects as Entra does: base64url without
// padding, beginning with the first one's id.
func linkID(from, to string) string {
	first := uuid.MustParse(from)
	rest := sha256.Sum256([]byte(to))
	return base64.RawURLEncoding.EncodeToString(append(first[:], rest[:16]...))
}

// AssignRole grants an application permission, which is consent by API. The
// error is [ErrNotFound] for an object or a role that isn't there, or
// [ErrExists].
func (s *Server) AssignRole(tenantID, principalID, resourceID, roleID string) (RoleAssignment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenants[strings.ToLower(tenantID)]
	p, ok := s.principal(t, strings.ToLower(principalID))
	api, okAPI := s.principal(t, strings.ToLower(resourceID))
	if !ok || !okAPI || p.API != nil || api.API == nil {
		return RoleAssignment{}, ErrNotFound
	}
	role, ok := findPermission(api.API.Roles, strings.ToLower(roleID))
	if !ok {
		return RoleAssignment{}, ErrNotFound
	}
	c, now := s.consent(t.ID, p.AppID), s.now()
	if !add(c.roles, permission{api.API.URI, role.Value, application}) {
		return RoleAssignment{}, ErrExists
	}
	c.given[permission{api.API.URI, role.Value, application}] = now
	return assignment(p, api, role, now), nil
}

// UnassignRole takes an application permission back.
func (s *Server) UnassignRole(tenantID, id string) error {
	list := s.RoleAssignments(tenantID)
	i := slices.IndexFunc(list, func(a RoleAssignment) bool { return a.ID == id })
	if i < 0 {
		return ErrNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenants[strings.ToLower(tenantID)]
	p, ok := s.principal(t, list[i].PrincipalID)
	api, okAPI := s.principal(t, list[i].ResourceID)
	if !ok || !okAPI {
		return ErrNotFound
	}
	role, _ := findPermission(api.API.Roles, list[i].RoleID)
	c := s.consent(t.ID, p.AppID)
	c.roles[api.API.URI] = slices.DeleteFunc(slices.Clone(c.roles[api.API.URI]), func(v string) bool { return v == role.Value })
	return nil
}
