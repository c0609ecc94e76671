package entra

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim/identity"
)

// lab is the simulated Entra on a TLS socket with one customer, and a Client
// for it.
type lab struct {
	*Client
	sim    *identity.Server
	http   *http.Client
	cloud  tributary.Cloud
	app    tributary.App
	grants *memory
	clock  *clock
	tenant tributary.Tenant
	fail   atomic.Pointer[identity.Error]
}

const (
	simMSSP    = "00000000-1111-2222-3333-444444444444"
	simAdmin   = "admin@contoso.example"
	simGuest   = "anna@fabrikam.example"
	simPublic  = "cccccccc-bbbb-cccc-dddd-eeeeeeeeeeee"
	simPass    = "correct horse battery"
	msspReturn = "https://SiemMsspConnector"
)

func newLab(t *testing.T, auth tributary.AuthMethod) *lab {
	t.Helper()
	_, cert := keyPair()
	l := &lab{grants: newMemory(&journal{}), clock: newClock()}
	permissions := map[string][]string{graph: {"SecurityAlert.Read.All"}, siem: {"User.Read"}, mde: {"Alert.Read"}}
	var err error
	l.sim, err = identity.New(identity.Options{
		Tenants: []identity.Tenant{
			{ID: simMSSP, Domain: "fabrikam.example", DisplayName: "Fabrikam"},
			{ID: tenantID, Domain: "contoso.example", DisplayName: "Contoso"},
		},
		Users: []identity.User{
			{TenantID: simMSSP, Name: simGuest, Password: simPass},
			{TenantID: tenantID, Name: simGuest},
			{TenantID: tenantID, Name: simAdmin, Password: simPass, Admin: true},
		},
		Apps: []identity.App{
			{
				ClientID: clientID, DisplayName: "Connector", HomeTenant: simMSSP, MultiTenant: true,
				Secrets: []string{testSecret}, Certificates: []*x509.Certificate{cert},
				RedirectURIs: []string{"http://localhost", msspReturn, "https://mssp.example/consent"},
				Roles:        map[string][]string{graph: {"SecurityAlert.Read.All"}, mde: {"Alert.Read.All"}}, Scopes: permissions,
			},
			{
				ClientID: simPublic, DisplayName: "Command line", HomeTenant: simMSSP, MultiTenant: true, Public: true,
				RedirectURIs: []string{"http://localhost"}, Scopes: permissions,
			},
		},
		TokenLifetime: time.Hour,
		Fail:          func(string, *http.Request) *identity.Error { return l.fail.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewTLSServer(l.sim)
	t.Cleanup(srv.Close)
	if err := l.sim.SetBaseURL(srv.URL); err != nil {
		t.Fatal(err)
	}
	l.http = srv.Client()
	l.cloud = tributary.Cloud{Name: "lab", Login: srv.URL}
	l.app = tributary.App{ClientID: clientID, ClientSecret: tributary.NewSecret(testSecret)}
	l.tenant = tributary.Tenant{Slug: "contoso", ID: tenantID, Auth: auth, Sources: []tributary.Source{tributary.SourceGraph}}
	l.Client = New(Config{
		Cloud:  func(tributary.Tenant) (tributary.Cloud, *http.Client, error) { return l.cloud, l.http, nil },
		App:    func(tributary.Tenant) (tributary.App, error) { return l.app, nil },
		Grants: l.grants, Now: l.clock.now, Log: slog.New(slog.DiscardHandler),
	})
	return l
}

func (l *lab) browser(user string) identity.Browser {
	return identity.Browser{Client: l.http, User: user, Password: simPass}
}

// ask is a sign-in by that person's browser.
func (l *lab) ask(t *testing.T, b identity.Browser) SignInRequest {
	return SignInRequest{
		Tenant: l.tenant, App: l.app, Cloud: l.cloud, Client: l.http, Resource: graph, Now: l.clock.now, Log: slog.New(slog.DiscardHandler),
		Open: func(address string) error {
			_, err := b.Visit(t.Context(), address)
			if err != nil && strings.Contains(err.Error(), "400") {
				return nil // the page of a sign-in that failed: the error itself is what is tested
			}
			return err
		},
	}
}

func (l *lab) want(t *testing.T, resource string) tributary.AccessToken {
	t.Helper()
	tok, err := l.Token(t.Context(), l.tenant, resource)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.sim.Verify(tok.Value.Reveal()); err != nil {
		t.Fatalf("an API wouldn't take the token: %v", err)
	}
	return tok
}

func (l *lab) wantRefused(t *testing.T, code string, fix tributary.Fixer, says string) {
	t.Helper()
	_, err := l.Token(t.Context(), l.tenant, graph)
	e := tributary.AsError(err)
	if e == nil || e.Code != code || e.Fix != fix || !strings.Contains(e.Error(), says) {
		t.Fatalf("got %v, want %s, %s, %q", err, code, fix, says)
	}
}

func TestSimAppOnly(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"secret", "certificate"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tributary.AuthAppOnly)
			if by == "certificate" {
				pemText, _ := keyPair()
				l.app = tributary.App{ClientID: clientID, Certificate: tributary.NewSecret(pemText)}
			}
			l.wantRefused(t, tributary.CodeConsentMissing, tributary.FixCustomer, "AADSTS700016")

			// The customer's administrator opens the link that we mail.
			final, err := l.browser(simAdmin).Visit(t.Context(), AdminConsentURL(l.cloud, tenantID, l.app, "https://mssp.example/consent", "the state"))
			if err != nil {
				t.Fatal(err)
			}
			if err := ReadConsent(final.Query(), "the state"); err != nil {
				t.Fatal(err)
			}
			l.Forget(l.tenant)
			tok := l.want(t, graph)
			claims, err := ReadClaims(tok.Value)
			if err != nil {
				t.Fatal(err)
			}
			if claims.TenantID != tenantID || len(claims.Roles) != 1 || claims.Roles[0] != "SecurityAlert.Read.All" || claims.AppID != clientID || claims.Account != "" {
				t.Errorf("claims %+v", claims)
			}
			if got := tok.Expires.Sub(l.clock.now()); got != time.Hour {
				t.Errorf("expires after %v", got)
			}
			l.want(t, mde)
			l.sim.ExpireTokens(tenantID)
			l.Reject(l.tenant, graph, tok)
			l.want(t, graph)
		})
	}
}

