package setup_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
	"tributary/siem/setup"
)

// The files are followed to the letter against a simulated Microsoft, as the
// two connectors do it: sign in at auth_url, renew at token_url, ask the API,
// read the answer by the parser.
func TestConnectorsWorkByTheFiles(t *testing.T) {
	t.Parallel()
	microsoft, in := laboratory(t)

	// The engineer signs in as restutil lets him: with what stands in the file.
	oauth, err := readProperties([]byte(body(t, made(t, setup.ArcSight, in), "WDATP-connector.properties")))
	if err != nil {
		t.Fatal(err)
	}
	page := oauth["auth_url"] + "&" + url.Values{
		"response_type": {"code"}, "client_id": {oauth["client_id"]}, "redirect_uri": {oauth["redirect_uri"]}, "scope": {oauth["scope"]},
	}.Encode()
	ended, err := microsoft.Admin("contoso").Visit(t.Context(), page)
	if err != nil {
		t.Fatal(err)
	}
	grant := renew(t, microsoft, oauth["token_url"], url.Values{
		"grant_type": {"authorization_code"}, "code": {ended.Query().Get("code")}, "redirect_uri": {oauth["redirect_uri"]},
		"client_id": {oauth["client_id"]}, "client_secret": {oauth["client_secret"]},
	})
	if grant.Refresh == "" {
		t.Fatal("no refresh token came of the sign-in")
	}
	in.Grant.RefreshToken = tributary.NewSecret(grant.Refresh)

	t.Run("ArcSight", func(t *testing.T) {
		t.Parallel()
		files := made(t, setup.ArcSight, in)
		token := renew(t, microsoft, oauth["token_url"], url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {strings.TrimSuffix(body(t, files, "refresh-token.txt"), "\n")},
			"client_id": {oauth["client_id"]}, "client_secret": {oauth["client_secret"]},
		})
		_, rest, _ := strings.Cut(body(t, files, "README.txt"), "Events URL")
		events, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
		since := time.Now().UTC().Add(-24 * time.Hour).Format("2006-01-02T15:04:05.000")
		detections := ask(t, microsoft, strings.ReplaceAll(events, "$START_AT_TIME", since), token.Access)
		c := newConnector(t, body(t, files, "WDATP-connector.jsonparser.properties"))
		for _, d := range detections {
			event := c.event(t, d)
			for field, member := range map[string]string{"externalId": "AlertId", "name": "AlertTitle", "sourceHostName": "MachineName", "deviceSeverity": "Severity"} {
				var want string
				if err := json.Unmarshal(d[member], &want); err != nil || want == "" || event[field] != want {
					t.Errorf("%s is %q, %s was %s", field, event[field], member, d[member])
				}
			}
			if event["agentSeverity"] == "" || event["deviceReceiptTime"] == "" {
				t.Errorf("no severity or no time: %v", event)
			}
		}
	})
	t.Run("Splunk", func(t *testing.T) {
		t.Parallel()
		files := made(t, setup.Splunk, in)
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {value(t, files, "oauth2_refresh_token")}}
		// As the add-on takes its properties apart.
		for property := range strings.SplitSeq(value(t, files, "oauth2_refresh_props"), value(t, files, "delimiter")) {
			key, text, _ := strings.Cut(property, "=")
			form.Set(strings.TrimSpace(key), strings.TrimSpace(text))
		}
		form.Set("client_id", value(t, files, "oauth2_client_id"))
		form.Set("client_secret", value(t, files, "oauth2_client_secret"))
		token := renew(t, microsoft, value(t, files, "oauth2_refresh_url"), form)
		wide := ask(t, microsoft, value(t, files, "endpoint")+"?ago=P1D", token.Access)
		narrow := ask(t, microsoft, value(t, files, "endpoint")+"?"+value(t, files, "url_args"), token.Access)
		if len(narrow) >= len(wide) {
			t.Errorf("%d detections of two hours, %d of a day", len(narrow), len(wide))
		}
	})
}

// laboratory is a simulated Microsoft whose customer contoso has authorised
// the application, and the input for its files, so far without a token.
func laboratory(t *testing.T) (*sim.Server, setup.Input) {
	t.Helper()
	microsoft, err := sim.New(sim.Options{
		Tenants: 1, Alerts: 300, Seed: 7, Still: true, RedirectURIs: []string{"https://localhost:44300/wdatpconnector"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := microsoft.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := microsoft.Close(); err != nil {
			t.Error(err)
		}
	})
	customer := microsoft.Tenants()[0]
	if err := microsoft.Authorise(t.Context(), customer.ID, microsoft.App().ClientID, microsoft.Provider().TenantID); err != nil {
		t.Fatal(err)
	}
	return microsoft, setup.Input{
		Tenant: tributary.Tenant{Slug: "contoso", ID: customer.ID, Auth: tributary.AuthDelegated}, App: microsoft.App(), Cloud: microsoft.Cloud(),
		Grant: tributary.Grant{RefreshToken: tributary.NewSecret("none yet")},
	}
}

type renewed struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func renew(t *testing.T, microsoft *sim.Server, address string, form url.Values) (r renewed) {
	t.Helper()
	resp, err := microsoft.Client().PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp, &r)
	return r
}

func ask(t *testing.T, microsoft *sim.Server, address, token string) (detections []map[string]json.RawMessage) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := microsoft.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp, &detections)
	if len(detections) == 0 {
		t.Fatalf("no detection from %s", address)
	}
	return detections
}

func read(t *testing.T, resp *http.Response, to any) {
	t.Helper()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", resp.Status, text)
	}
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatal(err)
	}
}
