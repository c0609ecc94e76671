package directory_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tributary"
	"tributary/microsoft/sim/directory"
	"tributary/microsoft/sim/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mssp     = "aaaaaaaa-0000-4000-8000-000000000001"
	contoso  = "aaaaaaaa-0000-4000-8000-000000000002"
	setup    = "bbbbbbbb-0000-4000-8000-000000000001" // an application that may do everything, in every tenant
	reader   = "bbbbbbbb-0000-4000-8000-000000000002" // one that may read the organisation alone
	password = "correct horse"
	secret   = "s3cret+/=& ~value"
	graph    = "https://graph.microsoft.com"

	graphAPI    = "00000003-0000-0000-c000-000000000000"
	alertRole   = "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5"
	userRead    = "e1fe6dd8-ba31-4d61-89e7-88639da4683d"
	defenderAPI = "fc780465-2017-40d4-a0c5-307022471b92"
)

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// lab is Entra and the directory on one TLS socket.
type lab struct {
	*testing.T
	identity *identity.Server
	url      string
	client   *http.Client
	clock    *clock
	tokens   map[string]string
}

var setupRoles = []string{
	"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All", "Organization.Read.All",
	"CrossTenantInformation.ReadBasic.All", "DelegatedAdminRelationship.Read.All",
}

func start(t *testing.T, change ...func(*identity.Options, *directory.Options)) *lab {
	t.Helper()
	l := &lab{T: t, clock: &clock{at: time.Now().Truncate(time.Second)}, tokens: map[string]string{}}
	io := identity.Options{
		Tenants: []identity.Tenant{
			{ID: mssp, Domain: "fabrikam.example", DisplayName: "Fabrikam"},
			{ID: contoso, Domain: "contoso.example", DisplayName: "Contoso", Country: "SE"},
		},
		Users: []identity.User{
			{TenantID: mssp, Name: "admin@fabrikam.example", Password: password, Admin: true},
			{TenantID: mssp, Name: "bob@fabrikam.example", Password: password},
			{TenantID: contoso, Name: "admin@contoso.example", Password: password, Admin: true},
		},
		Apps: []identity.App{
			{ClientID: setup, DisplayName: "Set-up", HomeTenant: mssp, MultiTenant: true, Secrets: []string{secret}, Roles: map[string][]string{graph: setupRoles}},
			{ClientID: reader, DisplayName: "Reader", HomeTenant: mssp, MultiTenant: true, Secrets: []string{secret}, Roles: map[string][]string{graph: {"Organization.Read.All"}}},
		},
		Now: l.clock.Now, Seed: 7,
	}
	do := directory.Options{Prefix: "/graph", Now: l.clock.Now}
	for _, f := range change {
		f(&io, &do)
	}
	if io.Cloud == "" {
		io.Cloud = "global"
	}
	if do.Audience == "" {
		do.Audience = tributary.Clouds()[io.Cloud].Resource(tributary.SourceGraph)
	}
	var err error
	if l.identity, err = identity.New(io); err != nil {
		t.Fatal(err)
	}
	do.Identity = l.identity
	m := http.NewServeMux()
	m.Handle("/graph/", directory.New(do))
	m.Handle("/", l.identity)
	server := httptest.NewTLSServer(m)
	t.Cleanup(server.Close)
	l.url, l.client = server.URL, server.Client()
	if err := l.identity.SetBaseURL(server.URL); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{mssp, contoso} {
		l.identity.Consent(tenant, setup)
		l.identity.Consent(tenant, reader)
	}
	return l
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// at reads a value by a path such as "error.code" or "value.0.id".
func (a answer) at(path string) any {
	var v any = a.body
	if strings.HasPrefix(path, "@") {
		return a.body[path]
	}
	for _, name := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i := int(name[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

func (a answer) values() []any {
	v, _ := a.body["value"].([]any)
	return v
}

func (l *lab) do(req *http.Request) answer {
	l.Helper()
	resp, err := l.client.Do(req)
	if err != nil {
		l.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		l.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			l.Fatalf("%s %s: %v in %s", req.Method, req.URL.Path, err, raw)
		}
	}
	return a
}

// call calls the directory with the set-up application's token for a tenant;
// body is sent as JSON, or as it is if it is a text.
func (l *lab) call(tenant, method, path string, body any) answer {
	l.Helper()
	return l.callWith(l.token(tenant, setup), method, path, body)
}

func (l *lab) callWith(token, method, path string, body any) answer {
	l.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			l.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	address := path
	if !strings.HasPrefix(path, "https://") {
		address = l.url + "/graph/v1.0/" + path
	}
	req, err := http.NewRequestWithContext(l.Context(), method, address, r)
	if err != nil {
		l.Fatal(err)
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return l.do(req)
}

// good wants a status.
func (l *lab) good(a answer, status int) answer {
	l.Helper()
	if a.status != status {
		l.Fatalf("HTTP %d %s, want %d", a.status, a.raw, status)
	}
	return a
}

// refused wants a status and Microsoft Graph's error.
func (l *lab) refused(a answer, status int, code, says string) {
	l.Helper()
	if a.status != status || a.text("error.code") != code || !strings.Contains(a.text("error.message"), says) {
		l.Errorf("HTTP %d %s, want %d %s %q", a.status, a.raw, status, code, says)
	}
	if len(a.text("error.innerError.request-id")) != 36 || a.text("error.innerError.date") == "" {
		l.Errorf("no inner error: %s", a.raw)
	}
}

func (l *lab) post(path string, kv ...string) answer {
	l.Helper()
	form := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	req, err := http.NewRequestWithContext(l.Context(), http.MethodPost, l.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		l.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return l.do(req)
}

// appOnly asks for an application's own token.
func (l *lab) appOnly(tenant, clientID, text, resource string) answer {
	l.Helper()
	return l.post("/"+tenant+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", clientID, "client_secret", text, "scope", resource+"/.default")
}

func (l *lab) token(tenant, clientID string) string {
	l.Helper()
	key := tenant + clientID
	if l.tokens[key] == "" {
		l.tokens[key] = l.good(l.appOnly(tenant, clientID, secret, graph), http.StatusOK).text("access_token")
	}
	return l.tokens[key]
}

// person signs somebody in with the command line tools, by device code.
func (l *lab) person(tenant, user, scope string) string {
	l.Helper()
	d := l.good(l.post("/"+tenant+"/oauth2/v2.0/devicecode", "client_id", identity.CommandLineTools, "scope", scope), http.StatusOK)
	b := identity.Browser{Client: l.client, User: user, Password: password}
	if _, err := b.Visit(l.Context(), d.text("verification_uri")+"?otc="+d.text("user_code")); err != nil {
		l.Fatal(err)
	}
	return l.good(l.post("/"+tenant+"/oauth2/v2.0/token", "grant_type", "urn:ietf:params:oauth:grant-type:device_code",
		"client_id", identity.CommandLineTools, "device_code", d.text("device_code")), http.StatusOK).text("access_token")
}

// pair is a certificate with its key.
type pair struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

// pairs are shared: making a key takes longer than most tests.
var pairs = sync.OnceValue(func() [2]pair {
	var list [2]pair
	for i := range list {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: "connector"},
			NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			panic(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		list[i] = pair{cert, key}
	}
	return list
})
