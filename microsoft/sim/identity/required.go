package identity

import (
	"maps"
	"slices"
	"strings"
)

// offered copies a registration's permissions under their APIs' proper names.
// An API or a permission that isn't known is made up, so that tests can have
// their own. The caller holds the lock.
func (d *directory) offered(in map[string][]string, kind permissionKind) map[string][]string {
	out := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		a := d.lookup(name)
		if a == nil {
			uri := strings.TrimSuffix(name, "/")
			a = &API{URI: uri, AppID: derivedID(uri), Name: strings.TrimPrefix(uri, "https://")}
			d.addAPI(a)
		}
		list := &a.Roles
		if kind == delegated {
			list = &a.Scopes
		}
		for _, value := range in[name] {
			if _, ok := findPermission(*list, value); !ok {
				*list = append(slices.Clone(*list), Permission{derivedID(a.URI + " " + value), value})
			}
			if !slices.Contains(out[a.URI], value) {
				out[a.URI] = append(out[a.URI], value)
			}
		}
	}
	return out
}

// required writes permissions as a registration holds them. The caller holds
// the lock.
func (d *directory) required(roles, scopes map[string][]string) []RequiredAccess {
	list := []RequiredAccess{}
	uris := slices.AppendSeq(slices.Collect(maps.Keys(roles)), maps.Keys(scopes))
	slices.Sort(uris)
	for _, uri := range slices.Compact(uris) {
		a := d.lookup(uri)
		list = append(list, RequiredAccess{AppID: a.AppID, Roles: ids(a.Roles, roles[uri]), Scopes: ids(a.Scopes, scopes[uri])})
	}
	return list
}

func ids(list []Permission, values []string) []string {
	var out []string
	for _, value := range values {
		if p, ok := findPermission(list, value); ok {
			out = append(out, p.ID)
		}
	}
	return out
}

// named reads permissions by their ids, and leaves out those that nobody
// offers. The caller holds the lock.
func (d *directory) named(required []RequiredAccess) (roles, scopes map[string][]string) {
	roles, scopes = map[string][]string{}, map[string][]string{}
	pick := func(to map[string][]string, uri string, list []Permission, wanted []string) {
		for _, id := range wanted {
			if p, ok := findPermission(list, id); ok && !slices.Contains(to[uri], p.Value) {
				to[uri] = append(to[uri], p.Value)
			}
		}
	}
	for _, r := range required {
		if a := d.lookup(r.AppID); a != nil {
			pick(roles, a.URI, a.Roles, r.Roles)
			pick(scopes, a.URI, a.Scopes, r.Scopes)
		}
	}
	return roles, scopes
}

// unavailable refuses a flow that asks for an API that the tenant doesn't have,
// or, where consent is due, for all that a registration lists and that can't be
// had.
func (s *Server) unavailable(f *flow, due bool) *Error {
	all := false
	for _, a := range f.request.asks {
		if s.lacksAPI(f.tenant, a.resource) {
			return AADSTS(650052).say("The app '%s' needs access to a service ('%s') that your organization '%s' has not subscribed to or enabled.", f.app.DisplayName, a.resource, f.tenant.DisplayName)
		}
		all = all || a.names == nil
	}
	if !due || !all {
		return nil
	}
	for _, p := range f.list {
		if s.lacksAPI(f.tenant, p.resource) {
			return AADSTS(650052).say("The app '%s' needs access to a service ('%s') that your organization '%s' has not subscribed to or enabled.", f.app.DisplayName, p.resource, f.tenant.DisplayName)
		}
	}
	if id, api := s.unoffered(f.app); id != "" {
		return AADSTS(650053).say("The application '%s' asked for scope '%s' that doesn't exist on the resource '%s'.", f.app.DisplayName, id, api)
	}
	return nil
}

// lacksAPI reports whether a tenant doesn't have an API.
func (s *Server) lacksAPI(t *Tenant, uri string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.lookup(uri)
	return a != nil && s.absent[appKey{t.ID, a.AppID}]
}

// unoffered is a permission in the registration that its API doesn't have, or
// "", with what the registration calls the API. Consenting to such a
// registration fails.
func (s *Server) unoffered(app *App) (id, api string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range app.Required {
		a := s.lookup(r.AppID)
		if a == nil {
			return strings.Join(slices.Concat(r.Roles, r.Scopes), ", "), r.AppID
		}
		for _, id := range r.Roles {
			if _, ok := findPermission(a.Roles, id); !ok {
				return id, a.Name
			}
		}
		for _, id := range r.Scopes {
			if _, ok := findPermission(a.Scopes, id); !ok {
				return id, a.Name
			}
		}
	}
	return "", ""
}
