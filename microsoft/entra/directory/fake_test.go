package directory

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tributary"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ownTenant      = "00000000-1111-2222-3333-444444444444"
	customerTenant = "11111111-2222-3333-4444-555555555555"
	mark           = "k7Fq2"
	fabrikamURI    = "https://siem.fabrikam.com/SiemMsspConnector"
)

// noon is the clock of these tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fake is one directory behind a Graph that takes nothing but what it knows. It
// is stricter than Microsoft's: an unknown member or query is a failed test.
type fake struct {
	*httptest.Server
	t    *testing.T
	logs *syncBuffer

	mu          sync.Mutex
	asked       []string // method and path of each request since serving
	total       int      // requests ever
	apps        []map[string]any
	principals  []map[string]any
	assignments []map[string]any
	grants      []map[string]any
	federated   map[string][]map[string]any
	secrets     map[string]string // text by keyId, of secrets that are valid
	issued      []string          // every secret's text there ever was
	available   []map[string]any  // APIs that the directory can let in

	scopes  string // of the token
	dieAt   int    // the request at which everything ends; 0: never
	lose    bool   // that request is carried out, and only its answer lost
	hidden  int    // how many requests a new object stays unseen
	answer  func(w http.ResponseWriter, r *http.Request) bool
	rejects int
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{
		t: t, logs: &syncBuffer{}, secrets: map[string]string{}, federated: map[string][]map[string]any{},
		scopes: "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All User.Read",
	}
	f.principals = []map[string]any{microsoftGraph(), aadGraph()}
	f.available = []map[string]any{windowsDefender()}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.TLS = &tls.Config{Certificates: []tls.Certificate{serverCertificate()}}
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

// serverCertificate is made once, and of a quick kind: an answer that is lost
// costs a handshake.
var serverCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// client is one whose waits are short.
func (f *fake) client(t *testing.T) *Client {
	t.Helper()
	return New(f.config())
}

func (f *fake) config() Config {
	cloud := tributary.Clouds()["global"]
	cloud.Graph = f.URL
	return Config{
		Cloud: cloud, Client: f.Client(), Tenant: "fabrikam", PartnerCenter: f.URL + "/partner",
		Token:    func(context.Context, string) (tributary.AccessToken, error) { return f.token(), nil },
		Reject:   func(string, tributary.AccessToken) { f.mu.Lock(); f.rejects++; f.mu.Unlock() },
		Now:      func() time.Time { return noon },
		Log:      slog.New(slog.NewTextHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		patience: patience{retry: time.Millisecond, answer: 20 * time.Second, after: time.Second, settle: 100 * time.Microsecond},
	}
}

const secretPart = "s3cretPartOfTheToken"

// token is an access token as Entra's are, unsigned.
func (f *fake) token() tributary.AccessToken {
	claims, _ := json.Marshal(map[string]any{"tid": ownTenant, "scp": f.scopes, "upn": "anna@fabrikam.com"})
	text := "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(claims) + "." + secretPart
	return tributary.AccessToken{Value: tributary.NewSecret(text), Expires: noon.Add(time.Hour)}
}

// serve answers one request, or lets everything end there.
func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked, f.total = append(f.asked, r.Method+" "+r.URL.Path), f.total+1
	if token := f.token(); r.Header.Get("Authorization") != "Bearer "+token.Value.Reveal() {
		f.t.Errorf("%s %s isn't signed with the token", r.Method, r.URL.Path)
	}
	if r.Header.Get("User-Agent") != "tributary" || uuid.Validate(r.Header.Get("client-request-id")) != nil {
		f.t.Errorf("%s %s doesn't say who asks: %v", r.Method, r.URL.Path, r.Header)
	}
	if f.answer != nil && f.answer(w, r) {
		return
	}
	dead := f.dieAt > 0 && len(f.asked) >= f.dieAt
	if dead && (!f.lose || len(f.asked) > f.dieAt) {
		refuse(w, http.StatusInternalServerError, "generalException", "everything has ended")
		return
	}
	if dead {
		w = httptest.NewRecorder() // carried out, and nobody hears of it
		defer panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal")
	f.route(w, r)
}

func (f *fake) route(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v1.0/")
	if !ok {
		f.t.Errorf("nothing is served at %s", r.URL.Path)
		return
	}
	parts := strings.Split(path, "/")
	switch {
	case path == "organization" && r.Method == http.MethodGet:
		reply(w, http.StatusOK, map[string]any{"value": []any{map[string]any{
			"id": strings.ToUpper(ownTenant), "displayName": "Fabrikam", "countryLetterCode": "SE", "tenantType": "AAD",
			"verifiedDomains": []any{
				map[string]any{"name": "fabrikam.onmicrosoft.com", "isInitial": true, "isDefault": false, "type": "Managed", "capabilities": "Email"},
				map[string]any{"name": "fabrikam.com", "isInitial": false, "isDefault": true, "type": "Managed", "capabilities": "Email"},
			},
		}}})
	case parts[0] == "applications":
		f.serveApplication(w, r, parts[1:])
	case parts[0] == "servicePrincipals":
		f.servePrincipal(w, r, parts[1:])
	case parts[0] == "oauth2PermissionGrants":
		f.serveGrant(w, r, parts[1:])
	default:
		f.t.Errorf("nothing is served at %s %s", r.Method, r.URL.Path)
		refuse(w, http.StatusNotFound, "ResourceNotFound", "no such segment")
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string, details ...string) {
	inner := map[string]any{"code": code, "message": message, "innerError": map[string]any{"request-id": "0f3f0d2c-5d0f-4a4e-9d7c-111111111111"}}
	for _, d := range details {
		inner["details"] = []any{map[string]any{"code": d, "target": "appId"}}
	}
	reply(w, status, map[string]any{"error": inner})
}

func absent(w http.ResponseWriter, id string) {
	refuse(w, http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+id+"' does not exist or one of its queried reference-property objects are not present.")
}

// read decodes a body that may have these members and no others.
func (f *fake) read(r *http.Request, members ...string) map[string]any {
	f.t.Helper()
	if r.Header.Get("Content-Type") != "application/json" {
		f.t.Errorf("%s %s: the body is %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		f.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	for name := range body {
		if !strings.Contains(" "+strings.Join(members, " ")+" ", " "+name+" ") {
			f.t.Errorf("%s %s: unknown member %s", r.Method, r.URL.Path, name)
		}
	}
	return body
}

// seen leaves out what was made so lately that this request doesn't see it yet.
func (f *fake) seen(objects []map[string]any) []any {
	list := []any{}
	for _, o := range objects {
		if born, _ := o["born"].(int); born == 0 || f.total > born+f.hidden {
			list = append(list, public(o))
		}
	}
	return list
}

func public(o map[string]any) map[string]any {
	copied := map[string]any{}
	for name, value := range o {
		if name != "born" {
			copied[name] = value
		}
	}
	return copied
}

// filtered reads a filter of one comparison, name eq 'value'.
func (f *fake) filtered(r *http.Request) (name, value string) {
	filter := r.URL.Query().Get("$filter")
	if tag, ok := strings.CutPrefix(filter, "tags/any(t:t eq '"); ok {
		return "tags", strings.TrimSuffix(tag, "')")
	}
	name, rest, ok := strings.Cut(filter, " eq '")
	if !ok || !strings.HasSuffix(rest, "'") {
		f.t.Errorf("%s: the filter is %q", r.URL.Path, filter)
	}
	return name, strings.TrimSuffix(rest, "'")
}

// serving changes how the fake behaves from now on, and begins a new count.
func (f *fake) serving(dieAt int, lose bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked, f.dieAt, f.lose = nil, dieAt, lose
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

func newID() string { return uuid.NewString() }

// leaks reports a secret of this fake's in a text.
func (f *fake) leaks(t *testing.T, where, text string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, secret := range append([]string{secretPart, "PRIVATE KEY"}, f.issued...) {
		if strings.Contains(text, secret) {
			t.Errorf("%s holds a secret: %.300s", where, text)
		}
	}
}

// failed is the tributary.Error that a call must end in.
func (f *fake) failed(t *testing.T, err error, code string, fix tributary.Fixer) *tributary.Error {
	t.Helper()
	e := tributary.AsError(err)
	if e == nil {
		t.Fatalf("the error is %v, not a tributary.Error", err)
	}
	if e.Code != code || e.Fix != fix {
		t.Errorf("code %s, to be mended by %q; want %s by %q (%v; next: %s)", e.Code, e.Fix, code, fix, e, e.Next)
	}
	if e.Op == "" || e.Next == "" || e.Tenant != "fabrikam" {
		t.Errorf("the error says too little: %+v", *e)
	}
	f.leaks(t, "an error", fmt.Sprintf("%v %+v %#v %s", err, *e, e, e.Next))
	return e
}
