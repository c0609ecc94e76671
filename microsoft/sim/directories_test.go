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
	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
)

// administrator signs the provider's administrator in by device code with
// Microsoft's own public client.
func (l *lab) administrator(scopes ...string) string {
	l.Helper()
	home := l.URL() + "/" + l.Provider().TenantID + "/oauth2/v2.0/"
	_, body := l.post(home+"devicecode", url.Values{"client_id": {identity.CommandLineTools}, "scope": {strings.Join(scopes, " ")}})
	var device struct {
		Code string `json:"device_code"`
		User string `json:"user_code"`
		Page string `json:"verification_uri"`
	}
	if err := json.Unmarshal(body, &device); err != nil {
		l.Fatal(err)
	}
	b := l.Analyst()
	b.Code = device.User
	if _, err := b.Visit(l.Context(), device.Page); err != nil {
		l.Fatal(err)
	}
	status, body := l.post(home+"token", url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {identity.CommandLineTools}, "device_code": {device.Code},
	})
	var answer struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Token == "" {
		l.Fatalf("token: %d %s", status, body)
	}
	return answer.Token
}

// The directory stands beside the alerts, under the same address, and holds the
// provider's application.
func TestTheDirectoryOfTheProvider(t *testing.T) {
	t.Parallel()
	for _, cloud := range []string{"", "gcc", "gcc-high"} {
		t.Run(cloud, func(t *testing.T) {
			t.Parallel()
			l := start(t, sim.Options{Tenants: 1, Alerts: 20, Seed: 1, Still: true, Cloud: cloud})
			api := l.Cloud().Resource(tributary.SourceGraph)
			token := l.administrator(api+"/Application.ReadWrite.All", api+"/Organization.Read.All", api+"/CrossTenantInformation.ReadBasic.All")
			base := l.Cloud().Graph + "/v1.0/"
			p := l.page(l.send(base+"applications?$filter=appId%20eq%20'"+l.App().ClientID+"'", token, nil))
			if len(p.Value) != 1 || p.Value[0]["displayName"] != "Proseware SIEM MSSP Connector" {
				t.Errorf("applications: %+v", p.Value)
			}
			if p := l.page(l.send(base+"organization", token, nil)); len(p.Value) != 1 || p.Value[0]["id"] != l.Provider().TenantID {
				t.Errorf("organization: %+v", p.Value)
			}
			if a := l.send(base+"tenantRelationships/findTenantInformationByDomainName(domainName='contoso.com')", token, nil); !strings.Contains(string(a.body), l.Tenants()[0].ID) {
				t.Errorf("contoso.com: %s", a.body)
			}
			for _, source := range []tributary.Source{graph, endpoint} {
				if p := l.page(l.ask(source, "")); len(p.Value) == 0 {
					t.Errorf("%s: no alerts in the cloud %q", source, cloud)
				}
			}
		})
	}
	for name := range tributary.Clouds() {
		if _, err := sim.New(sim.Options{Cloud: name, GDAP: true}); err != nil {
			t.Error(err)
		}
	}
	if _, err := sim.New(sim.Options{Cloud: "cumulus"}); err == nil {
		t.Error("an unknown cloud was taken")
	}
}

func TestFaultsOfTheDirectory(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Seed: 1, Still: true})
	token := l.administrator("https://graph.microsoft.com/Organization.Read.All")
	address := l.Cloud().Graph + "/v1.0/organization"
	l.faults(
		fault.Fault{Kind: fault.Throttle, Source: fault.Directory, Count: 1, RetryAfter: fault.Duration(7 * time.Second)},
		fault.Fault{Kind: fault.ServerError, Source: fault.Directory, Count: 1},
	)
	// The alerts have faults of their own.
	if a := l.ask(graph, ""); a.status != http.StatusOK {
		t.Errorf("alerts: %d", a.status)
	}
	a := l.send(address, token, nil)
	l.refused(a, http.StatusTooManyRequests, "TooManyRequests")
	if a.header.Get("Retry-After") != "7" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	l.refused(l.send(address, token, nil), http.StatusInternalServerError, "InternalServerError")
	if a := l.send(address, token, nil); a.status != http.StatusOK {
		t.Errorf("in the end: %d %s", a.status, a.body)
	}
	if err := l.SetFaults([]fault.Fault{{Kind: fault.CutBody, Source: fault.Directory, Count: 1}}); err == nil || !strings.Contains(err.Error(), "directory knows only") {
		t.Errorf("a cut body: %v", err)
	}
}
