// Package identity is the identity half of the simulated Microsoft: an Entra ID
// that signs people in on real pages, asks for consent, and issues signed
// tokens over the v1 and the v2 endpoints, with Entra's own error bodies.
//
// A [Server] is an http.Handler for the root of a TLS server. It keeps
// everything in memory: tenants, users, applications and consents are what
// [Options] and the Add methods gave it; sign-ins, codes and sessions expire
// and are bounded in number; refresh tokens carry their own content and are
// not kept at all.
//
// Microsoft's own clients (azidentity, MSAL) work against it with nothing
// changed but the trusted CA and instance discovery switched off, because that
// would ask login.microsoftonline.com.
//
// It departs from Entra on purpose in two things. Issuers stand on the
// simulator's own address, also v1's (Entra: https://sts.windows.net/{tid}/),
// so that OpenID discovery from an issuer leads back here. And the endpoint
// decides the access token's version, where Entra lets the resource decide.
package identity

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tributary"
)

// Options say what the simulated Entra holds and how it behaves.
type Options struct {
	// BaseURL is where the server is reached, such as https://127.0.0.1:8443,
	// without a slash at its end. It may be set later with
	// [Server.SetBaseURL]; until then the request's own Host is used.
	BaseURL string
	Tenants []Tenant
	Users   []User
	Apps    []App
	// Cloud is one of [tributary.Clouds]: how the APIs are called and which ids
	// their permissions have. Empty is the global one.
	Cloud string
	// CredentialDelay is how long a secret or certificate that is added to a
	// registration takes until it works.
	CredentialDelay time.Duration
	// Federation reads the keys of other identity providers on this machine,
	// for federated credentials. Nil is http.DefaultClient.
	Federation *http.Client
	// Now is the server's clock; nil is time.Now.
	Now func() time.Time
	// TokenLifetime is how long access tokens live. Zero is as Entra has it:
	// 3599 s for an application, 60 to 90 minutes, drawn anew for each token,
	// for a person.
	TokenLifetime time.Duration
	// Seed fixes what is drawn: token lifetimes, and the key of refresh
	// tokens, which therefore outlive a restart with the same seed.
	Seed uint64
	// Fail is asked at each token request of a known tenant, after its form
	// was parsed (r.PostForm) and before it is handled. What it returns, if
	// not nil, is the answer: see [AADSTS] and [Plain]. It must be safe for
	// concurrent use.
	Fail func(tenantID string, r *http.Request) *Error
}

// Server is a simulated Entra ID. Its methods are safe for concurrent use.
type Server struct {
	*directory
	mux      *http.ServeMux
	base     atomic.Pointer[string]
	now      func() time.Time
	lifetime time.Duration
	fail     func(string, *http.Request) *Error
	seed     uint64
	draws    atomic.Uint64

	credentialDelay time.Duration
	federation      *http.Client

	key    *signingKey
	sealer *sealer
	issued atomic.Int64 // numbers every token, so that "all issued so far" has a meaning

	flows    *shelf[*flow]
	codes    *shelf[*code]
	devices  *shelf[*device] // by device code
	userCode *shelf[*device] // by user code
	sessions *shelf[*session]

	policy    sync.Mutex
	refusals  []Refusal
	frequency map[string]time.Duration // tenant id → how often a person must sign in

	revocation sync.RWMutex
	grantsFrom map[string]int64 // tenant id → refresh tokens up to this number are revoked
	tokensFrom map[string]int64 // tenant id → access tokens up to this number count as expired
}

// Bounds of what is kept in memory. A sign-in that is pushed out by newer ones
// starts again; nothing else is lost.
const (
	flowLife    = 30 * time.Minute // a person on the pages
	codeLife    = 10 * time.Minute // authorization code (Entra: v2-oauth2-auth-code-flow)
	deviceLife  = 15 * time.Minute // device code (Entra: v2-oauth2-device-code)
	sessionLife = 24 * time.Hour
	memory      = time.Hour // how long spent codes are known, so that their refusal can be exact
	capacity    = 10000     // of each kind
	remembered  = 16 << 10  // bytes of one request that is kept
)

// New returns a server that holds what the options say. The error names the
// first entry that can't be.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	key, err := newSigningKey(o.Now())
	if err != nil {
		return nil, fmt.Errorf("make the signing key: %w", err)
	}
	return newServer(o, key)
}

