package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tributary"
)

const v2token = "/" + tenantID + "/oauth2/v2.0/token"

// numbered answers every request with a new token that lives that long.
func numbered(expiresIn any) func(string, url.Values) reply {
	var n atomic.Int64
	return func(string, url.Values) reply {
		return reply{body: map[string]any{"token_type": "Bearer", "expires_in": expiresIn, "access_token": access(int(n.Add(1)))}}
	}
}

func TestTokenIsKept(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expiresIn     any
		life, renewed time.Duration // renewed: how long after it came
	}{
		{3599, 3599 * time.Second, 3599*time.Second - 5*time.Minute},
		{"3599", 3599 * time.Second, 3599*time.Second - 5*time.Minute},
		{86400, 24 * time.Hour, 24*time.Hour - 5*time.Minute},
		{600, 10 * time.Minute, 8 * time.Minute},
		{10, 10 * time.Second, 8 * time.Second},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%T %v", tt.expiresIn, tt.expiresIn), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tributary.AuthAppOnly, numbered(tt.expiresIn))
			one := b.get(t, graph)
			if got := one.Expires.Sub(b.clock.now()); got != tt.life {
				t.Errorf("expires after %v, want %v", got, tt.life)
			}
			b.clock.add(tt.renewed - time.Millisecond)
			if again := b.get(t, graph); again.Value.Reveal() != one.Value.Reveal() {
				t.Error("renewed too early")
			}
			b.clock.add(time.Millisecond)
			if again := b.get(t, graph); again.Value.Reveal() == one.Value.Reveal() {
				t.Error("not renewed in time")
			}
			if n := b.fake.log.count("POST " + v2token); n != 2 {
				t.Errorf("%d requests, want 2: %v", n, b.fake.log.all())
			}
		})
	}
}

func TestTokenPerAPI(t *testing.T) {
	t.Parallel()
	var scopes sync.Map
	b := newBench(t, tributary.AuthAppOnly, func(path string, form url.Values) reply {
		scope, _, _ := strings.Cut(form.Get("scope"), " ") // MSAL adds openid and others behind it
		scopes.Store(scope, true)
		return numbered(3599)(path, form)
	})
	b.get(t, graph)
	b.get(t, mde)
	b.get(t, graph)
	b.get(t, "https://contoso.com/")
	for _, want := range []string{graph + "/.default", mde + "/.default", "https://contoso.com//.default"} {
		if _, ok := scopes.Load(want); !ok {
			t.Errorf("no request for scope %s", want)
		}
	}
	if n := b.fake.log.count("POST"); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// The endpoints are known: nothing but the token is asked for, so a login
// address may stand anywhere, with a path too.
func TestAppOnlyAsksNothingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t, tributary.AuthAppOnly, numbered(3599))
	b.fake.prefix = "/lab/login"
	b.get(t, graph)
	if got := b.fake.log.all(); len(got) != 1 || got[0] != "POST "+v2token+" client_credentials" {
		t.Errorf("requests: %v", got)
	}
}

func TestOneRequestForManyCallers(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	answer := numbered(3599)
	b := newBench(t, tributary.AuthAppOnly, func(path string, form url.Values) reply {
		<-gate
		return answer(path, form)
	})
	var ready, done sync.WaitGroup
	for range 40 {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			if _, err := b.Token(t.Context(), b.tenant, graph); err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
	if n := b.fake.log.count("POST"); n != 1 {
		t.Errorf("%d requests for one token", n)
	}
}

// A caller who gives up is answered at once, and takes nothing from the others.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	gate, asked := make(chan struct{}), make(chan struct{}, 1)
	answer := numbered(3599)
	b := newBench(t, tributary.AuthAppOnly, func(path string, form url.Values) reply {
		asked <- struct{}{}
		<-gate
		return answer(path, form)
	})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := b.Token(ctx, b.tenant, graph)
		gone <- err
	}()
	<-asked
	cancel()
	err := <-gone
	if !errors.Is(err, context.Canceled) || tributary.AsError(err).Fix != tributary.FixRetry {
		t.Errorf("the caller who gave up got %v", err)
	}
	close(gate)
	b.get(t, graph)
	if n := b.fake.log.count("POST"); n != 1 {
		t.Errorf("%d requests: the first one was lost", n)
	}
}

func TestRejectedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t, tributary.AuthAppOnly, numbered(3599))
	one := b.get(t, graph)
	b.Reject(b.tenant, graph, one)
	two := b.get(t, graph)
	if two.Value.Reveal() == one.Value.Reveal() {
		t.Fatal("the rejected token came back")
	}
	b.Reject(b.tenant, graph, one) // a late report about the old one
	if three := b.get(t, graph); three.Value.Reveal() != two.Value.Reveal() {
		t.Error("a good token was dropped for an old one's sake")
	}
}

func TestRefusalIsRemembered(t *testing.T) {
	t.Parallel()
	var good atomic.Bool
	b := newBench(t, tributary.AuthAppOnly, func(path string, form url.Values) reply {
		if good.Load() || form.Get("client_secret") == "another secret" {
			return numbered(3599)(path, form)
		}
		return errorReply(401, "invalid_client", "", "AADSTS7000215: Invalid client secret provided.", 7000215)
	})
	asked := func() int { return b.fake.log.count("POST") }
	e := b.refused(t, graph)
	if e.Code != tributary.CodeCredential || e.Fix != tributary.FixMSSP {
		t.Errorf("classified as %s, %s", e.Code, e.Fix)
	}
	b.refused(t, graph)
	b.refused(t, mde) // a wrong secret is wrong for every API
	if asked() != 1 {
		t.Fatalf("%d requests, want 1", asked())
	}
	for i, wait := range waits {
		b.clock.add(wait - time.Second)
		b.refused(t, graph)
		if asked() != i+1 {
			t.Fatalf("asked again before %v had passed", wait)
		}
		b.clock.add(time.Second)
		b.refused(t, graph)
		if asked() != i+2 {
			t.Fatalf("not asked again after %v", wait)
		}
	}
	b.Forget(b.tenant)
	b.refused(t, graph)
	if asked() != len(waits)+2 {
		t.Error("forgetting a tenant didn't let it be asked again")
	}

	// A success clears the row: the next refusal begins with the short wait.
	good.Store(true)
	b.clock.add(waits[0])
	one := b.get(t, graph)
	good.Store(false)
	b.Reject(b.tenant, graph, one)
	b.refused(t, graph)
	n := asked()
	b.clock.add(waits[0])
	b.refused(t, graph)
	if asked() != n+1 {
		t.Error("after a success the first wait isn't the short one")
	}

	b.app.ClientSecret = tributary.NewSecret("another secret")
	b.get(t, graph) // a changed secret is tried at once
}

// What one API is refused for doesn't stop another.
func TestRefusalOfOneAPI(t *testing.T) {
	t.Parallel()
	b := newBench(t, tributary.AuthAppOnly, func(path string, form url.Values) reply {
		if strings.HasPrefix(form.Get("scope"), mde) {
			return errorReply(400, "invalid_resource", "", "AADSTS500011: The resource principal was not found.", 500011)
		}
		return numbered(3599)(path, form)
	})
	if e := b.refused(t, mde); e.Code != CodeResource || e.Fix != tributary.FixCustomer {
		t.Errorf("classified as %s, %s", e.Code, e.Fix)
	}
	b.get(t, graph)
	b.refused(t, mde)
	if n := b.fake.log.count("POST"); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := func(s string) string { return "Mon, 23 Nov 2026 12:" + s + " GMT" }
	tests := []struct {
		name   string
		status int
		header http.Header
		after  time.Duration // what the error says
		stands time.Duration // how long nobody asks again
		code   string
	}{
		{"seconds", 429, http.Header{"Retry-After": {"17"}}, 17 * time.Second, 17 * time.Second, tributary.CodeThrottled},
		{"date by its own clock", 429, http.Header{"Retry-After": {date("40:20")}, "Date": {date("40:00")}}, 20 * time.Second, 20 * time.Second, tributary.CodeThrottled},
		{"date in the past", 429, http.Header{"Retry-After": {date("39:00")}, "Date": {date("40:00")}}, 0, throttledWait, tributary.CodeThrottled},
		{"absurd", 429, http.Header{"Retry-After": {"99999999"}}, maxAfter, maxAfter, tributary.CodeThrottled},
		{"nonsense", 429, http.Header{"Retry-After": {"soon"}}, 0, throttledWait, tributary.CodeThrottled},
		{"none", 429, nil, 0, throttledWait, tributary.CodeThrottled},
		{"fault with seconds", 503, http.Header{"Retry-After": {"5"}}, 5 * time.Second, 5 * time.Second, tributary.CodeUnavailable},
		{"fault", 500, nil, 0, 0, tributary.CodeUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tributary.AuthAppOnly, func(string, url.Values) reply {
				return reply{status: tt.status, header: tt.header, body: "<html>busy</html>"}
			})
			e := b.refused(t, graph)
			if e.Code != tt.code || e.Fix != tributary.FixRetry || e.After != tt.after {
				t.Errorf("got %s, %s, after %v", e.Code, e.Fix, e.After)
			}
			if tt.stands == 0 {
				b.refused(t, graph)
				if n := b.fake.log.count("POST"); n != 2 {
					t.Errorf("a passing fault was remembered: %d requests", n)
				}
				return
			}
			b.clock.add(tt.stands - time.Second)
			if e := b.refused(t, graph); tt.after > 0 && e.After != time.Second {
				t.Errorf("%v are left, want 1s", e.After)
			}
			if n := b.fake.log.count("POST"); n != 1 {
				t.Errorf("asked again too early: %d requests", n)
			}
			b.clock.add(time.Second)
			b.refused(t, graph)
			if n := b.fake.log.count("POST"); n != 2 {
				t.Errorf("not asked again: %d requests", n)
			}
		})
	}
}

