package identity

import (
	"slices"
	"strings"
)

// ask is what a request wants of one resource.
type ask struct {
	resource string   // App ID URI
	as       string   // the resource as the request wrote it; "" where it left it out and meant Graph
	names    []string // delegated permissions by name; nil: all that is registered (v1, /.default)
}

// request is what a whole request wants.
type request struct {
	asks []ask
	oidc []string // openid, profile, email, offline_access as asked for
}

func (q request) wants(scope string) bool { return slices.Contains(q.oidc, scope) }

var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// parseScope reads v2's `scope` (Entra: scopes-oidc).
func (s *Server) parseScope(scope string, app *App, tenant string) (request, *Error) {
	var q request
	for _, word := range strings.Fields(scope) {
		if lower := strings.ToLower(word); slices.Contains(oidcScopes, lower) {
			if !slices.Contains(q.oidc, lower) {
				q.oidc = append(q.oidc, lower)
			}
			continue
		}
		as, name := "", word
		if i := strings.LastIndexByte(word, '/'); i >= 0 {
			as, name = word[:i], word[i+1:]
		}
		if name == "" || (as == "" && strings.HasPrefix(word, "/")) {
			return request{}, badScope(word)
		}
		uri := graphURI
		if as != "" {
			if uri = s.resource(as); uri == "" {
				return request{}, AADSTS(500011).say("The resource principal named %s was not found in the tenant named %s.", as, tenant)
			}
		}
		if e := q.add(s, app, uri, as, name); e != nil {
			return request{}, e
		}
	}
	if len(q.asks) == 0 && len(q.oidc) == 0 {
		return request{}, AADSTS(70011).say("The provided value for the input parameter 'scope' is empty.")
	}
	return q, nil
}

// add puts one scope into the request. All of it or named parts: not both.
func (q *request) add(s *Server, app *App, uri, as, name string) *Error {
	i := slices.IndexFunc(q.asks, func(a ask) bool { return a.resource == uri })
	if strings.EqualFold(name, ".default") {
		if len(q.asks) > 0 && q.asks[0].names != nil {
			return AADSTS(70011).say(".default can't be combined with resource-specific scopes.")
		}
		if i < 0 {
			q.asks = append(q.asks, ask{resource: uri, as: as})
		}
		return nil
	}
	if len(q.asks) > 0 && q.asks[0].names == nil {
		return AADSTS(70011).say(".default can't be combined with resource-specific scopes.")
	}
	proper, ok := s.offers(uri, name)
	if !ok {
		return AADSTS(650053).say("The application '%s' asked for scope '%s' that does not exist on the resource '%s'.", app.DisplayName, name, uri)
	}
	if i < 0 {
		q.asks = append(q.asks, ask{resource: uri, as: as})
		i = len(q.asks) - 1
	}
	if !slices.Contains(q.asks[i].names, proper) {
		q.asks[i].names = append(q.asks[i].names, proper)
	}
	return nil
}

func badScope(scope string) *Error {
	return AADSTS(70011).say("The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", scope)
}

// parseResource reads v1's `resource`.
func (s *Server) parseResource(resource, tenant string) (request, *Error) {
	uri := s.resource(resource)
	if uri == "" {
		return request{}, AADSTS(500011).say("The resource principal named %s was not found in the tenant named %s.", resource, tenant)
	}
	// v1 knows no OpenID scopes: it gives the ID token and the refresh token unasked.
	return request{asks: []ask{{resource: uri, as: resource}}, oidc: oidcScopes}, nil
}

// single is what a token request wants: an access token is for one resource.
// Asking for OpenID scopes only is asking for Graph's user information.
func (q request) single() (ask, *Error) {
	switch len(q.asks) {
	case 0:
		return ask{resource: graphURI, names: []string{}}, nil
	case 1:
		return q.asks[0], nil
	}
	return ask{}, AADSTS(70011).say("The provided value for the input parameter 'scope' is not valid because it contains more than one resource.")
}

// granted words the `scope` of a token response: the permissions in the form
// in which they were asked for. The permission to keep access is never listed.
func (q request) granted(v version, a ask, scopes []string) string {
	if v == v1 {
		return strings.Join(scopes, " ")
	}
	var words []string
	for _, name := range []string{"openid", "profile", "email"} {
		if q.wants(name) {
			words = append(words, name)
		}
	}
	prefix := ""
	if a.as != "" {
		prefix = a.as + "/"
	}
	for _, name := range scopes {
		if !slices.Contains(oidcScopes, name) {
			words = append(words, prefix+name)
		}
	}
	if a.names == nil {
		words = append(words, prefix+".default")
	}
	return strings.Join(words, " ")
}
