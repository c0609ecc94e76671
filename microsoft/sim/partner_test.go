package sim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary/microsoft/sim"
	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/partner"
)

// agent signs the partner's agent in with the provider's application at a
// tenant, and returns the page's problem or the tokens.
func (l *lab) agent(tenantID, scope string) (access, refresh string, err error) {
	l.Helper()
	const redirect = "http://localhost"
	p := l.Provider()
	b := identity.Browser{Client: l.Client(), User: p.Agent, Password: p.AgentPassword}
	q := url.Values{"client_id": {l.App().ClientID}, "response_type": {"code"}, "redirect_uri": {redirect + ":9"}, "scope": {scope + " offline_access"}, "state": {"s"}}
	final, err := b.Visit(l.Context(), l.URL()+"/"+tenantID+"/oauth2/v2.0/authorize?"+q.Encode())
	if final == nil || final.Query().Get("code") == "" {
		return "", "", err
	}
	status, body := l.post(l.URL()+"/"+tenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {l.App().ClientID}, "client_secret": {l.App().ClientSecret.Reveal()},
		"code": {final.Query().Get("code")}, "redirect_uri": {redirect + ":9"},
	})
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Access == "" {
		l.Fatalf("tokens: %d %s", status, body)
	}
	return answer.Access, answer.Refresh, nil
}

