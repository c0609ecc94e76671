package connect_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"tributary"
	"tributary/connect"
	"tributary/microsoft/entra"
	"tributary/microsoft/sim"
	"tributary/vault"
)

// lab is a simulated Microsoft, and a Connector for its customers that keeps
// grants in memory.
type lab struct {
	*connect.Connector
	microsoft *sim.Server
	records   *records
	app       tributary.App
}

func newLab(t *testing.T, o sim.Options) *lab {
	t.Helper()
	o.Still = true
	microsoft, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := microsoft.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = microsoft.Close() })
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := vault.CreateKey(keyFile); err != nil {
		t.Fatal(err)
	}
	v, err := vault.OpenKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{microsoft: microsoft, records: &records{sealed: map[string][]byte{}, revisions: map[string]uint64{}}, app: microsoft.App()}
	log := slog.New(slog.DiscardHandler)
	cloud := func(tributary.Tenant) (tributary.Cloud, *http.Client, error) {
		return microsoft.Cloud(), microsoft.Client(), nil
	}
	app := func(tributary.Tenant) (tributary.App, error) { return l.app, nil }
	grants := connect.Grants{Vault: v, Records: l.records}
	l.Connector = &connect.Connector{
		Cloud: cloud, App: app, Grants: grants, Log: log,
		Tokens: entra.New(entra.Config{Cloud: cloud, App: app, Grants: grants, Log: log}),
	}
	return l
}

// tenant is the simulator's n-th customer.
func (l *lab) tenant(n int, auth tributary.AuthMethod, sources ...tributary.Source) tributary.Tenant {
	t := l.microsoft.Tenants()[n]
	return tributary.Tenant{Slug: t.Slug, ID: t.ID, Name: t.Name, Auth: auth, Sources: sources}
}

// signIn is what a person's sign-in elsewhere gives.
func (l *lab) signIn(t *testing.T, tenant tributary.Tenant, v1 bool) tributary.Grant {
	t.Helper()
	admin := l.microsoft.Admin(tenant.ID)
	grant, _, err := entra.SignIn(t.Context(), entra.SignInRequest{
		Tenant: tenant, App: l.app, Cloud: l.microsoft.Cloud(), Client: l.microsoft.Client(),
		Resource: l.microsoft.Cloud().Resource(tenant.Sources[0]), V1: v1, Log: slog.New(slog.DiscardHandler),
		Open: func(address string) error {
			_, err := admin.Visit(t.Context(), address)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// records keeps sealed grants as the stream does.
type records struct {
	mu        sync.Mutex
	sealed    map[string][]byte
	revisions map[string]uint64
}

func (r *records) SealedGrant(_ context.Context, tenant string) ([]byte, uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sealed[tenant] == nil {
		return nil, 0, tributary.ErrNotFound
	}
	return r.sealed[tenant], r.revisions[tenant], nil
}

func (r *records) PutSealedGrant(_ context.Context, tenant string, sealed []byte, revision uint64) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.revisions[tenant] != revision {
		return 0, tributary.ErrConflict
	}
	r.sealed[tenant] = sealed
	r.revisions[tenant]++
	return r.revisions[tenant], nil
}
