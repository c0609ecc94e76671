package connect_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tributary"
	"tributary/connect"
	"tributary/microsoft/entra"
	"tributary/vault"
)

// service answers refreshes without a socket, so that time can be simulated.
type service struct {
	mu   sync.Mutex
	uses map[string][]time.Duration // by tenant id: when, since the start
	from time.Time
	how  map[string]string // by tenant id: "same" doesn't rotate, "dead" refuses, "down" fails
	n    int
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.Split(req.URL.Path, "/")[1]
	s.uses[id] = append(s.uses[id], time.Since(s.from).Round(time.Hour))
	s.n++
	claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"tid":%q,"upn":"anna@contoso.com"}`, id))
	status, body := 200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":3600,"access_token":"x.%s.x","refresh_token":"refresh-%d"}`, claims, s.n)
	switch s.how[id] {
	case "same":
		body = fmt.Sprintf(`{"token_type":"Bearer","expires_in":3600,"access_token":"x.%s.x"}`, claims)
	case "dead":
		status, body = 400, `{"error":"invalid_grant","error_description":"AADSTS50173: The grant was revoked.","error_codes":[50173]}`
	case "down":
		status, body = 503, `{"error":"temporarily_unavailable","error_description":"AADSTS90033: A transient error."}`
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}, nil
}

func newKeeper(t *testing.T) (*connect.Connector, *service, *shelf, *records) {
	t.Helper()
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := vault.CreateKey(keyFile); err != nil {
		t.Fatal(err)
	}
	v, err := vault.OpenKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{uses: map[string][]time.Duration{}, from: time.Now(), how: map[string]string{}}
	r := &records{sealed: map[string][]byte{}, revisions: map[string]uint64{}}
	grants := connect.Grants{Vault: v, Records: r}
	cloud := func(tributary.Tenant) (tributary.Cloud, *http.Client, error) {
		return tributary.Clouds()["global"], &http.Client{Transport: s}, nil
	}
	app := func(tributary.Tenant) (tributary.App, error) {
		return tributary.App{ClientID: "app", ClientSecret: tributary.NewSecret("s")}, nil
	}
	log := slog.New(slog.DiscardHandler)
	c := &connect.Connector{
		Cloud: cloud, App: app, Grants: grants, Log: log,
		Tokens: entra.New(entra.Config{Cloud: cloud, App: app, Grants: grants, Log: log}),
	}
	return c, s, &shelf{tenants: map[string]tributary.Tenant{}}, r
}

// customer is a tenant whose refresh token was last used so long ago.
func customer(t *testing.T, c *connect.Connector, store *shelf, n int, idle time.Duration, auth tributary.AuthMethod) tributary.Tenant {
	t.Helper()
	tenant := tributary.Tenant{
		Slug: fmt.Sprintf("t-%d", n), ID: fmt.Sprintf("%08d-2222-3333-4444-555555555555", n), Auth: auth,
		Sources: []tributary.Source{tributary.SourceGraph}, Paused: n%2 == 0,
	}
	store.tenants[tenant.Slug] = tenant
	if idle >= 0 {
		at := time.Now().Add(-idle)
		_, err := c.Grants.PutGrant(t.Context(), tenant.Slug, tributary.Grant{RefreshToken: tributary.NewSecret("first"), ClientID: "app", Obtained: at, Rotated: at}, 0)
		if err != nil {
			t.Fatal(err)
		}
	}
	return tenant
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		c, s, store, _ := newKeeper(t)
		want := map[string][]time.Duration{}
		for n, one := range []struct {
			idle time.Duration
			auth tributary.AuthMethod
			how  string
			uses []time.Duration
		}{
			{idle: 80 * day, uses: []time.Duration{0, 3 * day, 6 * day, 9 * day}},
			{idle: 2 * day, uses: []time.Duration{day, 4 * day, 7 * day, 10 * day}},
			{idle: 80 * day, how: "same", uses: []time.Duration{0, 3 * day, 6 * day, 9 * day}},
			// A person must mend it: once a day is enough to see that it was done.
			{idle: 80 * day, how: "dead", uses: []time.Duration{0, day, 2 * day, 3 * day, 4 * day, 5 * day, 6 * day, 7 * day, 8 * day, 9 * day, 10 * day}},
			{idle: -1}, // nobody has signed in
			{idle: 80 * day, auth: tributary.AuthAppOnly},
		} {
			if one.auth == "" {
				one.auth = tributary.AuthDelegated
			}
			tenant := customer(t, c, store, n, one.idle, one.auth)
			s.how[tenant.ID] = one.how
			if one.uses != nil {
				want[tenant.ID] = one.uses
			}
		}
		ctx, stop := context.WithTimeout(t.Context(), 10*day+time.Hour/2)
		defer stop()
		if err := c.KeepAlive(ctx, store); err != nil {
			t.Fatal(err)
		}
		for id, times := range want {
			if !slices.Equal(s.uses[id], times) {
				t.Errorf("%s was used after %v, want %v", id, s.uses[id], times)
			}
		}
		if len(s.uses) != len(want) {
			t.Errorf("used: %v", s.uses)
		}
	})
}

// What may pass by itself is tried every hour, and a new grant at once.
func TestKeepAliveTriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s, store, _ := newKeeper(t)
		down := customer(t, c, store, 1, 80*24*time.Hour, tributary.AuthDelegated)
		dead := customer(t, c, store, 2, 80*24*time.Hour, tributary.AuthDelegated)
		s.how[down.ID], s.how[dead.ID] = "down", "dead"
		ctx, stop := context.WithTimeout(t.Context(), 150*time.Minute)
		defer stop()
		var running sync.WaitGroup
		running.Go(func() {
			if err := c.KeepAlive(ctx, store); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		_, revision, err := c.Grants.Grant(t.Context(), dead.Slug)
		if err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-4 * 24 * time.Hour)
		if _, err := c.Grants.PutGrant(t.Context(), dead.Slug, tributary.Grant{RefreshToken: tributary.NewSecret("new"), ClientID: "app", Rotated: old}, revision); err != nil {
			t.Fatal(err)
		}
		running.Wait()
		if want := []time.Duration{0, time.Hour, 2 * time.Hour}; !slices.Equal(s.uses[down.ID], want) {
			t.Errorf("the service was down: tried after %v", s.uses[down.ID])
		}
		if want := []time.Duration{0, time.Hour}; !slices.Equal(s.uses[dead.ID], want) {
			t.Errorf("the grant was replaced: tried after %v", s.uses[dead.ID])
		}
	})
}
