package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/entra"
	"tributary/microsoft/sim"
	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/partner"
)

// consoleID is a public application that signs administrators in, as
// Microsoft's own command line tools are.
const consoleID = "cccccccc-0000-4000-8000-000000000001"

// lab is the simulated Microsoft, with people who administer its directories.
type lab struct {
	*testing.T
	*sim.Server
	logs *syncBuffer
}

func newLab(t *testing.T, o sim.Options) *lab {
	t.Helper()
	o.Seed, o.Still = 1, true
	s, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	all := []Task{TaskRegister, TaskGrant, TaskShow, TaskGranted, TaskTenant, TaskPartner}
	err = s.Identity().AddApp(identity.App{
		ClientID: consoleID, DisplayName: "Command line", HomeTenant: s.Provider().TenantID, MultiTenant: true, Public: true,
		RedirectURIs: []string{"http://localhost"},
		Scopes:       map[string][]string{"https://graph.microsoft.com": ScopesFor(all...), partner.Audience: {"user_impersonation"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &lab{T: t, Server: s, logs: &syncBuffer{}}
}

// signedIn is a client for a directory where somebody has signed in who may do
// these tasks.
func (l *lab) signedIn(tenantID string, b identity.Browser, tasks ...Task) *Client {
	l.Helper()
	keep := map[string]tributary.AccessToken{}
	signIn := func(resource string, scopes []string) {
		_, token, err := entra.SignIn(l.Context(), entra.SignInRequest{
			Tenant: tributary.Tenant{Slug: "directory", ID: tenantID}, App: tributary.App{ClientID: consoleID}, Cloud: l.Cloud(), Client: l.Client(),
			Resource: resource, Scopes: scopes, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Open: func(address string) error {
				go func() { _, _ = b.Visit(l.Context(), address) }()
				return nil
			},
		})
		if err != nil {
			l.Fatalf("%s signs in: %v", b.User, err)
		}
		keep[resource] = token
	}
	if len(tasks) > 0 {
		scopes := ScopesFor(tasks...)
		for i := range scopes {
			scopes[i] = "https://graph.microsoft.com/" + scopes[i]
		}
		signIn("https://graph.microsoft.com", scopes)
	} else {
		signIn(PartnerCenterResource, []string{PartnerCenterResource + "/user_impersonation"})
	}
	return New(Config{
		Cloud: l.Cloud(), Client: l.Client(), Tenant: "fabrikam", PartnerCenter: l.PartnerURL(),
		Token: func(_ context.Context, resource string) (tributary.AccessToken, error) {
			if token, ok := keep[resource]; ok {
				return token, nil
			}
			return tributary.AccessToken{}, fmt.Errorf("nobody signed in for %s", resource)
		},
		Log:      slog.New(slog.NewTextHandler(l.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		patience: patience{retry: time.Millisecond, answer: 20 * time.Second, after: time.Second, settle: 10 * time.Millisecond},
	})
}

// opens reports whether an application gets a token for a source in a tenant,
// as the program does, with a permission inside.
func (l *lab) opens(ctx context.Context, app tributary.App, tenantID string, source tributary.Source, permission string) error {
	client := entra.New(entra.Config{
		Cloud: func(tributary.Tenant) (tributary.Cloud, *http.Client, error) { return l.Cloud(), l.Client(), nil },
		App:   func(tributary.Tenant) (tributary.App, error) { return app, nil },
		Log:   slog.New(slog.DiscardHandler),
	})
	token, err := client.Token(ctx, tributary.Tenant{Slug: "contoso", ID: tenantID, Auth: tributary.AuthAppOnly}, l.Cloud().Resource(source))
	if err != nil {
		return err
	}
	claims, err := entra.ReadClaims(token.Value)
	if err != nil {
		return err
	}
	if !slices.Contains(claims.Roles, permission) {
		return fmt.Errorf("the token has %v", claims.Roles)
	}
	return nil
}

// TestSimOneForMany: the provider registers, a customer consents, the
// credential is renewed, against a directory that is slow to spread things.
func TestSimOneForMany(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 2, DirectoryLag: 30 * time.Millisecond, CredentialDelay: 400 * time.Millisecond})
	home, customer, other := l.Provider().TenantID, l.Tenants()[0].ID, l.Tenants()[1].ID
	c := l.signedIn(home, l.Analyst(), TaskRegister, TaskGrant, TaskShow)
	r := Registration{
		Mark: mark, DisplayName: "Alerts for the SIEM", MultiTenant: true, RedirectURIs: []string{fabrikamURI, "http://localhost"},
		Sources: []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint, tributary.SourceSIEM}, Auth: tributary.AuthAppOnly,
		Certificate: testCertificate().X509, Grant: true,
	}
	done, err := c.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Register(t.Context(), r)
	if err != nil || again.Created || again.AppID != done.AppID || again.Credential.KeyID != done.Credential.KeyID {
		t.Errorf("once more: %+v, %v", again, err)
	}
	app := tributary.App{ClientID: done.AppID, Certificate: testCertificate().PEM}
	if err := l.opens(t.Context(), app, customer, tributary.SourceGraph, "SecurityAlert.Read.All"); err == nil {
		t.Error("a customer's directory is open before anybody consented")
	}
	l.Consent(customer, done.AppID)
	until := func(what string, ok func() error) {
		t.Helper()
		for range 200 {
			if err = ok(); err == nil {
				return
			}
			if !wait(t.Context(), 5*time.Millisecond) {
				break
			}
		}
		t.Errorf("%s: %v", what, err)
	}
	until("the customer's alerts", func() error {
		return l.opens(t.Context(), app, customer, tributary.SourceGraph, "SecurityAlert.Read.All")
	})
	if err := l.opens(t.Context(), app, customer, tributary.SourceEndpoint, "Alert.Read.All"); err != nil {
		t.Error(err)
	}
	// A customer's administrator sees what was granted.
	needs, err := Needs(r.Sources, r.Auth)
	if err != nil {
		t.Fatal(err)
	}
	there := l.signedIn(customer, l.Admin("contoso"), TaskGranted)
	until("what is granted", func() error {
		granted, err := there.Granted(t.Context(), done.AppID)
		if err == nil && (len(granted.Lacks(needs)) != 0 || granted.Home != home || !granted.Enabled) {
			err = fmt.Errorf("granted %+v", granted)
		}
		return err
	})
	org, err := there.Organization(t.Context())
	if err != nil || org.TenantID != customer || org.Name != "Contoso" || org.DefaultDomain() != "contoso.com" {
		t.Errorf("%+v, %v", org, err)
	}
	_, err = l.signedIn(other, l.Admin("fabrikam"), TaskGranted).Granted(t.Context(), done.AppID)
	if !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("a customer who hasn't consented: %v", err)
	}

	proofs := 0
	next := otherCertificate()
	rotated, err := c.Rotate(t.Context(), Rotation{
		AppID: done.AppID, Mark: mark, Current: app, Certificate: &next, Keep: func(context.Context, Pending) error { return nil },
		Prove: func(ctx context.Context, app tributary.App) error {
			proofs++
			return l.opens(ctx, app, customer, tributary.SourceGraph, "SecurityAlert.Read.All")
		},
	})
	if err != nil || len(rotated.Removed) != 1 || len(rotated.Left) != 0 || proofs < 2 {
		t.Fatalf("%+v after %d proofs, %v", rotated, proofs, err)
	}
	if err := l.opens(t.Context(), app, customer, tributary.SourceGraph, "SecurityAlert.Read.All"); err == nil {
		t.Error("the old certificate still opens")
	}
	shown, err := c.Show(t.Context(), done.AppID)
	if err != nil || len(shown.Credentials) != 1 || shown.Credentials[0].Thumbprint != Thumbprint(next.X509) || !slices.Equal(shown.RedirectURIs, r.RedirectURIs) {
		t.Errorf("%+v, %v", shown, err)
	}
	for _, p := range shown.Permissions {
		if p.Name == "" || p.API == "" {
			t.Errorf("a permission without its name: %+v", p)
		}
	}
	review, err := c.TakeOver(t.Context(), done.AppID, r, false)
	if err != nil || len(review.Differences) != 0 {
		t.Errorf("what we registered is not as it should be: %+v, %v", review.Differences, err)
	}
	if text := l.logs.String(); strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, "eyJ") {
		t.Errorf("the log holds a secret: %s", text)
	}
}

// TestSimSingleDirectory: the application of Microsoft's MSSP procedure, in the
// customer's own directory, with a secret.
func TestSimSingleDirectory(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 2})
	customer := l.Tenants()[0].ID
	c := l.signedIn(customer, l.Admin("contoso"), TaskRegister, TaskGrant)
	var h holder
	r := h.registration()
	r.MultiTenant, r.Customer, r.DisplayName = false, customer, ""
	done, err := c.Register(t.Context(), r)
	if err != nil || done.Name != "Contoso SIEM MSSP Connector" || h.secret.IsZero() {
		t.Fatalf("%+v, %v", done, err)
	}
	app := tributary.App{ClientID: done.AppID, ClientSecret: h.secret}
	if err := l.opens(t.Context(), app, customer, tributary.SourceGraph, "SecurityAlert.Read.All"); err != nil {
		t.Errorf("in its own directory: %v", err)
	}
	if err := l.opens(t.Context(), app, l.Tenants()[1].ID, tributary.SourceGraph, "SecurityAlert.Read.All"); err == nil {
		t.Error("it opens another directory")
	}
	_, err = l.signedIn(l.Provider().TenantID, l.Analyst(), TaskRegister).Register(t.Context(), r)
	if e := tributary.AsError(err); e == nil || e.Code != CodeSingleDirectory {
		t.Errorf("registered in the provider's directory: %v", err)
	}
	next := Rotation{
		AppID: done.AppID, Mark: mark, Current: app, Keep: func(_ context.Context, p Pending) error { h.secret = p.App.ClientSecret; return nil },
		Prove: func(ctx context.Context, app tributary.App) error {
			return l.opens(ctx, app, customer, tributary.SourceGraph, "SecurityAlert.Read.All")
		},
	}
	rotated, err := c.Rotate(t.Context(), next)
	if err != nil || len(rotated.Removed) != 1 || rotated.Removed[0].KeyID != h.keyID || len(rotated.Left) != 0 {
		t.Errorf("%+v, %v", rotated, err)
	}
	if err := l.opens(t.Context(), app, customer, tributary.SourceGraph, "SecurityAlert.Read.All"); err == nil {
		t.Error("the old secret still opens")
	}
	if _, err := c.AddFederated(t.Context(), done.AppID, workload()); err != nil {
		t.Error(err)
	}
	if _, err := c.AddFederated(t.Context(), done.AppID, workload()); err != nil {
		t.Error(err)
	}
	if all, err := c.Federated(t.Context(), done.AppID); err != nil || len(all) != 1 || all[0].Subject != workload().Subject {
		t.Errorf("%+v, %v", all, err)
	}
	if err := c.RemoveFederated(t.Context(), done.AppID, "siem-01"); err != nil {
		t.Error(err)
	}
}