// partnerCall calls Partner Center.
func (l *lab) partnerCall(method, path, token, requestID, body string) answer {
	l.Helper()
	req, err := http.NewRequestWithContext(l.Context(), method, l.PartnerURL()+"/v1/customers/"+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if requestID != "" {
		req.Header.Set("ms-requestid", requestID)
	}
	resp, err := l.Client().Do(req)
	if err != nil {
		l.Fatal(err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		l.Fatal(err)
	}
	return a
}

// bare is a lab in which nobody has consented to anything.
func bare(t *testing.T, o sim.Options) *lab {
	t.Helper()
	l := start(t, o)
	for _, tenant := range l.Tenants() {
		l.Identity().RevokeConsent(tenant.ID, l.App().ClientID)
	}
	return l
}

// The Secure Application Model: a partner's person signs in once at home,
// consents for a customer through Partner Center, and the same refresh token
// opens the customer's tenant.
func TestConsentOnBehalfOfACustomer(t *testing.T) {
	t.Parallel()
	l := bare(t, sim.Options{Tenants: 2, Seed: 1, Still: true})
	home, customer, other := l.Provider().TenantID, l.Tenants()[0].ID, l.Tenants()[1].ID
	token, refresh, err := l.agent(home, partner.Audience+"/user_impersonation")
	if err != nil {
		t.Fatal(err)
	}
	consents := customer + "/applicationconsents"
	body := `{"applicationId":"` + l.App().ClientID + `","displayName":"Connector","applicationGrants":[{"enterpriseApplicationId":"00000003-0000-0000-c000-000000000000","scope":"User.Read,SecurityAlert.Read.All"}]}`

	// Without a relationship the customer is a stranger's.
	l.refused(l.partnerCall(http.MethodPost, consents, token, "", body), http.StatusForbidden, "does not administer")
	if _, _, err := l.agent(customer, "https://graph.microsoft.com/SecurityAlert.Read.All"); err == nil || !strings.Contains(err.Error(), "AADSTS50020") {
		t.Errorf("a stranger signs in: %v", err)
	}
	if _, err := l.Relate(customer, identity.Relationship{Duration: 30 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	// With one, the application has to be consented to first.
	if _, _, err := l.agent(customer, "https://graph.microsoft.com/SecurityAlert.Read.All"); err == nil || !strings.Contains(err.Error(), "AADSTS90099") {
		t.Errorf("before the consent: %v", err)
	}
	at := func(tenantID string) (int, []byte) {
		return l.post(l.URL()+"/"+tenantID+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"refresh_token"}, "client_id": {l.App().ClientID}, "client_secret": {l.App().ClientSecret.Reveal()},
			"refresh_token": {refresh}, "scope": {"https://graph.microsoft.com/SecurityAlert.Read.All"},
		})
	}
	if status, body := at(customer); status != http.StatusBadRequest || !strings.Contains(string(body), "AADSTS90099") {
		t.Errorf("the refresh token before the consent: %d %s", status, body)
	}
	l.refused(l.partnerCall(http.MethodPost, consents, l.token(home, "https://graph.microsoft.com"), "", body), http.StatusUnauthorized, "access token")
	l.refused(l.partnerCall(http.MethodPost, consents, "", "", body), http.StatusUnauthorized, "access token")
	l.refused(l.partnerCall(http.MethodPost, consents, token, "", strings.Replace(body, "User.Read", "Nonsense", 1)), http.StatusBadRequest, "Nonsense")
	l.refused(l.partnerCall(http.MethodPost, consents, token, "", `{"applicationId":"x"}`), http.StatusBadRequest, "applicationId")

	const id = "11111111-0000-4000-8000-000000000001"
	a := l.partnerCall(http.MethodPost, consents, token, id, body)
	if a.status != http.StatusCreated || !strings.Contains(string(a.body), l.App().ClientID) || a.header.Get("MS-RequestId") != id {
		t.Fatalf("consent: %d %s", a.status, a.body)
	}
	if again := l.partnerCall(http.MethodPost, consents, token, id, body); again.status != http.StatusCreated || string(again.body) != string(a.body) {
		t.Errorf("the same request again: %d %s", again.status, again.body)
	}
	l.refused(l.partnerCall(http.MethodPost, consents, token, "", body), http.StatusConflict, "already exists")

	status, tokens := at(customer)
	var got struct {
		Access string `json:"access_token"`
		Scope  string `json:"scope"`
	}
	if json.Unmarshal(tokens, &got) != nil || status != http.StatusOK {
		t.Fatalf("the refresh token after the consent: %d %s", status, tokens)
	}
	if a := l.send(l.address(graph, ""), got.Access, nil); a.status != http.StatusOK {
		t.Errorf("alerts: %d %s", a.status, a.body)
	}
	if status, body := at(other); status != http.StatusBadRequest || !strings.Contains(string(body), "AADSTS50020") {
		t.Errorf("another customer: %d %s", status, body)
	}
	// No application permission comes with it.
	if c, err := l.Identity().Verify(l.token(customer, "https://graph.microsoft.com")); err != nil || len(c.Roles) != 0 {
		t.Errorf("the application itself: %+v, %v", c, err)
	}

	if a := l.partnerCall(http.MethodDelete, consents+"/"+l.App().ClientID, token, "", ""); a.status != http.StatusNoContent {
		t.Errorf("taken back: %d %s", a.status, a.body)
	}
	l.refused(l.partnerCall(http.MethodDelete, consents+"/"+l.App().ClientID, token, "", ""), http.StatusNotFound, "no consent")
	if status, body := at(customer); status != http.StatusBadRequest || !strings.Contains(string(body), "AADSTS90099") {
		t.Errorf("after it was taken back: %d %s", status, body)
	}
	// When the relationship ends, so does the way in.
	l.clock.advance(29 * 24 * time.Hour)
	if status, body := at(customer); status != http.StatusBadRequest || !strings.Contains(string(body), "AADSTS90099") {
		t.Errorf("a day before the end: %d %s", status, body)
	}
	l.clock.advance(24 * time.Hour)
	if status, body := at(customer); status != http.StatusBadRequest || !strings.Contains(string(body), "AADSTS50020") {
		t.Errorf("after the end: %d %s", status, body)
	}
}

func TestEveryCustomerIsAPartners(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 20, Seed: 1, Still: true, GDAP: true})
	list := l.Identity().Relationships(l.Provider().TenantID)
	soon := 0
	for _, r := range list {
		if r.Status != "active" {
			t.Errorf("%+v", r)
		}
		if r.End.Sub(l.clock.now()) < 60*24*time.Hour {
			soon++
		}
	}
	if len(list) != 20 || soon == 0 || soon > 5 {
		t.Errorf("%d relationships, %d of them about to end", len(list), soon)
	}
}
