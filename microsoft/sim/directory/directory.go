// Package directory is the simulated Microsoft Graph beyond the alerts: the
// calls by which an application is registered, given credentials and let into
// tenants, and those that say whose tenant it is.
//
// A [Server] serves them over the registrations and consents that an
// [identity.Server] signs people and applications in by: what is changed here
// works there at once. Objects and errors have Microsoft's form; a property
// that the simulator doesn't keep is refused instead of dropped, and so is one
// that is misspelt.
package directory

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tributary/microsoft/sim/identity"
)

// Options say what the directory serves.
type Options struct {
	// Identity holds tenants, registrations and consents.
	Identity *identity.Server
	// Audience is what a token must be for, such as https://graph.microsoft.com.
	Audience string
	// Prefix is the path before the version, such as /graph.
	Prefix string
	// Now is the service's clock; nil is time.Now.
	Now func() time.Time
	// Lag is how long a new application or service principal stays invisible
	// to other calls, as Entra's replicas are behind each other.
	Lag time.Duration
	// Licensed reports whether a tenant has a Defender plan; nil: all have.
	Licensed func(tenantID string) bool
	// Page is how many elements a list gives without $top; zero is 100.
	Page int
	// Fail may answer a request of a known tenant with a fault. It returns true
	// if it has.
	Fail func(tenantID string, w http.ResponseWriter, r *http.Request) bool
}

// Server is the directory part of a simulated Microsoft Graph.
type Server struct {
	Options
	routes []route
}

// New returns a server.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Licensed == nil {
		o.Licensed = func(string) bool { return true }
	}
	if o.Page <= 0 {
		o.Page = 100
	}
	s := &Server{Options: o}
	s.routes = slices.Concat(
		applicationRoutes(), passwordRoutes(), keyRoutes(), federatedRoutes(),
		principalRoutes(), assignmentRoutes(), grantRoutes(), organizationRoutes(), partnerRoutes(),
	)
	return s
}

// route is one call: a method, and a path whose segments are fixed or {}.
type route struct {
	method, path string
	// needs lists alternatives of permissions; one of each list must be in the
	// token. None means that the call looks at the token itself.
	needs [][]string
	serve func(*call)
}

// call is a request on its way.
type call struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	id     string // request id
	base   string // address up to the version, without a slash at its end
	keys   []string
	claims identity.Claims
}

// bodyLimit bounds what is read of a request.
const bodyLimit = 1 << 20

// ServeHTTP answers the paths below the prefix and a version.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, w: w, r: r, id: uuid.NewString()}
	w.Header().Set("request-id", c.id)
	w.Header().Set("client-request-id", c.clientRequestID())
	rest := strings.TrimPrefix(r.URL.Path, s.Prefix+"/")
	version, rest, _ := strings.Cut(rest, "/")
	c.base = "https://" + r.Host + s.Prefix + "/" + version
	segments := split(rest)
	found := match(s.routes, segments)
	if len(found) == 0 || version != "v1.0" && version != "beta" {
		c.refuse(http.StatusNotFound, "ResourceNotFound", "Resource not found for the segment '"+rest+"'.")
		return
	}
	i := slices.IndexFunc(found, func(t route) bool { return t.method == r.Method })
	if i < 0 {
		var methods []string
		for _, t := range found {
			methods = append(methods, t.method)
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		c.refuse(http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
		return
	}
	c.keys = keysOf(found[i].path, segments)
	if !c.admit(found[i]) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	found[i].serve(c)
}

// admit checks who is calling and what they may. Where it returns false it has
// answered.
func (c *call) admit(t route) bool {
	bearer := c.r.Header.Get("Authorization")
	unauthorised := func(message string) bool {
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://`+c.r.Host+`/common/oauth2/authorize"`)
		c.refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", message)
		return false
	}
	if scheme, _, _ := strings.Cut(bearer, " "); !strings.EqualFold(scheme, "Bearer") {
		return unauthorised("Access token is empty.")
	}
	var err error
	if c.claims, err = c.Identity.Verify(bearer); err != nil {
		if errors.Is(err, identity.ErrTokenExpired) {
			return unauthorised("Lifetime validation failed, the token is expired.")
		}
		return unauthorised("Access token validation failure. The token's signature or form is not valid.")
	}
	if c.claims.Audience != c.Audience {
		return unauthorised("Access token validation failure. Invalid audience.")
	}
	if c.Fail != nil && c.Fail(c.claims.TenantID, c.w, c.r) {
		return false
	}
	for _, alternatives := range t.needs {
		if !c.may(alternatives...) {
			c.deny()
			return false
		}
	}
	// A person's token never reaches further than the person.
	writes := c.r.Method != http.MethodGet
	if writes && c.claims.User != "" && !c.Identity.Administers(c.claims.TenantID, c.claims.User) {
		c.deny()
		return false
	}
	return true
}

// may reports whether the token has one of the permissions.
func (c *call) may(names ...string) bool {
	have := c.claims.Roles
	if c.claims.User != "" {
		have = c.claims.Scopes
	}
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(have, n) })
}

func (c *call) deny() {
	c.refuse(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

func (c *call) missing(id string) {
	c.refuse(http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+id+"' does not exist or one of its queried reference-property objects are not present.")
}

// badBody refuses what a request's body says.
func (c *call) badBody(err error) { c.bad(sentence(err)) }

// badQuery refuses a request's query options.
func (c *call) badQuery(err error) { c.refuse(http.StatusBadRequest, "BadRequest", sentence(err)) }

// sentence writes an error as Microsoft does.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func (c *call) bad(message string) { c.refuse(http.StatusBadRequest, "Request_BadRequest", message) }

// young reports whether an object is too new to be seen by other calls.
func (c *call) young(created time.Time) bool { return c.Lag > 0 && c.Now().Before(created.Add(c.Lag)) }

// refuse answers with Microsoft Graph's form of error.
func (c *call) refuse(status int, code, message string) {
	c.refuseWith(status, object{{"code", code}, {"message", message}})
}

func (c *call) refuseWith(status int, inner object) {
	inner = append(inner, member{"innerError", object{
		{"date", c.Now().UTC().Format("2006-01-02T15:04:05")}, {"request-id", c.id}, {"client-request-id", c.clientRequestID()},
	}})
	c.answer(status, object{{"error", inner}})
}

func (c *call) clientRequestID() string {
	if id, err := uuid.Parse(c.r.Header.Get("client-request-id")); err == nil {
		return id.String()
	}
	return c.id
}

// answer sends JSON.
func (c *call) answer(status int, body any) {
	text, err := encode(body)
	if err != nil {
		http.Error(c.w, err.Error(), http.StatusInternalServerError)
		return
	}
	c.w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	c.w.WriteHeader(status)
	// An error means that the client is gone; nobody is left to tell.
	_, _ = c.w.Write(text)
}

func (c *call) done() { c.w.WriteHeader(http.StatusNoContent) }