func TestUnknownTenant(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		lookup reply // what the tenant's configuration gives
		code   string
	}{
		{"not there", errorReply(400, "invalid_tenant", "", "AADSTS90002: Tenant not found.", 90002), tributary.CodeTenantUnknown},
		{"there", reply{body: map[string]any{"issuer": "https://sts.windows.net/" + tenantID + "/", "token_endpoint": "x"}}, CodeRequest},
		{"no such page", reply{status: 404, body: "nothing"}, CodeRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tributary.AuthAppOnly, func(path string, _ url.Values) reply {
				if strings.HasSuffix(path, "openid-configuration") {
					return tt.lookup
				}
				return errorReply(400, "invalid_request", "", "AADSTS90002: Tenant not found.", 90002)
			})
			e := b.refused(t, graph)
			if e.Code != tt.code || !strings.Contains(e.Error(), "no such tenant in this cloud") {
				t.Errorf("got %s: %v", e.Code, e)
			}
		})
	}
}

func TestTokenOfAnotherTenant(t *testing.T) {
	t.Parallel()
	for _, auth := range []tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated} {
		b := newBench(t, auth, func(string, url.Values) reply {
			return reply{body: map[string]any{"expires_in": 3599, "token_type": "Bearer", "refresh_token": "refresh-2", "access_token": unsigned(map[string]any{"tid": otherID})}}
		})
		b.grants.set("contoso", tributary.Grant{RefreshToken: tributary.NewSecret("refresh-1"), ClientID: clientID})
		e := b.refused(t, graph)
		if e.Code != CodeWrongTenant || !strings.Contains(e.Error(), otherID) {
			t.Errorf("%s: got %s: %v", auth, e.Code, e)
		}
		if b.fake.log.count("stored") != 0 {
			t.Errorf("%s: its refresh token was stored", auth)
		}
	}
}

// Microsoft calls access tokens opaque: one that can't be read is as good.
func TestOpaqueToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, tributary.AuthAppOnly, func(string, url.Values) reply {
		return reply{body: map[string]any{"expires_in": 3599, "token_type": "Bearer", "access_token": "opaque"}}
	})
	if tok := b.get(t, graph); tok.Value.Reveal() != "opaque" {
		t.Error("another token")
	}
}

// A redirect of the token request would carry the secret to another host.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	t.Cleanup(elsewhere.Close)
	for _, auth := range []tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated} {
		b := newBench(t, auth, func(string, url.Values) reply {
			return reply{status: 307, header: http.Header{"Location": {elsewhere.URL}}, body: ""}
		})
		b.grants.set("contoso", tributary.Grant{RefreshToken: tributary.NewSecret("refresh-1"), ClientID: clientID})
		if e := b.refused(t, graph); e.Code != CodeSettings || !strings.Contains(e.Error(), "redirect") {
			t.Errorf("%s: %v", auth, e)
		}
	}
	if reached.Load() {
		t.Error("the redirect was followed")
	}
}
