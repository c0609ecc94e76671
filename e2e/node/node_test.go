package node

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tributary/microsoft/sim"
)

func TestMicrosoftsClientsForNode(t *testing.T) {
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	o := sim.Defaults()
	o.Tenants, o.Alerts = 2, 100
	microsoft, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := microsoft.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer microsoft.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, microsoft.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	tenant, app := microsoft.Tenants()[0], microsoft.App()
	microsoft.Consent(tenant.ID, app.ClientID)
	withCertificate, err := microsoft.AppWithCertificate()
	if err != nil {
		t.Fatal(err)
	}
	// The person at the browser, to be called from the script.
	browser := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		final, err := microsoft.Admin(tenant.Slug).Visit(r.Context(), string(address))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, final.String())
	}))
	defer browser.Close()

	script := exec.Command("node", "client.mjs")
	script.Env = append(os.Environ(),
		"NODE_EXTRA_CA_CERTS="+ca, "LOGIN="+microsoft.Cloud().Login, "GRAPH="+microsoft.Cloud().Graph,
		"TENANT="+tenant.ID, "CLIENT="+app.ClientID, "SECRET="+app.ClientSecret.Reveal(),
		"PEM="+withCertificate.Certificate.Reveal(), "BROWSER_URL="+browser.URL)
	var out, errs bytes.Buffer
	script.Stdout, script.Stderr = &out, &errs
	if err := script.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, errs.String(), out.String())
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	for name, appOnly := range map[string]bool{
		"msal secret": true, "msal certificate": true, "identity secret": true, "identity certificate": true,
		"msal code": false, "msal refresh": false, "msal device code": false,
	} {
		var token struct {
			TID, Aud, Scp string
			Roles         []string
		}
		if err := json.Unmarshal(got[name], &token); err != nil {
			t.Errorf("%s: %v in %s", name, err, got[name])
			continue
		}
		if token.TID != tenant.ID || token.Aud != "https://graph.microsoft.com" || appOnly != (len(token.Roles) > 0) || appOnly == (token.Scp != "") {
			t.Errorf("%s got a token for %+v", name, token)
		}
	}
	if string(got["alerts"]) != "5" {
		t.Errorf("the token opened %s alerts, want 5", got["alerts"])
	}
}
