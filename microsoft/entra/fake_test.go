package entra

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tributary"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenantID   = "11111111-2222-3333-4444-555555555555"
	otherID    = "99999999-2222-3333-4444-555555555555"
	clientID   = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	graph      = "https://graph.microsoft.com"
	mde        = "https://api.securitycenter.microsoft.com"
	siem       = "https://graph.windows.net"
	testSecret = "kS8~client+secret/with=signs&more"
)

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// journal writes down what happened, in order, from several goroutines.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

func (j *journal) count(prefix string) int {
	n := 0
	for _, e := range j.all() {
		if strings.HasPrefix(e, prefix) {
			n++
		}
	}
	return n
}

// reply is one answer of the fake identity service.
type reply struct {
	status int
	header http.Header
	body   any // a string as it stands, anything else as JSON
}

// fake is a strict identity service on a TLS socket: it checks that requests
// have exactly the form that Microsoft documents, and answers by script.
type fake struct {
	t      *testing.T
	srv    *httptest.Server // nil: reached without a socket, by its own RoundTrip
	prefix string           // path before the tenant
	log    *journal
	script func(path string, form url.Values) reply
}

func newFake(t *testing.T, script func(path string, form url.Values) reply) *fake {
	t.Helper()
	f := &fake{t: t, log: &journal{}, script: script}
	f.srv = httptest.NewTLSServer(f)
	t.Cleanup(f.srv.Close)
	return f
}

// RoundTrip answers without a socket, for tests in which time is simulated.
func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, req)
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

func (f *fake) client() *http.Client {
	if f.srv != nil {
		return f.srv.Client()
	}
	return &http.Client{Transport: f}
}

func (f *fake) cloud() tributary.Cloud {
	base := "https://login.contoso.example"
	if f.srv != nil {
		base = f.srv.URL
	}
	return tributary.Cloud{Name: "lab", Login: base + f.prefix, Resources: map[tributary.Source]string{tributary.SourceGraph: graph}}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, f.prefix)
	form := url.Values{}
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			f.t.Errorf("read the request: %v", err)
		}
		if form, err = url.ParseQuery(string(body)); err != nil {
			f.t.Errorf("the form can't be read: %v", err)
		}
		if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/x-www-form-urlencoded") {
			f.t.Errorf("content type %q", got)
		}
		if r.Header.Get("Authorization") != "" {
			f.t.Error("the credential is sent twice, as a header too")
		}
		f.checkForm(path, form)
	}
	if r.URL.RawQuery != "" {
		f.t.Errorf("a query on %s %s", r.Method, path)
	}
	f.log.add("%s %s %s", r.Method, path, form.Get("grant_type"))
	a := f.script(path, form)
	maps.Copy(w.Header(), a.header)
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	w.WriteHeader(a.status)
	if text, ok := a.body.(string); ok {
		_, _ = io.WriteString(w, text)
	} else {
		_ = json.NewEncoder(w).Encode(a.body)
	}
}

// checkForm compares a token request's parameters with the documented ones.
func (f *fake) checkForm(path string, form url.Values) {
	if !strings.HasSuffix(path, "/token") {
		return
	}
	want := map[string][]string{
		"authorization_code": {"code", "code_verifier", "redirect_uri"},
		"refresh_token":      {"refresh_token"},
		"client_credentials": {},
		"urn:ietf:params:oauth:grant-type:device_code": {"device_code"},
	}[form.Get("grant_type")]
	want = append(slices.Clone(want), "client_id", "grant_type")
	if strings.Contains(path, "/v2.0/") {
		want = append(want, "scope")
	} else {
		want = append(want, "resource")
	}
	if form.Has("client_assertion") {
		want = append(want, "client_assertion", "client_assertion_type")
	} else if form.Has("client_secret") {
		want = append(want, "client_secret")
	}
	var got []string
	for _, key := range slices.Sorted(maps.Keys(form)) {
		// MSAL adds these to what the protocol has.
		if key != "client_info" && !strings.HasPrefix(key, "x-") && key != "claims" {
			got = append(got, key)
		}
		if len(form[key]) != 1 || form.Get(key) == "" {
			f.t.Errorf("%s: %s is sent %d times, or empty", form.Get("grant_type"), key, len(form[key]))
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.t.Errorf("%s at %s: parameters %v, want %v", form.Get("grant_type"), path, got, want)
	}
}

// unsigned makes a token that nobody has signed.
func unsigned(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + b64(payload) + "." + b64([]byte("signature"))
}

// access makes an access token of the test tenant, told apart by its number.
func access(n int) string {
	return unsigned(map[string]any{"tid": tenantID, "aud": graph, "upn": "anna@contoso.com", "jti": fmt.Sprint("access-", n)})
}

func errorReply(status int, code, sub, description string, numbers ...int) reply {
	return reply{status: status, body: map[string]any{
		"error": code, "suberror": sub, "error_codes": numbers,
		"error_description": description + "\r\nTrace ID: 0f0f0f0f-1111-2222-3333-444444444444\r\nCorrelation ID: 5a5a5a5a-1111-2222-3333-444444444444\r\nTimestamp: 2026-11-23 12:00:00Z",
		"trace_id":          "0f0f0f0f-1111-2222-3333-444444444444", "correlation_id": "5a5a5a5a-1111-2222-3333-444444444444",
	}}
}

// keyPair is an application's certificate and key as PEM. Making an RSA key
// takes long, so the tests share it.
var keyPair = sync.OnceValues(func() (string, *x509.Certificate) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "tributary"}, NotBefore: time.Unix(1, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return string(append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)), cert
})

