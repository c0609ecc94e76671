package sim

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tributary"
	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
)

// api is one of the alert APIs: who may use it, and how it refuses.
type api struct {
	source tributary.Source
	// audiences that a token may have, without a slash at their end.
	audiences []string
	// roles (of an application) or scopes (of a person) of which one is needed;
	// without any, the API looks at something else.
	roles, scopes []string
	// refuse answers with the API's own form of error.
	refuse func(c *call, status int, code, message string)
	// serve answers an authorised request.
	serve func(c *call)
	// listed reports whether the tenant lets the application in, where roles
	// don't say it.
	listed func(c *call) bool
}

// call is one authorised request on its way through an API.
type call struct {
	*Server
	api    *api
	w      http.ResponseWriter
	r      *http.Request
	id     string // request id
	claims identity.Claims
	tenant int
	now    time.Time // true clock
	strike fault.Strike
}

// handle checks a request as the real service does, from the outside in: the
// token, its audience, the tenant, the permissions, the quota. Faults come
// after the token, because they may aim at a tenant.
func (a *api) handle(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{Server: s, api: a, w: w, r: r, id: uuid.NewString(), now: s.opts.Now()}
		w.Header().Set("request-id", c.id)
		w.Header().Set("client-request-id", clientRequestID(r, c.id))
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			a.refuse(c, http.StatusMethodNotAllowed, "MethodNotAllowed", "Only GET is served here.")
			return
		}
		if !a.admit(c) || !c.suffer() {
			return
		}
		a.serve(c)
	}
}

func clientRequestID(r *http.Request, otherwise string) string {
	if id, err := uuid.Parse(r.Header.Get("client-request-id")); err == nil {
		return id.String()
	}
	return otherwise
}

// admit checks who is calling. Where it returns false it has answered.
func (a *api) admit(c *call) bool {
	unauthorised := func(message string) bool {
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="`+c.URL()+`/common/oauth2/authorize"`)
		a.refuse(c, http.StatusUnauthorized, "InvalidAuthenticationToken", message)
		return false
	}
	bearer := c.r.Header.Get("Authorization")
	if scheme, _, _ := strings.Cut(bearer, " "); !strings.EqualFold(scheme, "Bearer") {
		return unauthorised("Access token is empty.")
	}
	var err error
	if c.claims, err = c.identity.Verify(bearer); err != nil {
		if errors.Is(err, identity.ErrTokenExpired) {
			return unauthorised("Lifetime validation failed, the token is expired.")
		}
		return unauthorised("Access token validation failure. The token's signature or form is not valid.")
	}
	if !slices.Contains(a.audiences, strings.TrimRight(c.claims.Audience, "/")) {
		return unauthorised("Access token validation failure. Invalid audience.")
	}
	tenant, known := c.find(c.claims.TenantID)
	if !known || !c.licensed(c.claims.TenantID) {
		// A directory without Defender: the provider's own, for one.
		a.refuse(c, http.StatusForbidden, "Forbidden", "Account is not provisioned.")
		return false
	}
	c.tenant = tenant
	if message := a.missing(c.claims); message != "" {
		a.refuse(c, http.StatusForbidden, "Forbidden", message)
		return false
	}
	if a.listed != nil && !a.listed(c) {
		a.refuse(c, http.StatusForbidden, "Forbidden", "The application is not authorized to export the alerts of this tenant.")
		return false
	}
	return c.withinQuota()
}

// missing says which permission the token lacks, or nothing.
func (a *api) missing(claims identity.Claims) string {
	if len(a.roles) == 0 {
		return ""
	}
	want, have, noun := a.roles, claims.Roles, "roles"
	if claims.User != "" {
		want, have, noun = a.scopes, claims.Scopes, "scopes"
	}
	for _, w := range want {
		if slices.Contains(have, w) {
			return ""
		}
	}
	return "Missing application " + noun + ". API required " + noun + ": " + strings.Join(want, ",") + ", application " + noun + ": " + strings.Join(have, ",") + "."
}

// slug is the tenant's, for faults and logs.
func (c *call) slug() string { return c.tenants[c.tenant].Slug }

// routes is the whole server. Every answer carries the service's clock.
func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	graph, defender, siem := graphAPI(), defenderAPI(), siemAPI()
	graph.audiences = append(graph.audiences, s.cloud.Resource(tributary.SourceGraph))
	defender.audiences = append(defender.audiences, s.cloud.Resource(tributary.SourceEndpoint))
	for _, version := range []string{"v1.0", "beta"} {
		m.HandleFunc("/graph/"+version+"/security/alerts_v2", graph.handle(s))
		m.HandleFunc("/graph/"+version+"/security/alerts_v2/{id}", graph.handle(s))
		m.Handle("/graph/"+version+"/", s.directory)
	}
	for _, path := range []string{"/mde/api/alerts", "/mde/api/v1.0/alerts"} {
		m.HandleFunc(path, defender.handle(s))
		m.HandleFunc(path+"/{id}", defender.handle(s))
	}
	m.HandleFunc("/siem/api/alerts", siem.handle(s))
	m.HandleFunc("/siem/api/alerts/{$}", siem.handle(s))
	for prefix, a := range map[string]*api{"/graph/": graph, "/mde/": defender, "/xdr/": defender, "/siem/": siem} {
		m.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
			c := &call{Server: s, api: a, w: w, r: r, id: uuid.NewString()}
			a.refuse(c, http.StatusNotFound, "ResourceNotFound", "Resource not found for the segment '"+r.URL.Path+"'.")
		})
	}
	m.Handle("/partner/", s.partner)
	m.HandleFunc("GET /portal/", s.portalHome)
	m.HandleFunc("GET /portal/settings/siem/mssp", s.portalMSSP)
	m.HandleFunc("POST /portal/settings/siem/mssp", s.portalAuthorise)
	m.HandleFunc("GET /portal/alerts/{id}", s.portalAlert)
	s.controlRoutes(m)
	m.Handle("/", s.identity)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", s.clock().UTC().Format(http.TimeFormat))
		s.log.Debug("request", "method", r.Method, "path", r.URL.Path)
		m.ServeHTTP(w, r)
	})
}
