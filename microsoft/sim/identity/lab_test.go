package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mssp     = "aaaaaaaa-0000-4000-8000-000000000001" // the provider's own tenant
	contoso  = "aaaaaaaa-0000-4000-8000-000000000002"
	adatum   = "aaaaaaaa-0000-4000-8000-000000000003"
	multiApp = "bbbbbbbb-0000-4000-8000-000000000001" // multi-tenant, of the provider
	ownApp   = "bbbbbbbb-0000-4000-8000-000000000002" // single-tenant, of contoso
	pubApp   = "bbbbbbbb-0000-4000-8000-000000000003" // public client, multi-tenant
	bareApp  = "bbbbbbbb-0000-4000-8000-000000000004" // multi-tenant, no redirect URI

	secret   = "s3cret+/=& ~value" // what a careless client would not encode
	password = "correct horse"

	admin = "admin@contoso.example"
	bob   = "bob@contoso.example"   // no administrator
	anna  = "anna@fabrikam.example" // the provider's, and a guest at contoso

	msspRedirect = "https://SiemMsspConnector"
	siemResource = "https://graph.windows.net"
	graph        = "https://graph.microsoft.com"
	defender     = "https://api.securitycenter.microsoft.com"
)

// signing is shared: making an RSA key takes longer than any test.
var signing = sync.OnceValue(func() *signingKey {
	k, err := newSigningKey(time.Now())
	if err != nil {
		panic(err)
	}
	return k
})

// appKeyPair is the application's certificate and key.
var appKeyPair = sync.OnceValues(func() (*x509.Certificate, *rsa.PrivateKey) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "application"},
		NotBefore: time.Unix(1, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert, key
})

// clock is a clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// lab is a server on a real TLS socket, with a CA of its own and a client that
// trusts it and reaches nothing but loopback.
type lab struct {
	*Server
	t      *testing.T
	url    string
	client *http.Client
	clock  *clock
}

func options() Options {
	cert, _ := appKeyPair()
	return Options{
		Tenants: []Tenant{
			{ID: mssp, Domain: "fabrikam.example", DisplayName: "Fabrikam"},
			{ID: contoso, Domain: "contoso.example", DisplayName: "Contoso"},
			{ID: adatum, Domain: "adatum.example", DisplayName: "Adatum"},
		},
		Users: []User{
			{TenantID: mssp, Name: anna, Password: password},
			{TenantID: contoso, Name: anna},
			{TenantID: contoso, Name: admin, Password: password, Admin: true},
			{TenantID: contoso, Name: bob, Password: password},
			{TenantID: adatum, Name: "admin@adatum.example", Password: password, Admin: true},
		},
		Apps: []App{
			{
				ClientID: multiApp, DisplayName: "Contoso SIEM MSSP Connector", HomeTenant: mssp, MultiTenant: true,
				Secrets: []string{"an older one", secret}, Certificates: []*x509.Certificate{cert},
				RedirectURIs: []string{"http://localhost", msspRedirect, "https://app.example/cb?tenant=1", "http://127.0.0.1:9/callback"},
				Roles:        map[string][]string{graph: {"SecurityAlert.Read.All", "SecurityIncident.Read.All"}, defender: {"Alert.Read.All"}},
				Scopes:       map[string][]string{graph: {"User.Read"}, siemResource: {"User.Read"}, defender: {"Alert.Read"}},
			},
			{
				ClientID: ownApp, DisplayName: "Contoso's own", HomeTenant: contoso, Secrets: []string{secret},
				RedirectURIs: []string{msspRedirect}, Scopes: map[string][]string{siemResource: {"User.Read"}},
			},
			{
				ClientID: pubApp, DisplayName: "Command line", HomeTenant: mssp, MultiTenant: true, Public: true,
				RedirectURIs: []string{"http://localhost"}, Scopes: map[string][]string{graph: {"User.Read", "SecurityAlert.Read.All"}, siemResource: {"User.Read"}},
			},
			{
				ClientID: bareApp, DisplayName: "No address", HomeTenant: mssp, MultiTenant: true, Secrets: []string{secret},
				Roles: map[string][]string{graph: {"SecurityAlert.Read.All"}},
			},
		},
		Seed: 42,
	}
}

// newLab starts a lab whose clock stands still.
func newLab(t *testing.T, change ...func(*Options)) *lab {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 23, 9, 30, 0, 250e6, time.UTC)}
	o := options()
	o.Now = c.Now
	for _, f := range change {
		f(&o)
	}
	s, err := newServer(o, signing())
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{Server: s, t: t, clock: c}
	l.serve()
	return l
}

// newLiveLab starts a lab with the real clock, for Microsoft's clients, which
// look at their own.
func newLiveLab(t *testing.T, lifetime time.Duration) *lab {
	return newLab(t, func(o *Options) { o.Now, o.TokenLifetime = time.Now, lifetime })
}