// TestSimLacking: whoever may not is told what is missing.
func TestSimLacking(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{})
	home := l.Provider()
	if err := l.Identity().AddUser(identity.User{TenantID: home.TenantID, Name: "bob@" + home.Domain, Password: "Sim-bob"}); err != nil {
		t.Fatal(err)
	}
	var h holder
	_, err := l.signedIn(home.TenantID, l.Analyst(), TaskShow).Register(t.Context(), h.registration())
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeForbidden || !strings.Contains(e.Next, "consent to the permission Application.ReadWrite.All") {
		t.Errorf("without the permission: %v", err)
	}
	l.Identity().Consent(home.TenantID, consoleID)
	bob := identity.Browser{Client: l.Client(), User: "bob@" + home.Domain, Password: "Sim-bob"}
	_, err = l.signedIn(home.TenantID, bob, TaskRegister).Register(t.Context(), h.registration())
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeForbidden || !strings.Contains(e.Next, "have bob@"+home.Domain+" given the directory role") {
		t.Errorf("without the role: %v", err)
	}
	if h.kept != 0 {
		t.Error("a secret was made")
	}
}

// TestSimPartner: a partner sees its customers, consents for one of them, and
// grants there what it needs.
func TestSimPartner(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 3, GDAP: true})
	home, customer := l.Provider(), l.Tenants()[0]
	agent := identity.Browser{Client: l.Client(), User: home.Agent, Password: home.AgentPassword}
	c := l.signedIn(home.TenantID, agent, TaskPartner, TaskTenant)
	customers, err := c.DelegatedCustomers(t.Context())
	if err != nil || len(customers) != 3 || !slices.Contains(customers, Customer{customer.ID, customer.Name}) {
		t.Errorf("%+v, %v", customers, err)
	}
	relationships, err := c.DelegatedRelationships(t.Context())
	if err != nil || len(relationships) != 3 {
		t.Fatalf("%+v, %v", relationships, err)
	}
	for _, r := range relationships {
		if !r.Active() || !r.ReadsSecurity() || r.Ends.Before(time.Now()) || r.Customer.Name == "" {
			t.Errorf("%+v", r)
		}
	}
	found, err := c.TenantByDomain(t.Context(), customer.Domain)
	if err != nil || found.TenantID != customer.ID || found.Name != customer.Name {
		t.Errorf("%+v, %v", found, err)
	}
	if byID, err := c.TenantByID(t.Context(), customer.ID); err != nil || byID != found {
		t.Errorf("%+v, %v", byID, err)
	}
	_, err = c.TenantByDomain(t.Context(), "nowhere.example")
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeTenantUnknown {
		t.Errorf("an unknown domain: %v", err)
	}

	grants, err := PartnerGrants([]tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint})
	if err != nil {
		t.Fatal(err)
	}
	center := l.signedIn(home.TenantID, agent)
	app := PartnerApp{l.App().ClientID, "Alerts for the SIEM"}
	for i, want := range []bool{false, true} {
		if already, err := center.ConsentOnBehalf(t.Context(), customer.ID, app, grants); err != nil || already != want {
			t.Errorf("time %d: already %t, %v", i+1, already, err)
		}
	}
	needs, err := Needs([]tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint}, tributary.AuthDelegated)
	if err != nil {
		t.Fatal(err)
	}
	there := l.signedIn(customer.ID, l.Admin(customer.Slug), TaskGrant)
	granted, err := there.Granted(t.Context(), app.AppID)
	if err != nil || len(granted.Lacks(needs)) != 0 {
		t.Errorf("lacks %v: %+v, %v", granted.Lacks(needs), granted, err)
	}
	// The application's own permissions are another matter: an administrator's.
	if err := l.opens(t.Context(), l.App(), customer.ID, tributary.SourceGraph, "SecurityAlert.Read.All"); err == nil {
		t.Error("Partner Center gave application permissions")
	}
	if _, err := there.Provision(t.Context(), app.AppID, []tributary.Source{tributary.SourceGraph}, tributary.AuthAppOnly); err != nil {
		t.Fatal(err)
	}
	if err := l.opens(t.Context(), l.App(), customer.ID, tributary.SourceGraph, "SecurityAlert.Read.All"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := center.WithdrawOnBehalf(t.Context(), customer.ID, app); err != nil {
			t.Error(err)
		}
	}
}
