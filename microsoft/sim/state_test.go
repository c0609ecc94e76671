package sim_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary/microsoft/sim"
	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
)

// set brings a state about through the control endpoint, as another process
// does.
func (l *lab) set(body string) {
	l.Helper()
	if status, text := l.control("identity", body); status != http.StatusOK {
		l.Fatalf("%s: %d %s", body, status, text)
	}
}

func (l *lab) control(what, body string) (int, string) {
	l.Helper()
	resp, err := l.Client().Post(l.URL()+"/control/"+what, "application/json", strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	defer resp.Body.Close()
	var text json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&text); err != nil {
		l.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// appOnly asks for the application's own token of a tenant.
func (l *lab) appOnly(tenantID string) (int, string) {
	l.Helper()
	status, body := l.post(l.URL()+"/"+tenantID+"/oauth2/v2.0/token", url.Values{
		"client_id": {l.App().ClientID}, "client_secret": {l.App().ClientSecret.Reveal()},
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
	})
	return status, string(body)
}

// refreshed signs the tenant's administrator in and returns how the refresh
// token fares from then on.
func (l *lab) refreshed(tenantID string) func() (int, string) {
	l.Helper()
	const redirect = "http://localhost:9"
	q := url.Values{
		"client_id": {l.App().ClientID}, "response_type": {"code"}, "redirect_uri": {redirect}, "state": {"s"},
		"scope": {"https://graph.microsoft.com/SecurityAlert.Read.All offline_access"},
	}
	final, err := l.Admin(tenantID).Visit(l.Context(), l.URL()+"/"+tenantID+"/oauth2/v2.0/authorize?"+q.Encode())
	if err != nil {
		l.Fatal(err)
	}
	token := func(form url.Values) (int, []byte) {
		form.Set("client_id", l.App().ClientID)
		form.Set("client_secret", l.App().ClientSecret.Reveal())
		return l.post(l.URL()+"/"+tenantID+"/oauth2/v2.0/token", form)
	}
	_, body := token(url.Values{"grant_type": {"authorization_code"}, "code": {final.Query().Get("code")}, "redirect_uri": {redirect}})
	var answer struct {
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Refresh == "" {
		l.Fatalf("tokens: %s", body)
	}
	return func() (int, string) {
		status, body := token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {answer.Refresh}})
		return status, string(body)
	}
}

// TestStates brings each state about at a customer, sees what a person's and an
// application's next token request say, and undoes it where that can be.
func TestStates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name                string
		on, off             string
		person, application string // AADSTS numbers; empty: it works
	}{
		{"secret", `{"state":"secret-expired"}`, `{"state":"secret-expired","off":true}`, "7000222", "7000222"},
		{"consent", `{"state":"consent-withdrawn","tenant":"contoso"}`, `{"state":"consent-withdrawn","tenant":"contoso","off":true}`, "65001", "700016"},
		{"application", `{"state":"application-disabled","tenant":"contoso"}`, `{"state":"application-disabled","tenant":"contoso","off":true}`, "7000112", "7000112"},
		{"user", `{"state":"user-disabled","tenant":"contoso.com"}`, `{"state":"user-disabled","tenant":"contoso","off":true}`, "50057", ""},
		{"sessions", `{"state":"sessions-revoked","tenant":"contoso"}`, "", "50173", ""},
		{"delegated", `{"state":"delegated-blocked","tenant":"contoso"}`, `{"state":"delegated-blocked","tenant":"contoso","off":true}`, "53003", ""},
		{"api", `{"state":"api-missing","tenant":"contoso","api":"Microsoft Graph"}`, `{"state":"api-missing","tenant":"contoso","api":"https://graph.microsoft.com","off":true}`, "500011", "500011"},
		{"number", `{"tenant":"contoso","code":530032,"count":1,"for":"application"}`, `{"tenant":"fabrikam","code":1}`, "", "530032"},
		{"everywhere", `{"code":90033,"at":"token"}`, "", "90033", "90033"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, sim.Options{Tenants: 2, Seed: 1, Still: true})
			id, other := l.Tenants()[0].ID, l.Tenants()[1].ID
			refresh := l.refreshed(id)
			check := func(when string, person, application string) {
				t.Helper()
				for whose, ask := range map[string]func() (int, string){"a person": refresh, "an application": func() (int, string) { return l.appOnly(id) }} {
					want := person
					if whose == "an application" {
						want = application
					}
					if status, body := ask(); (want == "") != (status == http.StatusOK) || !strings.Contains(body, want) || want != "" && !strings.Contains(body, "AADSTS"+want) {
						t.Errorf("%s, %s: %d %s, want %q", when, whose, status, body, want)
					}
				}
			}
			check("before", "", "")
			l.set(tc.on)
			check("meanwhile", tc.person, tc.application)
			if tc.name != "everywhere" && tc.name != "secret" {
				if status, body := l.appOnly(other); status != http.StatusOK {
					t.Errorf("another tenant: %d %s", status, body)
				}
			}
			if tc.off != "" {
				l.set(tc.off)
				check("after", "", "")
			}
		})
	}
}

func TestSignInFrequencyState(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Seed: 1, Still: true})
	refresh := l.refreshed(l.Tenants()[0].ID)
	l.set(`{"state":"sign-in-frequency","tenant":"contoso","after":"24h"}`)
	l.clock.advance(23 * time.Hour)
	if status, body := refresh(); status != http.StatusOK {
		t.Errorf("in time: %d %s", status, body)
	}
	l.clock.advance(time.Hour)
	if status, body := refresh(); status != http.StatusBadRequest || !strings.Contains(body, "AADSTS70043") {
		t.Errorf("late: %d %s", status, body)
	}
	l.set(`{"state":"sign-in-frequency","tenant":"contoso","off":true}`)
	if status, body := refresh(); status != http.StatusOK {
		t.Errorf("without the policy: %d %s", status, body)
	}
}

