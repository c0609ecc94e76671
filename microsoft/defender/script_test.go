package defender

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tributary"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenantID = "11111111-2222-3333-4444-555555555555"

// noon is Microsoft's clock in these tests; ours runs nine minutes ahead.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// keys gives out tokens key-1, key-2, … and notes which were refused.
type keys struct {
	mu       sync.Mutex
	given    int
	rejected []string
	resource string
	err      error
}

func (k *keys) Token(_ context.Context, tenant tributary.Tenant, resource string) (tributary.AccessToken, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return tributary.AccessToken{}, k.err
	}
	if k.given == 0 {
		k.given = 1
	}
	k.resource = resource
	return tributary.AccessToken{Value: tributary.NewSecret(fmt.Sprintf("key-%d", k.given))}, nil
}

func (k *keys) Reject(_ tributary.Tenant, _ string, token tributary.AccessToken) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rejected = append(k.rejected, token.Value.Reveal())
	k.given++
}

// script is a TLS server that a test tells what to answer.
type script struct {
	*httptest.Server
	keys *keys
	logs *bytes.Buffer
	mu   sync.Mutex
	asks []*http.Request
}

// serve starts a server. Each request is noted before answer sees it.
func serve(t *testing.T, answer http.HandlerFunc) *script {
	t.Helper()
	s := &script{keys: &keys{}, logs: &bytes.Buffer{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asks = append(s.asks, r)
		s.mu.Unlock()
		w.Header().Set("Date", noon.Format(http.TimeFormat))
		answer(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// requests returns what was asked so far.
func (s *script) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.asks...)
}

// config is a reader's configuration for the server. The retries are quick.
func (s *script) config(source tributary.Source) Config {
	cloud := tributary.Clouds()["global"]
	cloud.Graph, cloud.Endpoint, cloud.SIEM = s.URL+"/graph", s.URL+"/mde/", s.URL+"/siem"
	return Config{
		Tenant: tributary.Tenant{Slug: "contoso", ID: tenantID, Auth: tributary.AuthAppOnly, Sources: []tributary.Source{source}},
		Source: source, Cloud: cloud, Tokens: s.keys, Client: s.Client(),
		Now:      func() time.Time { return noon.Add(9 * time.Minute) },
		Log:      slog.New(slog.NewTextHandler(s.logs, nil)),
		patience: patience{retry: time.Millisecond, header: 30 * time.Second, stall: 30 * time.Second},
	}
}

func (s *script) reader(t *testing.T, source tributary.Source) tributary.Reader {
	t.Helper()
	return newReader(t, s.config(source))
}

func newReader(t *testing.T, cfg Config) tributary.Reader {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// hour is the window of most tests.
var hour = tributary.Window{From: noon.Add(-time.Hour), To: noon}

// page reads one page.
func page(t *testing.T, r tributary.Reader, req tributary.Request) ([]tributary.Alert, tributary.Page, error) {
	t.Helper()
	var alerts []tributary.Alert
	p, err := r.Read(t.Context(), req, func(a tributary.Alert) error {
		alerts = append(alerts, a)
		return nil
	})
	if p.Count != len(alerts) {
		t.Errorf("the page counts %d alerts, %d came", p.Count, len(alerts))
	}
	return alerts, p, err
}

// window reads a window to its end.
func window(t *testing.T, r tributary.Reader, req tributary.Request) ([]tributary.Alert, []tributary.Page) {
	t.Helper()
	var all []tributary.Alert
	var pages []tributary.Page
	for len(pages) < 5_000 {
		alerts, p, err := page(t, r, req)
		if err != nil {
			t.Fatal(err)
		}
		all, pages = append(all, alerts...), append(pages, p)
		if p.Next == "" {
			return all, pages
		}
		req.Page = p.Next
	}
	t.Fatal("the window has no end")
	return nil, nil
}

// failed is the tributary.Error that a read must end in.
func failed(t *testing.T, err error, code string, fix tributary.Fixer) *tributary.Error {
	t.Helper()
	e := tributary.AsError(err)
	if e == nil {
		t.Fatalf("the error is %v, not a tributary.Error", err)
	}
	if e.Code != code || e.Fix != fix {
		t.Errorf("code %s, to be mended by %q; want %s by %q (%v)", e.Code, e.Fix, code, fix, e)
	}
	if e.Tenant != "contoso" || e.Op == "" {
		t.Errorf("the error speaks of tenant %q and %q", e.Tenant, e.Op)
	}
	if e.Fix != tributary.FixRetry && e.Next == "" {
		t.Errorf("the error doesn't say what to do: %v", e)
	}
	return e
}
