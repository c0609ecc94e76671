package invite

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary"
	"tributary/connect"
	"tributary/microsoft/entra"
	"tributary/microsoft/sim"
	"tributary/vault"
)

// lab is a simulated Microsoft, a store in memory, and our pages over TLS.
type lab struct {
	*Invites
	microsoft *sim.Server
	front     *httptest.Server
	memory    *memory
	tenant    tributary.Tenant
	log       bytes.Buffer

	mu        sync.Mutex
	now       time.Time
	tenants   map[string]tributary.Tenant
	connected []string
	failures  []string
}

var epoch = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

func newLab(t *testing.T, auth tributary.AuthMethod) *lab {
	t.Helper()
	l := &lab{now: epoch, tenants: map[string]tributary.Tenant{}, memory: newMemory()}
	l.front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.handler().ServeHTTP(w, r) }))
	public := "https://" + l.front.Listener.Addr().String()
	var err error
	l.microsoft, err = sim.New(sim.Options{Tenants: 2, Seed: 7, Still: true, RedirectURIs: []string{public + "/callback"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.microsoft.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.microsoft.Close() })
	for _, one := range l.microsoft.Tenants() {
		l.tenants[one.Slug] = tributary.Tenant{Slug: one.Slug, ID: one.ID, Name: one.Name, Auth: auth, Sources: []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint}}
	}
	l.tenant = l.tenants[l.microsoft.Tenants()[0].Slug]
	l.start(t, public)
	l.front.StartTLS()
	t.Cleanup(l.front.Close)
	return l
}

