package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
	"tributary/config"
	"tributary/connect"
	"tributary/microsoft/entra"
	"tributary/microsoft/sim"
)

// A thousand customers are imported and connected in one go; three kinds of
// faulty ones are among them, and the report names exactly those.
func TestImportAThousand(t *testing.T) {
	t.Parallel()
	l := newLaboratory(t, sim.Options{Tenants: 1000, Alerts: 1000, Seed: 5, Still: true})
	l.configure("graph", "")
	l.withoutTenants()
	client := l.microsoft.App().ClientID
	want := map[string]string{} // slug: what is wrong
	var csv strings.Builder
	csv.WriteString("domain,slug,name,labels\n")
	for n, tenant := range l.microsoft.Tenants() {
		domain := tenant.Domain
		switch {
		case n%100 == 7:
			domain = fmt.Sprintf("nobody-%d.example", n)
			want[tenant.Slug] = tributary.CodeTenantUnknown
		case n%50 == 20:
			l.microsoft.Identity().RevokeConsent(tenant.ID, client)
			want[tenant.Slug] = tributary.CodeConsentMissing
		case n%200 == 33:
			if err := l.microsoft.Identity().RemoveAPI(tenant.ID, "https://graph.microsoft.com"); err != nil {
				t.Fatal(err)
			}
			want[tenant.Slug] = entra.CodeResource
		}
		fmt.Fprintf(&csv, "%s,%s,%q,batch=1\n", domain, tenant.Slug, tenant.Name)
	}
	l.write("customers.csv", csv.String())

	began := time.Now()
	stdout, stderr, code := l.tributary("tenant", "import", "customers.csv", "--check", "-o", "json")
	took := time.Since(began)
	t.Logf("took %v", took.Round(time.Millisecond))
	if code != exitNotRight || took > time.Minute {
		t.Fatalf("ended with %d after %v: %s", code, took, stderr)
	}
	var report []connect.Imported
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range report {
		switch {
		case r.Result == connect.ResultFailed:
			got[r.Tenant] = r.Code
		case r.Result != connect.ResultAdded || !r.Checked:
			t.Errorf("line %d: %+v", r.Line, r)
		case !r.Right:
			got[r.Tenant] = needed(r.Needs.Text)
			if r.Needs.Name != "token" || r.Needs.Next == "" {
				t.Errorf("line %d needs %+v", r.Line, r.Needs)
			}
		}
	}
	if len(report) != 1000 || len(want) != 35 {
		t.Errorf("%d lines in the report, %d faulty customers", len(report), len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(stderr, "990 added, 10 failed, 25 of them need something") || !strings.Contains(stderr, "check: 990 of 990") {
		t.Errorf("told: %s", stderr)
	}

	// What is exported says the same, in both forms.
	l.exports(t, want)
}

// needed is the condition behind a refusal, by the number that Entra gave.
func needed(text string) string {
	for number, code := range map[string]string{"AADSTS700016": tributary.CodeConsentMissing, "AADSTS500011": entra.CodeResource} {
		if strings.Contains(text, number) {
			return code
		}
	}
	return text
}

// withoutTenants takes the tenants out of the configuration.
func (l *laboratory) withoutTenants() {
	l.Helper()
	text, err := os.ReadFile(l.dir + "/tributary.yaml")
	if err != nil {
		l.Fatal(err)
	}
	head, _, _ := bytes.Cut(text, []byte("tenants:\n"))
	l.write("tributary.yaml", string(head))
}

func (l *laboratory) exports(t *testing.T, faulty map[string]string) {
	t.Helper()
	csv, _, code := l.tributary("tenant", "export")
	if code != exitOK {
		t.Fatalf("export ended with %d", code)
	}
	l.write("again.csv", csv)
	stdout, stderr, code := l.tributary("tenant", "import", "again.csv", "-o", "json")
	if code != exitOK || !strings.Contains(stderr, "990 already there") || strings.Contains(stdout, "differs") {
		t.Errorf("importing what was exported ended with %d: %s", code, stderr)
	}
	text, _, code := l.tributary("tenant", "export", "--format", "yaml")
	if code != exitOK {
		t.Fatalf("export ended with %d", code)
	}
	whole, err := os.ReadFile(l.dir + "/tributary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("tributary.yaml", append(whole, text...), os.LookupEnv, func(name string) ([]byte, error) { return os.ReadFile(l.dir + "/" + name) })
	if err != nil {
		t.Fatal(err)
	}
	slugs := map[string]bool{}
	for _, tenant := range cfg.Tenants {
		slugs[tenant.Slug] = true
		if tenant.Labels["batch"] != "1" || tenant.Name == "" {
			t.Errorf("exported as YAML: %+v", tenant)
		}
	}
	unknown := slices.DeleteFunc(slices.Collect(maps.Keys(faulty)), func(slug string) bool { return faulty[slug] != tributary.CodeTenantUnknown })
	if len(slugs) != 990 || slices.ContainsFunc(unknown, func(slug string) bool { return slugs[slug] }) {
		t.Errorf("%d tenants exported", len(slugs))
	}
}

// Names that YAML or a configuration could take for something else.
func TestExportYAML(t *testing.T) {
	t.Parallel()
	tenants := []tributary.Tenant{
		{
			Slug: "2024", ID: "11111111-2222-3333-4444-555555555555", Name: "Contoso: ${env:HOME} # \"x\"\n& co", Auth: tributary.AuthDelegated,
			Sources: []tributary.Source{tributary.SourceSIEM, tributary.SourceGraph}, Region: "uk", Labels: map[string]string{"a b": "yes", "c": "${file:x}", "n": "1"}, FromFile: true,
		},
		{Slug: "fabrikam", ID: "22222222-2222-3333-4444-555555555555", Auth: tributary.AuthDelegated, Sources: []tributary.Source{tributary.SourceGraph}, FromFile: true},
	}
	var b bytes.Buffer
	if err := writeTenantsYAML(&b, tenants); err != nil {
		t.Fatal(err)
	}
	text := "app: { client_id: 6f0c1a52-9c1e-4b0e-8f55-0b8f6a3a2d11 }\n" + b.String()
	cfg, err := config.Parse("tributary.yaml", []byte(text), func(string) (string, bool) { return "not this", true }, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(tenants, cfg.Tenants); diff != "" {
		t.Error(diff)
	}
}
