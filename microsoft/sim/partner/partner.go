// Package partner is the part of the simulated Partner Center by which a
// partner consents to an application on behalf of a customer (Partner Center:
// control-panel-vendor-apis). It changes the consents that an [identity.Server]
// signs people in by.
package partner

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"tributary/microsoft/sim/identity"
)

// Audience is what a token must be for.
const Audience = "https://api.partnercenter.microsoft.com"

// permission is the only one that Partner Center offers, to a person.
const permission = "user_impersonation"

// Options say what Partner Center serves.
type Options struct {
	// Identity holds tenants, relationships and consents.
	Identity *identity.Server
	// Prefix is the path before the version, such as /partner.
	Prefix string
	// Fail may answer a request of a known tenant with a fault. It returns true
	// if it has.
	Fail func(tenantID string, w http.ResponseWriter, r *http.Request) bool
}

// Server is a simulated Partner Center.
type Server struct {
	Options
	mux *http.ServeMux

	mu       sync.Mutex
	answered map[string]answer // by ms-requestid
	order    []string
}

// answer is one that is given again to a request that is sent again.
type answer struct {
	request string // method, path and body
	status  int
	body    []byte
}

// remembered bounds the answers that are kept.
const remembered = 1000

// bodyLimit bounds what is read of a request.
const bodyLimit = 1 << 20

// New returns a server.
func New(o Options) *Server {
	s := &Server{Options: o, mux: http.NewServeMux(), answered: map[string]answer{}}
	s.mux.HandleFunc("POST "+o.Prefix+"/v1/customers/{customer}/applicationconsents", s.handle(consent))
	s.mux.HandleFunc("DELETE "+o.Prefix+"/v1/customers/{customer}/applicationconsents/{application}", s.handle(withdraw))
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c := &call{Server: s, w: w, r: r}
		c.refuse(http.StatusNotFound, "The resource was not found.")
	})
	return s
}

// ServeHTTP answers the paths below the prefix.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// call is a request on its way.
type call struct {
	*Server
	w        http.ResponseWriter
	r        *http.Request
	body     []byte
	customer identity.Tenant
	given    answer
}

func (s *Server) handle(serve func(*call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{Server: s, w: w, r: r}
		for _, name := range []string{"MS-RequestId", "MS-CorrelationId"} {
			id := r.Header.Get(name)
			if id == "" {
				id = uuid.NewString()
			}
			w.Header().Set(name, id)
		}
		var err error
		if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit)); err != nil {
			c.refuse(http.StatusBadRequest, "The request's body can't be read or is too large.")
			return
		}
		if !c.admit() || c.again() {
			return
		}
		serve(c)
		c.remember()
	}
}

// admit checks who is calling, and that the customer is theirs. Where it
// returns false it has answered.
func (c *call) admit() bool {
	bearer := c.r.Header.Get("Authorization")
	claims, err := c.Identity.Verify(bearer)
	if scheme, _, _ := strings.Cut(bearer, " "); err != nil || !strings.EqualFold(scheme, "Bearer") || claims.Audience != Audience {
		c.w.Header().Set("WWW-Authenticate", "Bearer")
		c.refuse(http.StatusUnauthorized, "The access token is missing, has expired or is not for "+Audience+".")
		return false
	}
	if c.Fail != nil && c.Fail(claims.TenantID, c.w, c.r) {
		return false
	}
	if claims.User == "" || !slices.Contains(claims.Scopes, permission) {
		c.refuse(http.StatusForbidden, "The call needs a token of an application and a user.")
		return false
	}
	t, ok := c.Identity.Tenant(c.r.PathValue("customer"))
	if !ok || !strings.EqualFold(t.ID, c.r.PathValue("customer")) || !c.Identity.Delegates(claims.TenantID, t.ID) {
		c.refuse(http.StatusForbidden, "The partner does not administer this customer.")
		return false
	}
	c.customer = t
	return true
}

// again gives a request that was answered before the same answer: that is what
// ms-requestid is for.
func (c *call) again() bool {
	id := c.r.Header.Get("ms-requestid")
	if id == "" {
		return false
	}
	c.mu.Lock()
	known, ok := c.answered[id]
	c.mu.Unlock()
	switch {
	case !ok:
		return false
	case known.request != c.request():
		c.refuse(http.StatusBadRequest, "The ms-requestid was used for another request.")
	default:
		c.send(known.status, known.body)
	}
	return true
}

func (c *call) request() string { return c.r.Method + " " + c.r.URL.Path + "\n" + string(c.body) }

func (c *call) remember() {
	id := c.r.Header.Get("ms-requestid")
	// A refusal is not the end of a request.
	if id == "" || c.given.status >= http.StatusBadRequest {
		return
	}
	c.given.request = c.request()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.answered[id]; !known {
		c.order = append(c.order, id)
	}
	c.answered[id] = c.given
	if len(c.order) > remembered {
		delete(c.answered, c.order[0])
		c.order = c.order[1:]
	}
}

// read reads the request's body. Names of members are taken in any case.
func (c *call) read(to any) error {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errors.New("the Content-Type is not application/json")
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// refuse answers with Partner Center's form of error.
func (c *call) refuse(status int, description string) {
	c.answer(status, struct {
		Code        int      `json:"code"`
		Description string   `json:"description"`
		Data        []string `json:"data"`
		Source      string   `json:"source"`
	}{status, description, []string{}, "PartnerFD"})
}

func (c *call) answer(status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(c.w, err.Error(), http.StatusInternalServerError)
		return
	}
	c.given = answer{status: status, body: text}
	c.send(status, text)
}

func (c *call) send(status int, body []byte) {
	if len(body) > 0 {
		c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	c.w.WriteHeader(status)
	// An error means that the client is gone; nobody is left to tell.
	_, _ = c.w.Write(body)
}