// A tenant without a plan gets tokens, and no alerts.
func TestNoDefenderPlan(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Alerts: 20, Seed: 1, Still: true})
	l.set(`{"state":"no-defender","tenant":"contoso"}`)
	for _, source := range sources {
		a := l.ask(source, "")
		l.refused(a, http.StatusForbidden, "Account is not provisioned.")
		if a := l.askOf(l.Tenants()[1].ID, source, ""); a.status != http.StatusOK {
			t.Errorf("%s of another tenant: %d", source, a.status)
		}
	}
	l.set(`{"state":"no-defender","tenant":"contoso","off":true}`)
	if a := l.ask(graph, ""); a.status != http.StatusOK {
		t.Errorf("bought again: %d %s", a.status, a.body)
	}
}

func TestFromTheStart(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{
		Tenants: 3, Seed: 1, Still: true,
		Refusals: []identity.Refusal{{Tenant: "contoso", Code: 53003}},
		States:   []sim.State{{Name: sim.APIMissing, Tenant: "fabrikam", API: "Microsoft Graph"}},
	})
	for i, want := range []string{"AADSTS53003", "AADSTS500011", "access_token"} {
		if _, body := l.appOnly(l.Tenants()[i].ID); !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %s", l.Tenants()[i].Slug, body, want)
		}
	}
	for _, o := range []sim.Options{{Refusals: []identity.Refusal{{}}}, {States: []sim.State{{Name: sim.NoDefender, Tenant: "nowhere"}}}} {
		if _, err := sim.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestClockSkewState(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Seed: 1, Still: true})
	l.faults(fault.Fault{Kind: fault.ServerError, Count: 1})
	l.set(`{"state":"clock-skew","skew":"10m"}`)
	a := l.send(l.URL()+"/control/tenants", "", nil)
	at, err := http.ParseTime(a.header.Get("Date"))
	if err != nil || !at.Equal(noon.Add(10*time.Minute)) {
		t.Errorf("Date %s, %v", a.header.Get("Date"), err)
	}
	if len(l.Faults()) != 2 {
		t.Errorf("faults: %+v", l.Faults())
	}
	l.set(`{"state":"clock-skew","off":true}`)
	if got := l.Faults(); len(got) != 1 || got[0].Kind != fault.ServerError {
		t.Errorf("faults: %+v", got)
	}
}

func TestCertificateRemoved(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Seed: 1, Still: true})
	if err := l.Set(sim.State{Name: sim.CertificateRemoved}); err == nil {
		t.Error("there was none to remove")
	}
	if _, err := l.AppWithCertificate(); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(sim.State{Name: sim.CertificateRemoved}); err != nil {
		t.Error(err)
	}
	for _, a := range l.Identity().Apps(l.Provider().TenantID) {
		if len(a.Keys) != 0 {
			t.Errorf("keys: %+v", a.Keys)
		}
	}
}

func TestControlOfIdentity(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Seed: 1, Still: true})
	for body, says := range map[string]string{
		`{}`:                                                        "give a code or a state",
		`{"code":1,"state":"no-defender"}`:                          "give a code or a state",
		`{"code":1,"tenant":"nowhere"}`:                             "nowhere",
		`{"state":"tired"}`:                                         "use one of secret-expired",
		`{"state":"no-defender"}`:                                   "no simulated tenant",
		`{"state":"sessions-revoked","off":true}`:                   "can't be undone",
		`{"state":"sign-in-frequency","tenant":"contoso"}`:          "give after",
		`{"state":"api-missing","tenant":"contoso","api":"x"}`:      "no such object",
		`{"state":"user-disabled","tenant":"contoso","user":"x@y"}`: "no such object",
		`{"number":53003}`:                                          "number",
	} {
		if status, text := l.control("identity", body); status != http.StatusBadRequest || !strings.Contains(text, says) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	l.set(`{"tenant":"contoso","code":53003,"count":3}`)
	l.set(`{"tenant":"` + l.Provider().TenantID + `","code":90033}`)
	if status, _ := l.appOnly(l.Tenants()[0].ID); status != http.StatusBadRequest {
		t.Errorf("refused: %d", status)
	}
	var list []identity.Refusal
	a := l.send(l.URL()+"/control/identity", "", nil)
	if json.Unmarshal(a.body, &list) != nil || len(list) != 2 || list[0].Count != 2 || list[0].Tenant != l.Tenants()[0].ID || list[1].Code != 90033 {
		t.Errorf("in force: %s", a.body)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, l.URL()+"/control/identity?tenant=contoso", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := l.Identity().Refusals(); len(got) != 1 || got[0].Code != 90033 {
		t.Errorf("left: %+v", got)
	}

	if status, text := l.control("partner", `{"tenant":"fabrikam","days":30}`); status != http.StatusOK || !strings.Contains(text, `"tenant":"fabrikam","status":"active","days":30`) {
		t.Errorf("partner: %d %s", status, text)
	}
	if !l.Identity().Delegates(l.Provider().TenantID, l.Tenants()[1].ID) {
		t.Error("the provider doesn't administer fabrikam")
	}
	for _, body := range []string{`{"tenant":"nowhere"}`, `{"tenant":"fabrikam","days":1000}`, `{"tenant":"fabrikam","status":"happy"}`, `{"tenant":"fabrikam","days":-1}`} {
		if status, text := l.control("partner", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
}