// The administrator sits at this machine: the browser comes back to us.
func TestSimAdminConsent(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	if err := AdminConsent(t.Context(), l.ask(t, l.browser(simAdmin))); err != nil {
		t.Fatal(err)
	}
	l.want(t, graph)

	l = newLab(t, tributary.AuthAppOnly)
	b := l.browser(simAdmin)
	b.Decline = true
	err := AdminConsent(t.Context(), l.ask(t, b))
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeConsentMissing || e.Fix != tributary.FixCustomer || e.Tenant != "contoso" {
		t.Errorf("declined: %v", err)
	}
}

func TestAdminConsentRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.back = func(string) url.Values { return url.Values{"admin_consent": {"True"}, "state": {"forged"}} }
	err := AdminConsent(t.Context(), d.req)
	<-d.done
	if e := tributary.AsError(err); e == nil || e.Code != CodeRequest || e.Tenant != "contoso" || !strings.Contains(d.page, "Consent not given") {
		t.Errorf("forged: %v; the page: %s", err, d.page)
	}
	for name, change := range map[string]func(*SignInRequest){
		"nobody listens": func(r *SignInRequest) { r.RedirectURI = msspReturn },
		"no client id":   func(r *SignInRequest) { r.App.ClientID = "" },
		"no Open":        func(r *SignInRequest) { r.Open = nil },
	} {
		d := newDesk(t)
		change(&d.req)
		if e := tributary.AsError(AdminConsent(t.Context(), d.req)); e == nil || e.Code != CodeSettings || e.Tenant != "contoso" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestSimConsentDeclined(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	b := l.browser(simAdmin)
	b.Decline = true
	final, err := b.Visit(t.Context(), AdminConsentURL(l.cloud, tenantID, l.app, "https://mssp.example/consent", "s"))
	if err != nil {
		t.Fatal(err)
	}
	if e := tributary.AsError(ReadConsent(final.Query(), "s")); e == nil || e.Code != tributary.CodeConsentMissing || e.Fix != tributary.FixCustomer {
		t.Errorf("got %+v", e)
	}

	l = newLab(t, tributary.AuthDelegated)
	b = l.browser(simAdmin)
	b.Decline = true
	_, _, err = SignIn(t.Context(), l.ask(t, b))
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeConsentMissing || e.Fix != tributary.FixCustomer || !strings.Contains(err.Error(), "declined") {
		t.Errorf("got %v", err)
	}
}

func TestSimDelegated(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*lab, *SignInRequest){
		"v2": func(*lab, *SignInRequest) {},
		"v1": func(_ *lab, r *SignInRequest) { r.V1, r.Resource = true, siem },
		"certificate": func(l *lab, r *SignInRequest) {
			pemText, _ := keyPair()
			l.app = tributary.App{ClientID: clientID, Certificate: tributary.NewSecret(pemText)}
			r.App = l.app
		},
		"v1 certificate": func(l *lab, r *SignInRequest) {
			pemText, _ := keyPair()
			l.app = tributary.App{ClientID: clientID, Certificate: tributary.NewSecret(pemText)}
			r.App, r.V1, r.Resource = l.app, true, siem
		},
		"public": func(l *lab, r *SignInRequest) {
			l.app = tributary.App{ClientID: simPublic}
			r.App = l.app
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tributary.AuthDelegated)
			if strings.Contains(name, "certificate") {
				// golang-jwt checks the assertion's time by the server's clock.
				l.clock.at = time.Now()
			}
			r := l.ask(t, l.browser(simAdmin))
			change(l, &r)
			g, first, err := SignIn(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.sim.Verify(first.Value.Reveal()); err != nil {
				t.Errorf("the first token: %v", err)
			}
			if !strings.EqualFold(g.Account, simAdmin) || g.V1 != r.V1 || g.ClientID != l.app.ClientID {
				t.Errorf("grant %+v", g)
			}
			l.grants.set("contoso", g)
			tok := l.want(t, r.Resource)
			l.want(t, mde) // the refresh token is good for another API
			after, _, err := l.grants.Grant(t.Context(), "contoso")
			if err != nil {
				t.Fatal(err)
			}
			if after.RefreshToken.Reveal() == g.RefreshToken.Reveal() || after.Previous.IsZero() {
				t.Error("the refresh token was not rotated")
			}

			// The simulated Entra ends the grant; a person signs in again.
			l.sim.RevokeGrants(tenantID)
			l.Reject(l.tenant, r.Resource, tok)
			_, err = l.Token(t.Context(), l.tenant, r.Resource)
			if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeSignInAgain {
				t.Fatalf("after revocation: %v", err)
			}
			if g, _, err = SignIn(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			l.grants.set("contoso", g)
			l.want(t, r.Resource)
		})
	}
}