// memory keeps grants as a store does, with revisions.
type memory struct {
	mu     sync.Mutex
	grants map[string]tributary.Grant
	revs   map[string]uint64
	log    *journal
	before func(put int) error // called at each put, with its number, before it counts
	puts   int
}

func newMemory(log *journal) *memory {
	return &memory{grants: map[string]tributary.Grant{}, revs: map[string]uint64{}, log: log}
}

func (m *memory) Grant(_ context.Context, tenant string) (tributary.Grant, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g, ok := m.grants[tenant]
	if !ok {
		return g, 0, tributary.ErrNotFound
	}
	return g, m.revs[tenant], nil
}

func (m *memory) PutGrant(ctx context.Context, tenant string, g tributary.Grant, revision uint64) (uint64, error) {
	m.mu.Lock()
	m.puts++
	put, before := m.puts, m.before
	m.mu.Unlock()
	if before != nil {
		if err := before(put); err != nil {
			return 0, err
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revs[tenant] != revision {
		m.log.add("conflict")
		return 0, tributary.ErrConflict
	}
	m.grants[tenant] = g
	m.revs[tenant] = revision + 1
	m.log.add("stored %s, before it %s", g.RefreshToken.Reveal(), g.Previous.Reveal())
	return revision + 1, nil
}

// set stores a grant as another instance would.
func (m *memory) set(tenant string, g tributary.Grant) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.grants[tenant] = g
	m.revs[tenant]++
}

// bench is a Client with all that it works with.
type bench struct {
	*Client
	fake   *fake
	clock  *clock
	grants *memory
	app    tributary.App
	tenant tributary.Tenant
	out    *strings.Builder // what was logged
}

func newBench(t *testing.T, auth tributary.AuthMethod, script func(path string, form url.Values) reply) *bench {
	t.Helper()
	return benchOn(newFake(t, script), auth)
}

func benchOn(f *fake, auth tributary.AuthMethod) *bench {
	b := &bench{
		fake: f, clock: newClock(), grants: newMemory(f.log),
		app:    tributary.App{ClientID: clientID, ClientSecret: tributary.NewSecret(testSecret)},
		tenant: tributary.Tenant{Slug: "contoso", ID: tenantID, Auth: auth, Sources: []tributary.Source{tributary.SourceGraph}},
		out:    &strings.Builder{},
	}
	b.Client = New(Config{
		Cloud:  func(tributary.Tenant) (tributary.Cloud, *http.Client, error) { return f.cloud(), f.client(), nil },
		App:    func(tributary.Tenant) (tributary.App, error) { return b.app, nil },
		Grants: b.grants, Now: b.clock.now,
		Log: slog.New(slog.NewTextHandler(b.out, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return b
}

// get asks for a token that must come.
func (b *bench) get(t *testing.T, resource string) tributary.AccessToken {
	t.Helper()
	tok, err := b.Token(t.Context(), b.tenant, resource)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// refused asks for a token that must not come.
func (b *bench) refused(t *testing.T, resource string) *tributary.Error {
	t.Helper()
	tok, err := b.Token(t.Context(), b.tenant, resource)
	e := tributary.AsError(err)
	if e == nil {
		t.Fatalf("got a token that expires %v and error %v, want an error of ours", tok.Expires, err)
	}
	if !tok.Value.IsZero() {
		t.Fatal("a token came with the error")
	}
	if e.Tenant != "contoso" || e.Op == "" || e.Next == "" || e.Fix == "" || e.Code == "" {
		t.Errorf("incomplete: %+v", *e)
	}
	return e
}
