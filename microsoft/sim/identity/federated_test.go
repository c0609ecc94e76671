package identity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"
)

// cluster is another identity provider, whose workloads have tokens.
func cluster(t *testing.T) *httptest.Server {
	t.Helper()
	m := http.NewServeMux()
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	m.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%s/keys"}`, s.URL, s.URL)
	})
	m.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string][]jwk{"keys": {signing().jwk()}})
	})
	return s
}

const workload = "system:serviceaccount:tributary:connector"

// workloadToken is a workload's token, as its platform mounts it.
func workloadToken(t *testing.T, issuer string, change func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": issuer, "sub": workload, "aud": []string{"api://AzureADTokenExchange"},
		"nbf": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	change(claims)
	text, err := signing().sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestFederatedCredential(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, time.Hour)
	l.Consent(contoso, multiApp)
	platform := cluster(t)
	ask := func(token string) answer {
		return l.appOnly(contoso, "client_id", multiApp, "client_assertion_type", assertionType, "client_assertion", token)
	}
	asIs := func(jwt.MapClaims) {}
	l.refused(ask(workloadToken(t, platform.URL, asIs)), "70021", invalidClient)
	if _, err := l.UpdateApp(multiApp, func(a *App) error {
		for _, issuer := range []string{platform.URL, "https://oidc.example", platform.URL + "/other"} {
			a.Federated = append(a.Federated, FederatedCredential{
				ID: derivedID(issuer), Name: "c", Issuer: issuer, Subject: workload, Audiences: []string{"api://AzureADTokenExchange"},
			})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c := l.claims(ask(workloadToken(t, platform.URL, asIs)))
	if c.ClientID != multiApp || !slices.Contains(c.Roles, "SecurityAlert.Read.All") {
		t.Errorf("%+v", c)
	}
	for name, tc := range map[string]struct {
		token string
		code  string
	}{
		"another workload": {workloadToken(t, platform.URL, func(c jwt.MapClaims) { c["sub"] = "system:serviceaccount:x:y" }), "70021"},
		"another audience": {workloadToken(t, platform.URL, func(c jwt.MapClaims) { c["aud"] = graph }), "70021"},
		"out of time":      {workloadToken(t, platform.URL, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() }), "700024"},
		"changed":          {workloadToken(t, platform.URL, asIs) + "x", "700027"},
		"off this machine": {workloadToken(t, "https://oidc.example", asIs), "50012"},
		"no such issuer":   {workloadToken(t, platform.URL+"/other", asIs), "50012"},
	} {
		a := ask(tc.token)
		t.Run(name, func(t *testing.T) {
			l := *l
			l.t = t
			l.refused(a, tc.code, invalidClient)
		})
	}

	// Microsoft's library reads the token from a file.
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(workloadToken(t, platform.URL, asIs)), 0o600); err != nil {
		t.Fatal(err)
	}
	cred, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: l.azure(), DisableInstanceDiscovery: true, ClientID: multiApp, TenantID: contoso, TokenFilePath: file,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{graph + "/.default"}}); err != nil {
		t.Error(err)
	}
}
