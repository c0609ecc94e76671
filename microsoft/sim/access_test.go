package sim_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
)

func TestTokensAreChecked(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Alerts: 20, Seed: 1, Still: true})
	mine, provider := l.Tenants()[0].ID, l.Provider().TenantID
	l.Consent(provider, l.App().ClientID)
	for _, source := range sources {
		address := l.address(source, "")
		l.refused(l.send(address, "", nil), http.StatusUnauthorized, "")
		l.refused(l.send(address, "rubbish", nil), http.StatusUnauthorized, "")
		for _, wrong := range sources {
			if l.Cloud().Resource(wrong) == l.Cloud().Resource(source) {
				continue
			}
			a := l.send(address, l.token(mine, l.Cloud().Resource(wrong)), nil)
			l.refused(a, http.StatusUnauthorized, "Invalid audience")
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s: WWW-Authenticate %q", source, a.header.Get("WWW-Authenticate"))
			}
		}
		l.refused(l.askOf(provider, source, ""), http.StatusForbidden, "Account is not provisioned")
		good := l.token(mine, l.Cloud().Resource(source))
		if a := l.send(address, good, nil); a.status != http.StatusOK || len(a.header.Get("request-id")) != 36 {
			t.Errorf("%s: a good token: %d %.200s", source, a.status, a.body)
		}
		l.Identity().ExpireTokens(mine)
		l.refused(l.send(address, good, nil), http.StatusUnauthorized, "expired")
		l.mu.Lock()
		clear(l.tokens)
		l.mu.Unlock()
	}
}

func TestTokensRunOutByTheClock(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 20, Seed: 1, Still: true, TokenLifetime: 10 * time.Minute})
	token := l.token(l.Tenants()[0].ID, "https://graph.microsoft.com")
	l.clock.advance(9 * time.Minute)
	if a := l.send(l.address(graph, ""), token, nil); a.status != http.StatusOK {
		t.Errorf("after nine minutes: %d", a.status)
	}
	l.clock.advance(2 * time.Minute)
	l.refused(l.send(l.address(graph, ""), token, nil), http.StatusUnauthorized, "expired")
}

// TestConsentIsNeeded has an application that the tenant knows but that was
// granted nothing: it gets a token, and the API turns it away.
func TestConsentIsNeeded(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 20, Seed: 1, Still: true})
	mine := l.Tenants()[0].ID
	l.Identity().RevokeConsent(mine, l.App().ClientID)
	// A person's consent installs the application; it grants no roles to it.
	bare := l.askOfBare(mine)
	l.refused(bare[graph], http.StatusForbidden, "Missing application roles. API required roles: SecurityAlert.Read.All,SecurityAlert.ReadWrite.All,SecurityIncident.Read.All,SecurityIncident.ReadWrite.All, application roles: .")
	l.refused(bare[endpoint], http.StatusForbidden, "Missing application roles. API required roles: Alert.Read.All,Alert.ReadWrite.All, application roles: .")
	if !strings.Contains(string(bare[graph].body), `"code":"Forbidden"`) || !strings.Contains(string(bare[graph].body), `"innerError"`) {
		t.Errorf("%s", bare[graph].body)
	}
}

// askOfBare signs the analyst in, so that the application is in the tenant, and
// asks Graph and Defender with tokens of the application's own.
func (l *lab) askOfBare(tenantID string) map[tributary.Source]answer {
	l.Helper()
	l.delegated(tenantID, "https://graph.windows.net")
	out := map[tributary.Source]answer{}
	for _, source := range []tributary.Source{graph, endpoint} {
		out[source] = l.askOf(tenantID, source, "")
	}
	return out
}

// delegated signs the tenant's administrator in by the v1 code flow, as
// Microsoft's MSSP procedure does, and returns the access token.
func (l *lab) delegated(tenantID, resource string) string {
	l.Helper()
	redirect := "https://" + l.Provider().Domain + "/SiemMsspConnector"
	q := url.Values{"client_id": {l.App().ClientID}, "response_type": {"code"}, "redirect_uri": {redirect}, "resource": {resource}, "prompt": {"select_account"}, "state": {"s"}}
	final, err := l.Admin(tenantID).Visit(l.Context(), l.URL()+"/"+tenantID+"/oauth2/authorize?"+q.Encode())
	if err != nil {
		l.Fatal(err)
	}
	_, body := l.post(l.URL()+"/"+tenantID+"/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {l.App().ClientID}, "client_secret": {l.App().ClientSecret.Reveal()},
		"code": {final.Query().Get("code")}, "redirect_uri": {redirect}, "resource": {resource},
	})
	var answer struct {
		Token   string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Token == "" || answer.Refresh == "" {
		l.Fatalf("tokens: %s", body)
	}
	return answer.Token
}

func TestAPersonsTokenOpensTheAPIs(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 40, Seed: 1, Still: true})
	mine := l.Tenants()[0].ID
	for _, source := range sources {
		if p := l.page(l.send(l.address(source, ""), l.delegated(mine, l.Cloud().Resource(source)), nil)); source != siem && len(p.Value) == 0 {
			t.Errorf("%s: nothing", source)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Seed: 1})
	for _, path := range []string{"/graph/v1.0/security/incidents", "/mde/api/machines", "/xdr/api/incidents", "/siem/api/alert"} {
		a := l.send(l.URL()+path, "", nil)
		l.refused(a, http.StatusNotFound, "not found")
		if !json.Valid(a.body) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, l.address(graph, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET" {
		t.Errorf("DELETE: %s, Allow %q", resp.Status, resp.Header.Get("Allow"))
	}
}

func TestAnswersAreCompressedOnlyForThoseWhoTakeIt(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 200, Seed: 1, Still: true})
	token := l.token(l.Tenants()[0].ID, "https://graph.microsoft.com")
	plain := l.send(l.address(graph, ""), token, http.Header{"Accept-Encoding": {"identity"}})
	packed := l.send(l.address(graph, ""), token, http.Header{"Accept-Encoding": {"gzip"}})
	if plain.header.Get("Content-Encoding") != "" || packed.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("encodings %q and %q", plain.header.Get("Content-Encoding"), packed.header.Get("Content-Encoding"))
	}
	if len(packed.body)*3 > len(plain.body) {
		t.Errorf("%d bytes became %d", len(plain.body), len(packed.body))
	}
	if unpacked := l.send(l.address(graph, ""), token, nil); string(unpacked.body) != string(plain.body) {
		t.Error("the body differs when it was compressed on the way")
	}
}

func TestCertificateCredential(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Seed: 1})
	app, err := l.AppWithCertificate()
	if err != nil {
		t.Fatal(err)
	}
	pem := app.Certificate.Reveal()
	if !strings.Contains(pem, "BEGIN CERTIFICATE") || !strings.Contains(pem, "BEGIN PRIVATE KEY") || !app.ClientSecret.IsZero() {
		t.Errorf("the application's credential is incomplete")
	}
	again, err := l.AppWithCertificate()
	if err != nil || again.Certificate.Reveal() != pem {
		t.Errorf("a second call made another certificate (%v)", err)
	}
	l.ask(graph, "") // the secret still works
}
