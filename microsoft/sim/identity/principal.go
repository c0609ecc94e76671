package identity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Principal is a service principal: an application as one tenant has it.
type Principal struct {
	ID       string // object id in the tenant: the `oid` of the application's tokens
	TenantID string
	AppID    string
	Name     string
	// Owner is the tenant of the registration, Publisher its name.
	Owner, Publisher string
	Enabled          bool
	Created          time.Time
	ReplyURLs, Tags  []string
	// API is what the application offers, if tokens can be for it.
	API *API
}

// principalID is the object id of an application in a tenant.
func principalID(tenant, appID string) string { return objectID(tenant, "app:"+appID) }

// Principals lists the service principals of a tenant: Microsoft's own APIs
// first, then the others, each by name.
func (s *Server) Principals(tenantID string) []Principal {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.tenants[strings.ToLower(tenantID)]
	if t == nil {
		return nil
	}
	var apis, apps []Principal
	for appID, a := range s.apis {
		if appID == a.AppID && !s.absent[appKey{t.ID, a.AppID}] {
			apis = append(apis, s.apiPrincipal(t, a))
		}
	}
	for key := range s.consents {
		if key.tenant != t.ID {
			continue
		}
		if p, ok := s.appPrincipal(t, key.client); ok {
			apps = append(apps, p)
		}
	}
	for _, list := range [][]Principal{apis, apps} {
		slices.SortFunc(list, func(a, b Principal) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	}
	return append(apis, apps...)
}

// Principal finds a service principal of a tenant by its object id or by its
// application id.
func (s *Server) Principal(tenantID, id string) (Principal, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.principal(s.tenants[strings.ToLower(tenantID)], strings.ToLower(id))
}

// principal is Principal for a caller that holds the lock.
func (s *Server) principal(t *Tenant, id string) (Principal, bool) {
	if t == nil {
		return Principal{}, false
	}
	for appID, a := range s.apis {
		if appID == a.AppID && (id == appID || id == principalID(t.ID, appID)) {
			return s.apiPrincipal(t, a), !s.absent[appKey{t.ID, a.AppID}]
		}
	}
	for key := range s.consents {
		if key.tenant == t.ID && (id == key.client || id == principalID(t.ID, key.client)) {
			return s.appPrincipal(t, key.client)
		}
	}
	return Principal{}, false
}

func (s *Server) apiPrincipal(t *Tenant, a *API) Principal {
	api := a.clone()
	return Principal{
		ID: principalID(t.ID, a.AppID), TenantID: t.ID, AppID: a.AppID, Name: a.Name, Owner: microsoftTenant, Publisher: "Microsoft Services",
		Enabled: true, API: &api,
	}
}

// appPrincipal is false where the registration is gone: such a service
// principal still exists at Entra, but nothing can be done with it.
func (s *Server) appPrincipal(t *Tenant, client string) (Principal, bool) {
	a, c := s.apps[client], s.consents[appKey{t.ID, client}]
	if a == nil || c == nil {
		return Principal{}, false
	}
	return Principal{
		ID: principalID(t.ID, client), TenantID: t.ID, AppID: client, Name: a.DisplayName, Owner: a.HomeTenant, Publisher: s.publisherOf(a),
		Enabled: !c.disabled, Created: c.created, ReplyURLs: a.replies(), Tags: slices.Clone(c.tags),
	}, true
}

// publisher is who made an application, as pages show it.
func (s *Server) publisher(a *App) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.publisherOf(a)
}

func (s *Server) publisherOf(a *App) string {
	if a.Microsoft {
		return "Microsoft Services"
	}
	if t := s.tenants[a.HomeTenant]; t != nil {
		return t.DisplayName
	}
	return ""
}

// AddPrincipal lets a tenant have an application: a registration that it may
// see, or one of Microsoft's APIs. The error is [ErrNotFound] or [ErrExists].
func (s *Server) AddPrincipal(tenantID, appID string) (Principal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, appID := s.tenants[strings.ToLower(tenantID)], strings.ToLower(appID)
	if t == nil {
		return Principal{}, ErrNotFound
	}
	if _, ok := s.principal(t, appID); ok {
		return Principal{}, ErrExists
	}
	if api := s.apis[appID]; api != nil {
		delete(s.absent, appKey{t.ID, api.AppID})
		return s.apiPrincipal(t, api), nil
	}
	a := s.apps[appID]
	if a == nil || !a.MultiTenant && a.HomeTenant != t.ID {
		return Principal{}, ErrNotFound
	}
	s.consent(t.ID, appID)
	p, _ := s.appPrincipal(t, appID)
	return p, nil
}

// RemovePrincipal takes an application out of a tenant, with all that was
// granted to it.
func (s *Server) RemovePrincipal(tenantID, id string) error {
	p, ok := s.Principal(tenantID, id)
	if !ok {
		return ErrNotFound
	}
	if p.API != nil {
		return s.RemoveAPI(tenantID, p.AppID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.consents, appKey{p.TenantID, p.AppID})
	return nil
}

// UpdatePrincipal changes whether an application is Enabled in a tenant, and
// its Tags; nothing else. While it is off, its tokens are refused with
// AADSTS7000112. Microsoft's APIs can't be changed.
func (s *Server) UpdatePrincipal(tenantID, id string, change func(*Principal)) error {
	p, ok := s.Principal(tenantID, id)
	if !ok || p.API != nil {
		return ErrNotFound
	}
	change(&p)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.consents[appKey{p.TenantID, p.AppID}]
	if c == nil {
		return ErrNotFound
	}
	c.disabled, c.tags = !p.Enabled, slices.Clone(p.Tags)
	return nil
}

// RemoveAPI takes one of Microsoft's APIs out of a tenant, as where the product
// was never bought: tokens for it are refused with AADSTS500011, consent with
// AADSTS650052. [Server.RestoreAPI] and [Server.AddPrincipal] bring it back. The API is named by App
// ID URI, application id or name.
func (s *Server) RemoveAPI(tenantID, api string) error { return s.setAPI(tenantID, api, true) }

// RestoreAPI undoes [Server.RemoveAPI].
func (s *Server) RestoreAPI(tenantID, api string) error { return s.setAPI(tenantID, api, false) }

func (s *Server) setAPI(tenantID, api string, absent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, a := s.tenants[strings.ToLower(tenantID)], s.lookup(api)
	for _, known := range s.apis {
		if a == nil && strings.EqualFold(known.Name, api) {
			a = known
		}
	}
	if t == nil || a == nil {
		return fmt.Errorf("%w: tenant %q, API %q", ErrNotFound, tenantID, api)
	}
	s.absent[appKey{t.ID, a.AppID}] = absent
	return nil
}