func newServer(o Options, key *signingKey) (*Server, error) {
	sealer, err := newSealer(o.Seed)
	if err != nil {
		return nil, fmt.Errorf("make the refresh tokens' key: %w", err)
	}
	if o.Cloud == "" {
		o.Cloud = "global"
	}
	cloud, ok := tributary.Clouds()[o.Cloud]
	if !ok {
		return nil, fmt.Errorf("cloud %q: no such cloud", o.Cloud)
	}
	s := &Server{
		directory:  newDirectory(cloud),
		now:        o.Now,
		lifetime:   o.TokenLifetime,
		fail:       o.Fail,
		seed:       o.Seed,
		key:        key,
		sealer:     sealer,
		flows:      newShelf[*flow](o.Now, flowLife, capacity),
		codes:      newShelf[*code](o.Now, memory, capacity),
		devices:    newShelf[*device](o.Now, memory, capacity),
		userCode:   newShelf[*device](o.Now, memory, capacity),
		sessions:   newShelf[*session](o.Now, sessionLife, capacity),
		grantsFrom: map[string]int64{},
		tokensFrom: map[string]int64{},
		frequency:  map[string]time.Duration{},

		credentialDelay: o.CredentialDelay, federation: cmp.Or(o.Federation, http.DefaultClient),
	}
	// Starting at the clock keeps numbers growing over a restart.
	s.issued.Store(o.Now().UnixMicro())
	if err := s.SetBaseURL(o.BaseURL); err != nil {
		return nil, err
	}
	for _, t := range o.Tenants {
		if err := s.AddTenant(t); err != nil {
			return nil, err
		}
	}
	for _, a := range append([]App{commandLineTools()}, o.Apps...) {
		if err := s.AddApp(a); err != nil {
			return nil, err
		}
	}
	for _, u := range o.Users {
		if err := s.AddUser(u); err != nil {
			return nil, err
		}
	}
	s.mux = s.routes()
	return s, nil
}

// SetBaseURL says where the server is reached, once that is known.
func (s *Server) SetBaseURL(base string) error {
	if base != "" {
		u, err := url.Parse(base)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" {
			return fmt.Errorf("base URL %q: use https://host:port without a path", base)
		}
	}
	s.base.Store(&base)
	return nil
}

// baseURL is the address that this request's answers speak of. A loopback
// server has several names; a client must find the one it called in the
// issuer, or it refuses the metadata.
func (s *Server) baseURL(r *http.Request) string {
	base := *s.base.Load()
	if base == "" || sameLoopback(strings.TrimPrefix(base, "https://"), r.Host) {
		return "https://" + r.Host
	}
	return base
}

// sameLoopback reports whether two host:port are names of one loopback port.
func sameLoopback(a, b string) bool {
	hostA, portA := splitHostPort(a)
	hostB, portB := splitHostPort(b)
	return portA == portB && isLoopback(hostA) && isLoopback(hostB)
}

func splitHostPort(hostport string) (host, port string) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return hostport, ""
	}
	return host, port
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// ServeHTTP answers the paths of Entra's login host.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) routes() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /{tenant}/.well-known/openid-configuration", s.openIDConfiguration(v1))
	m.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.openIDConfiguration(v2))
	m.HandleFunc("GET /{tenant}/discovery/keys", s.keys(v1))
	m.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.keys(v2))
	m.HandleFunc("GET /common/discovery/instance", s.instanceDiscovery)
	m.HandleFunc("/oidc/userinfo", s.userInfo)
	m.HandleFunc("GET /error", s.explain)

	m.HandleFunc("/{tenant}/oauth2/authorize", s.authorize(v1))
	m.HandleFunc("/{tenant}/oauth2/v2.0/authorize", s.authorize(v2))
	m.HandleFunc("GET /{tenant}/adminconsent", s.adminConsent(v1))
	m.HandleFunc("GET /{tenant}/v2.0/adminconsent", s.adminConsent(v2))
	m.HandleFunc("POST /{tenant}/login", s.login)
	m.HandleFunc("POST /{tenant}/consent", s.consentDecision)
	m.HandleFunc("GET /{tenant}/oauth2/logout", s.logout)
	m.HandleFunc("GET /{tenant}/oauth2/v2.0/logout", s.logout)

	m.HandleFunc("/{tenant}/oauth2/token", s.token(v1))
	m.HandleFunc("/{tenant}/oauth2/v2.0/token", s.token(v2))
	m.HandleFunc("/{tenant}/oauth2/devicecode", s.deviceCode(v1))
	m.HandleFunc("/{tenant}/oauth2/v2.0/devicecode", s.deviceCode(v2))
	m.HandleFunc("GET /devicelogin", s.deviceLogin)
	m.HandleFunc("POST /devicelogin", s.deviceLoginCode)
	return m
}

// version is which of Entra's two families of endpoints was called.
type version int

const (
	v1 version = 1
	v2 version = 2
)

// path returns the version's path below the tenant for one of its endpoints,
// such as "/oauth2/v2.0/token".
func (v version) path(endpoint string) string {
	if v == v1 {
		return "/oauth2/" + endpoint
	}
	return "/oauth2/v2.0/" + endpoint
}

// issuer is the `iss` of the tokens of a tenant.
func (v version) issuer(base, tenant string) string {
	if v == v1 {
		return base + "/" + tenant + "/"
	}
	return base + "/" + tenant + "/v2.0"
}
