package connect_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tributary"
	"tributary/connect"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestWriteAccess(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	err := connect.WriteAccess(&b, connect.Access{
		Tenant: tributary.Tenant{Slug: "contoso", ID: contosoID, Name: "Contoso, Ltd"},
		Cloud:  tributary.Clouds()["global"], Domain: "contoso.com",
		ProviderID: strings.ToUpper(fabrikamID), ProviderName: "Fabrikam Security",
	})
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/access.md"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
	for _, part := range []string{
		"https://security.microsoft.com?tid=" + contosoID, "`" + fabrikamID + "`", "https://myaccess.microsoft.com/@contoso.com",
		"Tier 1 Analyst", "Tier 2 Analyst", "MSSP Analyst Approvers", "Connected organizations", "365 days", "yearly", "Manage portal system settings",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("it lacks %q", part)
		}
	}
	// Every row of a table has as many cells as its head.
	cells := 0
	for n, line := range strings.Split(b.String(), "\n") {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		if count := strings.Count(strings.TrimSpace(line), "|"); cells == 0 {
			cells = count
		} else if count != cells {
			t.Errorf("line %d has %d cells, not %d: %s", n+1, count-1, cells-1, line)
		}
	}
}

func TestWriteAccessKnowingLittle(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	tenant := tributary.Tenant{Slug: "contoso", ID: contosoID, Name: "Con|toso\n# x"}
	if err := connect.WriteAccess(&b, connect.Access{Tenant: tenant, Cloud: tributary.Clouds()["gcc-high"]}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"ask your security provider for it before you begin", "https://security.microsoft.us?tid=" + contosoID,
		"https://entra.microsoft.us", "https://myaccess.microsoft.us/@" + contosoID, "# Access to the Defender portal of Con/toso # x for your",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("it lacks %q", part)
		}
	}
	if strings.Contains(b.String(), "\n# x") || strings.Contains(b.String(), "<no value>") || strings.Contains(b.String(), "``") {
		t.Errorf("a name broke out, or something is missing:\n%s", b.String())
	}
}
