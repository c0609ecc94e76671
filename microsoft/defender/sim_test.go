package defender_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"tributary"
	"tributary/microsoft/defender"
	"tributary/microsoft/sim"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// lab is a simulated Microsoft whose customers have all consented and
// authorised, and that changes only when told to.
type lab struct {
	*sim.Server
	mu     sync.Mutex
	tokens map[string]tributary.AccessToken
}

func start(t *testing.T, o sim.Options) *lab {
	t.Helper()
	o.Seed, o.Still, o.Now = 3, true, func() time.Time { return noon }
	s, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, tenant := range s.Tenants() {
		s.Consent(tenant.ID, s.App().ClientID)
		if err := s.Authorise(t.Context(), tenant.ID, s.App().ClientID, s.Provider().TenantID); err != nil {
			t.Fatal(err)
		}
	}
	return &lab{Server: s, tokens: map[string]tributary.AccessToken{}}
}

// Token gets an app-only token with the protocol's own library.
func (l *lab) Token(ctx context.Context, tenant tributary.Tenant, resource string) (tributary.AccessToken, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := tenant.ID + resource
	if have, ok := l.tokens[key]; ok {
		return have, nil
	}
	flow := clientcredentials.Config{
		ClientID: l.App().ClientID, ClientSecret: l.App().ClientSecret.Reveal(),
		TokenURL: l.Cloud().Login + "/" + tenant.ID + "/oauth2/v2.0/token", Scopes: []string{resource + "/.default"},
		AuthStyle: oauth2.AuthStyleInParams,
	}
	got, err := flow.Token(context.WithValue(ctx, oauth2.HTTPClient, l.Client()))
	if err != nil {
		return tributary.AccessToken{}, &tributary.Error{Code: tributary.CodeUnavailable, Op: "sign in", Tenant: tenant.Slug, Err: err, Fix: tributary.FixRetry}
	}
	l.tokens[key] = tributary.AccessToken{Value: tributary.NewSecret(got.AccessToken), Expires: got.Expiry}
	return l.tokens[key], nil
}

// Reject forgets a token.
func (l *lab) Reject(tenant tributary.Tenant, resource string, _ tributary.AccessToken) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tokens, tenant.ID+resource)
}

func (l *lab) reader(t *testing.T, tenant sim.Tenant, source tributary.Source) tributary.Reader {
	t.Helper()
	r, err := defender.New(defender.Config{
		Tenant: tributary.Tenant{Slug: tenant.Slug, ID: tenant.ID, Auth: tributary.AuthAppOnly, Sources: []tributary.Source{source}},
		Source: source, Cloud: l.Cloud(), Tokens: l, Client: l.Client(), Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// day reaches over all that the simulator holds at the start.
var day = tributary.Window{From: noon.Add(-25 * time.Hour), To: noon}

// read reads a window to its end, again and again where a request fails, and
// returns the versions by their event ids. Between is called between pages.
func read(t *testing.T, r tributary.Reader, limit int, between func()) map[tributary.EventID]tributary.Version {
	t.Helper()
	got := map[tributary.EventID]tributary.Version{}
	req := tributary.Request{Window: day, Limit: limit}
	for range 3_000 {
		page, err := r.Read(t.Context(), req, func(a tributary.Alert) error {
			got[a.EventID()] = a.Version
			if a.Severity == tributary.SeverityUnknown || a.Created.IsZero() || a.PortalURL == "" || a.Raw[0] != '{' {
				t.Errorf("%+v", a)
			}
			return nil
		})
		if err != nil {
			if e := tributary.AsError(err); e == nil || e.Fix != tributary.FixRetry {
				t.Fatal(err)
			}
			continue
		}
		if page.Served.Sub(noon).Abs() > 5*time.Minute { // one of the faults is a wrong clock
			t.Errorf("served at %v", page.Served)
		}
		if req.Page = page.Next; req.Page == "" {
			return got
		}
		if between != nil {
			between()
		}
	}
	t.Fatal("no end")
	return nil
}

// truth is what the simulator says it has shown.
func (l *lab) truth(tenant sim.Tenant, source tributary.Source) map[tributary.EventID]tributary.Version {
	held := map[tributary.EventID]tributary.Version{}
	for v := range l.Truth(sim.Scope{Tenants: []string{tenant.ID}, Sources: []tributary.Source{source}}) {
		held[v.EventID()] = v.Version
	}
	return held
}

// compare lists what one has and the other lacks.
func compare(have, lacks map[tributary.EventID]tributary.Version) []tributary.Version {
	left := maps.Clone(have)
	maps.DeleteFunc(left, func(id tributary.EventID, _ tributary.Version) bool { _, ok := lacks[id]; return ok })
	return slices.Collect(maps.Values(left))
}

// All three sources of several tenants come as the simulator's truth has them,
// with ties that are larger than a page.
func TestSimulator(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 3, Alerts: 600, Changing: 0.2, Tied: 0.3, TieSize: 40})
	for _, tenant := range l.Tenants() {
		for _, source := range tributary.Sources() {
			for _, limit := range []int{0, 17} {
				want := l.truth(tenant, source)
				got := read(t, l.reader(t, tenant, source), limit, nil)
				if len(want) == 0 {
					t.Errorf("%s/%s: the simulator holds nothing", tenant.Slug, source)
				}
				if lost, new := compare(want, got), compare(got, want); len(lost) > 0 || len(new) > 0 {
					t.Errorf("%s/%s in pages of %d: %d of %d lost, such as %v; %d invented", tenant.Slug, source, limit, len(lost), len(want), lost[:min(1, len(lost))], len(new))
				}
			}
		}
	}
}

// Alerts change, arrive and are closed in bulk while a window is paged: those
// that are left alone all come.
func TestSimulatorChangesWhilePaged(t *testing.T) {
	t.Parallel()
	for _, source := range tributary.Sources() {
		l := start(t, sim.Options{Tenants: 1, Alerts: 300, Tied: 0.4, TieSize: 30})
		tenant := l.Tenants()[0]
		before, changed := l.truth(tenant, source), map[string]bool{}
		steps := 0
		note := func(list []sim.Version) {
			for _, v := range list {
				changed[v.ID] = true
			}
		}
		got := read(t, l.reader(t, tenant, source), 11, func() {
			if steps++; steps < 12 {
				note(l.Change(2, tenant.ID))
				note(l.Arrive(1, tenant.ID))
				note(l.CloseMany(tenant.ID, 3))
			}
		})
		for _, v := range compare(before, got) {
			if !changed[v.ID] {
				t.Errorf("%s: %s of %v slipped through", source, v.ID, v.Updated)
			}
		}
		if source != tributary.SourceSIEM && len(changed) == 0 {
			t.Errorf("%s: nothing changed", source)
		}
	}
}

// With every fault at once the same alerts come in the end, and nothing torn.
func TestSimulatorWithFaults(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 250, Tied: 0.1})
	tenant := l.Tenants()[0]
	want := map[tributary.Source]map[tributary.EventID]tributary.Version{}
	for _, source := range tributary.Sources() {
		want[source] = l.truth(tenant, source)
	}
	if err := l.SetFaults(sim.AllFaults()); err != nil {
		t.Fatal(err)
	}
	for source, held := range want {
		got := read(t, l.reader(t, tenant, source), 40, nil)
		if lost, new := compare(held, got), compare(got, held); len(lost) > 0 || len(new) > 0 {
			t.Errorf("%s: %d of %d lost, %d invented", source, len(lost), len(held), len(new))
		}
	}
}