// The way of Microsoft's MSSP procedure: the provider's person, a guest of the
// customer, ends at an address where nobody listens, and copies it.
func TestSimPaste(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthDelegated)
	r := l.ask(t, l.browser(simGuest))
	r.V1, r.Resource, r.RedirectURI = true, siem, msspReturn
	l.sim.Consent(tenantID, clientID)
	var ended *url.URL
	r.Open = func(address string) (err error) {
		ended, err = l.browser(simGuest).Visit(t.Context(), address)
		return err
	}
	r.Paste = func(context.Context) (string, error) { return ended.String(), nil }
	g, tok, err := SignIn(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := ReadClaims(tok.Value)
	if err != nil || claims.TenantID != tenantID || claims.Audience == "" {
		t.Errorf("claims %+v, %v", claims, err)
	}
	if !strings.EqualFold(g.Account, simGuest) {
		t.Errorf("account %q", g.Account)
	}
}

// quickPolls makes the device code's interval a second, so that the test isn't
// slow.
type quickPolls struct{ http.RoundTripper }

func (q quickPolls) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := q.RoundTripper.RoundTrip(req)
	if err != nil || !strings.HasSuffix(req.URL.Path, "/devicecode") {
		return resp, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	body = bytes.Replace(body, []byte(`"interval":5`), []byte(`"interval":1`), 1)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

func TestSimDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthDelegated)
	l.app = tributary.App{ClientID: simPublic}
	r := l.ask(t, l.browser(simAdmin))
	r.Client = &http.Client{Transport: quickPolls{l.http.Transport}}
	g, _, err := DeviceSignIn(t.Context(), r, func(code, address, _ string) {
		b := l.browser(simAdmin)
		b.Code = code
		if _, err := b.Visit(t.Context(), address); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !g.Public {
		t.Error("not marked as a public client's")
	}
	l.grants.set("contoso", g)
	l.want(t, graph)
}

func TestSimDiscover(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	for _, ask := range []string{"contoso.example", "CONTOSO.example", tenantID} {
		d, err := Discover(t.Context(), l.cloud, l.http, ask)
		if err != nil || d.TenantID != tenantID {
			t.Errorf("%s: %+v, %v", ask, d, err)
		}
	}
	_, err := Discover(t.Context(), l.cloud, l.http, "nosuch.example")
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeTenantUnknown {
		t.Errorf("got %v", err)
	}
	l.tenant.ID = otherID
	l.wantRefused(t, tributary.CodeTenantUnknown, tributary.FixMSSP, "no such tenant")
}

func TestSimRefusals(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	l.sim.Consent(tenantID, clientID)
	good := l.app
	l.app.ClientSecret = tributary.NewSecret("not the secret")
	l.wantRefused(t, tributary.CodeCredential, tributary.FixMSSP, "the client secret is wrong")
	l.app = tributary.App{ClientID: otherID, ClientSecret: good.ClientSecret}
	l.wantRefused(t, tributary.CodeConsentMissing, tributary.FixCustomer, "isn't known in the customer's tenant")
	l.app = good

	l.fail.Store(identity.Plain(http.StatusTooManyRequests, "slow down", 9*time.Second))
	l.wantRefused(t, tributary.CodeThrottled, tributary.FixRetry, "slow down")
	l.fail.Store(nil)
	l.wantRefused(t, tributary.CodeThrottled, tributary.FixRetry, "slow down") // it asked for 9 seconds
	l.clock.add(9 * time.Second)
	l.want(t, graph)

	l.clock.add(time.Hour)
	l.fail.Store(identity.Plain(http.StatusBadGateway, "bad gateway", 0))
	l.wantRefused(t, tributary.CodeUnavailable, tributary.FixRetry, "HTTP 502")
	l.fail.Store(identity.AADSTS(53003))
	_, err := l.Token(t.Context(), l.tenant, graph)
	if e := tributary.AsError(err); e == nil || e.Fix == tributary.FixRetry || !strings.Contains(err.Error(), "Conditional Access") {
		t.Errorf("got %v", err)
	}
}