func (l *lab) serve() {
	l.t.Helper()
	chain, roots := newCA(l.t)
	srv := httptest.NewUnstartedServer(l.Server)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{chain}}
	srv.StartTLS()
	l.url = srv.URL
	if err := l.SetBaseURL(srv.URL); err != nil {
		l.t.Fatal(err)
	}
	dialer := net.Dialer{}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, _ := splitHostPort(addr); !isLoopback(host) {
				return nil, errors.New("the tests reach nothing but loopback, and this is " + addr)
			}
			return dialer.DialContext(ctx, network, addr)
		},
	}
	l.client = &http.Client{Transport: transport}
	l.t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
	})
}

// newCA makes a CA and a certificate for 127.0.0.1 and localhost.
func newCA(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	make := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		if parent == nil {
			parent, signer = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, caKey := make(ca, nil, nil)
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, leafKey := make(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "lab"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, parsed, caKey)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}, roots
}

// browser is a person's.
func (l *lab) browser(user string) Browser {
	return Browser{Client: l.client, User: user, Password: password}
}

// visit opens an address as the user, and returns what the redirect carries.
func (l *lab) visit(b Browser, address string) url.Values {
	l.t.Helper()
	final, err := b.Visit(l.t.Context(), address)
	if err != nil {
		l.t.Fatalf("visit: %v", err)
	}
	return final.Query()
}

// refusedVisit opens an address and wants an error page with that code.
func (l *lab) refusedVisit(b Browser, address, code string) {
	l.t.Helper()
	final, err := b.Visit(l.t.Context(), address)
	if err == nil || !strings.Contains(err.Error(), code) {
		l.t.Errorf("visit: ended at %v with %v, want a page that says %s", final, err, code)
	}
}

// address builds one of the lab's addresses.
func (l *lab) address(path string, kv ...string) string {
	return l.url + path + "?" + values(kv...).Encode()
}

func values(kv ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	return v
}

// answer is a token endpoint's answer, either kind.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// post sends a form.
func (l *lab) post(path string, kv ...string) answer {
	l.t.Helper()
	return l.do(l.request(path, kv...))
}

func (l *lab) request(path string, kv ...string) *http.Request {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.url+path, strings.NewReader(values(kv...).Encode()))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func (l *lab) do(req *http.Request) answer {
	l.t.Helper()
	resp, err := l.client.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		d := json.NewDecoder(strings.NewReader(a.raw))
		d.UseNumber()
		if err := d.Decode(&a.body); err != nil {
			l.t.Fatalf("%s: %v in %s", req.URL.Path, err, raw)
		}
	}
	return a
}

// get fetches JSON.
func (l *lab) get(address string) answer {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.do(req)
}

// good wants tokens.
func (l *lab) good(a answer) answer {
	l.t.Helper()
	if a.status != http.StatusOK || a.text("access_token") == "" {
		l.t.Fatalf("no token: HTTP %d %s", a.status, a.raw)
	}
	return a
}

// refused wants Entra's error of that code and name.
func (l *lab) refused(a answer, code, name string) {
	l.t.Helper()
	status := http.StatusBadRequest
	if name == invalidClient {
		status = http.StatusUnauthorized
	}
	codes, _ := a.body["error_codes"].([]any)
	found := false
	for _, c := range codes {
		found = found || c.(json.Number).String() == code
	}
	if a.status != status || a.text("error") != name || !found || !strings.Contains(a.text("error_description"), "AADSTS"+code+": ") {
		l.t.Errorf("got HTTP %d %s, want HTTP %d %s AADSTS%s", a.status, a.raw, status, name, code)
	}
}

// claims verifies an access token as an API would.
func (l *lab) claims(a answer) Claims {
	l.t.Helper()
	c, err := l.Verify(l.good(a).text("access_token"))
	if err != nil {
		l.t.Fatalf("verify: %v", err)
	}
	return c
}

// payload reads a JWT's claims without checking them.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// pkce returns a verifier and its S256 challenge.
func pkce() (verifier, challenge string) {
	verifier = random(32)
	sum := sha256.Sum256([]byte(verifier))
	return verifier, base64.RawURLEncoding.EncodeToString(sum[:])
}

// withJar gives a client cookies, so that a person stays signed in.
func withJar(t *testing.T, c *http.Client) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	with := *c
	with.Jar = jar
	return &with
}

// code signs a person in over v2 and returns the code.
func (l *lab) code(user, tenant, scope string, more ...string) string {
	l.t.Helper()
	q := l.visit(l.browser(user), l.address("/"+tenant+"/oauth2/v2.0/authorize", append([]string{
		"client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", scope, "state", "s",
	}, more...)...))
	if q.Get("code") == "" {
		l.t.Fatalf("no code: %v", q)
	}
	return q.Get("code")
}

// redeem trades a code over v2.
func (l *lab) redeem(tenant, code string, more ...string) answer {
	l.t.Helper()
	return l.post("/"+tenant+"/oauth2/v2.0/token", append([]string{
		"grant_type", "authorization_code", "client_id", multiApp, "client_secret", secret, "code", code, "redirect_uri", msspRedirect,
	}, more...)...)
}
