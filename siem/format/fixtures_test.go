package format

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tributary"
)

var update = flag.Bool("update", false, "write the golden files again")

// fixtures are alerts of our own making in Microsoft's shapes, one to a file
// named after its source.
func fixtures(t testing.TB) map[string]tributary.Alert {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	alerts := map[string]tributary.Alert{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if strings.Contains(name, ".") {
			continue // a golden file
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source, _, _ := strings.Cut(name, "-")
		alerts[name] = alertOf(t, tributary.Source(source), raw)
	}
	if len(alerts) < 8 {
		t.Fatalf("found %d fixtures", len(alerts))
	}
	return alerts
}

// alertOf reads the envelope as the reader of the source does.
func alertOf(t testing.TB, source tributary.Source, raw []byte) tributary.Alert {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	first := func(names ...string) string {
		for _, n := range names {
			if s, ok := m[n].(string); ok {
				return s
			}
		}
		return ""
	}
	updated, err := time.Parse(time.RFC3339Nano, first("lastUpdateDateTime", "lastUpdateTime", "LastProcessedTimeUtc", "LastProccesedTimeUtc"))
	if err != nil {
		t.Fatal(err)
	}
	const tenantID = "11111111-2222-3333-4444-555555555555"
	return tributary.Alert{
		Version:   tributary.Version{TenantID: tenantID, Source: source, ID: first("id", "AlertId"), Updated: updated},
		Tenant:    "contoso",
		Severity:  tributary.SeverityOf(first("severity", "Severity")),
		Fetched:   time.Date(2026, 3, 1, 8, 20, 0, 250_000_000, time.FixedZone("CET", 3600)),
		PortalURL: "https://security.microsoft.com/alerts?tid=" + tenantID + "&from=tributary",
		Raw:       raw,
	}
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it again, then look at the difference)\ngot:\n%s", path, got)
	}
}
