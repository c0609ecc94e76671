package tributary_test

import (
	"encoding/json"
	"maps"
	"os/exec"
	"strings"
	"testing"
)

// reasons holds why each module that we import is worth its weight. A new one
// needs the same: a line that says what we would have to write and keep
// without it.
var reasons = map[string]string{
	// The engine.
	"github.com/nats-io/nats-server/v2":                "the durable stream, the cursors, the schedule and the fail-over, in this process",
	"github.com/nats-io/nats.go":                       "the client of that server, the same embedded, clustered or remote",
	"github.com/nats-io/nkeys":                         "the key pair with which our own commands reach the embedded server",
	"github.com/nats-io/nuid":                          "names of readers that never come twice; the client has it already",
	"github.com/synadia-io/orbit.go/jetstreamext":      "atomic batches: a page's alerts and its cursor in one commit",
	"github.com/klauspost/compress":                    "zstd for alerts too large for a message; the server has it already",
	"github.com/gofrs/flock":                           "one instance for each store, on every operating system",
	"golang.org/x/sys":                                 "free disk space, which the standard library doesn't tell",
	"github.com/Azure/azure-sdk-for-go/sdk/azcore":     "Microsoft's own HTTP pipeline, with its retries and its manners",
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity": "app-only sign-in by secret, certificate or identity, kept right by Microsoft",
	"golang.org/x/oauth2":                              "the delegated flow: authorization code, PKCE, refresh, device code",
	"golang.org/x/sync":                                "one token request in flight for each tenant (singleflight)",
	"github.com/google/uuid":                           "request ids and HEC channels",
	"gocloud.dev":                                      "key services that seal the vault key, behind one address",
	"gocloud.dev/secrets/hashivault":                   "HashiCorp Vault's transit engine, by its own client",

	// The simulator.
	"github.com/golang-jwt/jwt/v5": "signs our certificate assertions, and the simulated Entra's tokens, which real clients verify",
	"golang.org/x/net":             "reads the simulated sign-in pages in tests and in the demo as a browser would",

	// The command line.
	"github.com/spf13/cobra":   "sub-commands, flags, help and shell completion",
	"github.com/goccy/go-yaml": "YAML with the line and column of every value, so that errors can name them",
	"golang.org/x/term":        "whether somebody sits at a terminal, and how wide it is",
	"golang.org/x/time":        "how often an address on the internet may ask for the pages of an invitation",

	// Tests.
	"github.com/AzureAD/microsoft-authentication-library-for-go": "Microsoft's client proves the simulated Entra",
	"github.com/google/go-cmp":                                   "readable differences of large values",
	"github.com/rogpeppe/go-internal":                            "stories for the command line (testscript) and file archives for tests (txtar)",
	"github.com/santhosh-tekuri/jsonschema/v6":                   "validates examples against the schema that we publish",
	"go.uber.org/goleak":                                         "finds goroutines that outlive their test",
	"pgregory.net/rapid":                                         "properties instead of examples, with shrinking",

	// Tools, through go tool.
	"honnef.co/go/tools": "staticcheck",
}

// goMod is what go mod edit -json says of go.mod.
type goMod struct {
	Require []struct {
		Path     string
		Indirect bool
	}
	Tool []struct{ Path string }
}

// TestDependencies compares the modules that our files import, and the tools,
// with the reasons and with go.mod.
func TestDependencies(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod goMod
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	// moduleOf is the required module that holds a package: the longest path.
	moduleOf := func(pkg string) string {
		best := ""
		for _, r := range mod.Require {
			if (pkg == r.Path || strings.HasPrefix(pkg, r.Path+"/")) && len(r.Path) > len(best) {
				best = r.Path
			}
		}
		return best
	}
	usedBy := map[string]string{}
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			first, _, _ := strings.Cut(imported, "/")
			if _, isOurs := ours(imported); isOurs || !strings.Contains(first, ".") {
				continue
			}
			m := moduleOf(imported)
			if m == "" {
				t.Errorf("%s imports %s, which no module in go.mod holds", s.file, imported)
				continue
			}
			usedBy[m] = s.file
		}
	}
	tools := map[string]string{}
	for _, tool := range mod.Tool {
		tools[moduleOf(tool.Path)] = "the tool " + tool.Path
	}
	for _, r := range mod.Require {
		if user, used := usedBy[r.Path]; used && r.Indirect {
			t.Errorf("go.mod calls %s indirect, but %s imports it: run go mod tidy", r.Path, user)
		} else if !used && !r.Indirect && tools[r.Path] == "" {
			t.Errorf("go.mod calls %s direct, but nothing imports it: run go mod tidy", r.Path)
		}
	}
	maps.Copy(usedBy, tools)
	for m, user := range usedBy {
		if reasons[m] == "" {
			t.Errorf("%s (used by %s) has no reason in dependencies_test.go", m, user)
		}
	}
	for m := range reasons {
		if _, used := usedBy[m]; !used {
			t.Errorf("%s has a reason in dependencies_test.go, but nothing uses it", m)
		}
	}
	if len(usedBy) < 5 {
		t.Errorf("only %d modules found", len(usedBy))
	}
}