// start makes the Invites anew on the same store, as after a restart.
func (l *lab) start(t *testing.T, public string) {
	t.Helper()
	keyFile := filepath.Join(t.TempDir(), "key")
	v := l.memory.vault
	if v == nil {
		if err := vault.CreateKey(keyFile); err != nil {
			t.Fatal(err)
		}
		var err error
		if v, err = vault.OpenKey(keyFile); err != nil {
			t.Fatal(err)
		}
		l.memory.vault = v
	}
	log := slog.New(slog.NewTextHandler(&syncWriter{w: &l.log}, nil))
	cloud := func(tributary.Tenant) (tributary.Cloud, *http.Client, error) {
		return l.microsoft.Cloud(), l.microsoft.Client(), nil
	}
	app := func(tributary.Tenant) (tributary.App, error) { return l.microsoft.App(), nil }
	grants := connect.Grants{Vault: v, Records: l.memory}
	invites, err := New(Config{
		Connector: &connect.Connector{
			Cloud: cloud, App: app, Grants: grants, Log: log,
			Tokens: entra.New(entra.Config{Cloud: cloud, App: app, Grants: grants, Log: log}),
		},
		Records: l.memory, Vault: v, URL: public, Name: "Fabrikam Security", Patience: -1, Now: l.clock, Log: log,
		Tenant: func(_ context.Context, slug string) (tributary.Tenant, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if t, ok := l.tenants[slug]; ok {
				return t, nil
			}
			return tributary.Tenant{}, tributary.ErrNotFound
		},
		Connected: func(_ context.Context, t tributary.Tenant, detail string) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.connected = append(l.connected, t.Slug+" "+detail)
			return nil
		},
		Failed: func(_ context.Context, t tributary.Tenant, detail string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.failures = append(l.failures, t.Slug+" "+detail)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := invites.Handler()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Invites, l.memory.handler = invites, h
}

func (l *lab) handler() http.Handler {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory.handler
}

func (l *lab) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) later(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func (l *lab) issue(t *testing.T) (Invite, string) {
	t.Helper()
	i, mail, err := l.Issue(t.Context(), Order{Tenant: l.tenant})
	if err != nil {
		t.Fatal(err)
	}
	return i, mail.Link
}

func (l *lab) state(t *testing.T, id string) State {
	t.Helper()
	r, _, err := l.load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.State(l.clock())
}

// visitor is a browser at our pages, with its cookies.
type visitor struct {
	l      *lab
	client *http.Client
}

func (l *lab) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{l, &http.Client{
		Jar: jar, Transport: l.front.Client().Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what one request brought.
type answer struct {
	status int
	to     string // Location
	body   string
	header http.Header
}

func (v *visitor) do(t *testing.T, method, address string, form url.Values, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Location"), string(body), resp.Header}
}

func (v *visitor) get(t *testing.T, address string, header ...string) answer {
	t.Helper()
	return v.do(t, http.MethodGet, address, nil, header...)
}

// goOn presses the button and returns Microsoft's address.
func (v *visitor) goOn(t *testing.T, link string) string {
	t.Helper()
	a := v.do(t, http.MethodPost, link, url.Values{"lang": {"sv"}}, "Sec-Fetch-Site", "same-origin")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, v.l.microsoft.URL()) {
		t.Fatalf("the button led to %d %s\n%s", a.status, a.to, a.body)
	}
	return a.to
}

// atMicrosoft is what the tenant's administrator does there: the address that
// the browser comes back to.
func (v *visitor) atMicrosoft(t *testing.T, address string, decline bool) string {
	t.Helper()
	admin := v.l.microsoft.Admin(v.l.tenant.ID)
	admin.Decline = decline
	back, err := admin.Visit(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(back.String(), v.l.c.URL+"/callback?") {
		t.Fatalf("Microsoft sent the browser to %s", back)
	}
	return back.String()
}

// comeBack opens the callback and follows it to the invitation's page.
func (v *visitor) comeBack(t *testing.T, back string) answer {
	t.Helper()
	a := v.get(t, back)
	if a.status != http.StatusSeeOther {
		return a
	}
	if !strings.HasPrefix(a.to, v.l.c.URL+invitePath) || strings.Contains(a.to, "code=") {
		t.Fatalf("the callback led to %s", a.to)
	}
	return v.get(t, a.to)
}

func (a answer) want(t *testing.T, status int, says ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d", a.status, status)
	}
	for _, text := range says {
		if !strings.Contains(a.body, text) {
			t.Errorf("the page does not say %q:\n%s", text, a.body)
		}
	}
}

// memory is the store.
type memory struct {
	mu        sync.Mutex
	sealed    map[string][]byte
	revisions map[string]uint64
	vault     *vault.Vault
	handler   http.Handler
}

func newMemory() *memory {
	return &memory{sealed: map[string][]byte{}, revisions: map[string]uint64{}}
}

func (m *memory) get(key string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sealed[key] == nil {
		return nil, 0, tributary.ErrNotFound
	}
	return bytes.Clone(m.sealed[key]), m.revisions[key], nil
}

func (m *memory) put(key string, sealed []byte, revision uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revisions[key] != revision {
		return 0, tributary.ErrConflict
	}
	m.sealed[key] = bytes.Clone(sealed)
	m.revisions[key]++
	return m.revisions[key], nil
}

func (m *memory) SealedGrant(_ context.Context, tenant string) ([]byte, uint64, error) {
	return m.get("grant/" + tenant)
}

func (m *memory) PutSealedGrant(_ context.Context, tenant string, sealed []byte, revision uint64) (uint64, error) {
	return m.put("grant/"+tenant, sealed, revision)
}

func (m *memory) SealedInvite(_ context.Context, id string) ([]byte, uint64, error) {
	return m.get("invite/" + id)
}

func (m *memory) PutSealedInvite(_ context.Context, id string, sealed []byte, revision uint64) (uint64, error) {
	return m.put("invite/"+id, sealed, revision)
}

func (m *memory) SealedInvites(context.Context) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string][]byte{}
	for key, sealed := range maps.All(m.sealed) {
		if id, ok := strings.CutPrefix(key, "invite/"); ok {
			all[id] = bytes.Clone(sealed)
		}
	}
	return all, nil
}

func (m *memory) RemoveInvite(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sealed, "invite/"+id)
	delete(m.revisions, "invite/"+id)
	return nil
}

// syncWriter lets a handler's and the test's goroutines log.
type syncWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *syncWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(b)
}
