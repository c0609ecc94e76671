package tributary_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "tributary"

// room is a part of the house: a folder, what its packages may import of ours
// besides themselves and their own sub-packages, and why.
type room struct {
	folder  string // a trailing /* stands for each folder in it
	imports []string
	why     string
}

// rooms keep the data flowing one way: microsoft, collect, stream, deliver,
// siem. A package belongs to the first room that fits.
var rooms = []room{
	{".", nil, "the root package is the language: it imports nothing of ours"},
	{"sendertest", []string{"."}, "a conformance suite knows the interface alone"},
	{"microsoft/*", []string{"."}, "what speaks to Microsoft knows the root package alone, so that it can be used and replaced by itself"},
	{"siem/*", []string{"."}, "what speaks to a SIEM knows the root package alone, so that destinations share nothing"},
	{"pipeline/stream", []string{"."}, "the stream knows the root package alone"},
	{"pipeline/*", []string{".", "pipeline/stream"}, "the parts of the pipeline meet in the stream, not in each other"},
	{"vault", []string{"."}, "secrets are sealed in a package small enough to review"},
	{"config", []string{".", "vault"}, "the file describes the rooms, it doesn't run them"},
	{"connect", []string{".", "microsoft/*", "vault"}, "connecting a customer needs Microsoft and a place for secrets"},
	{"operator/*", []string{".", "pipeline/*", "connect", "vault"}, "operators watch the pipeline and connect customers"},
	{"cmd/*", []string{"*"}, "only cmd wires, so it may import everything"},
}

// testsMayImport is open to every test file: the test beds.
var testsMayImport = []string{"sendertest", "microsoft/sim"}

// vagueNames say nothing about what is in a package.
var vagueNames = []string{"util", "utils", "common", "model", "models", "helper", "helpers", "misc", "shared", "base", "lib"}

// source is what one Go file of this module says about itself.
type source struct {
	file    string // slash-separated, from the root
	folder  string
	pkg     string
	test    bool
	imports []string
}

// sources reads every Go file of this module, for all operating systems.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (nested == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		file := filepath.ToSlash(name)
		s := source{file: file, folder: path.Dir(file), pkg: f.Name.Name, test: strings.HasSuffix(file, "_test.go")}
		for _, one := range f.Imports {
			imported, err := strconv.Unquote(one.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// fits reports whether a folder is what a pattern names, or lies below it.
func fits(folder, pattern string) bool {
	switch {
	case pattern == "*":
		return true
	case pattern == ".":
		return folder == "."
	}
	if parent, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(folder, parent+"/")
	}
	return folder == pattern || strings.HasPrefix(folder, pattern+"/")
}

// household is the part of a room that a folder belongs to with its
// sub-packages: microsoft/sim for microsoft/sim/fault.
func household(folder string, r room) string {
	depth := strings.Count(r.folder, "/") + 1
	parts := strings.Split(folder, "/")
	return strings.Join(parts[:min(depth, len(parts))], "/")
}

// ours is the folder of an imported package, where it is one of this module.
func ours(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// broken lists what a file imports against the rules.
func broken(s source) []string {
	at := slices.IndexFunc(rooms, func(r room) bool { return fits(s.folder, r.folder) })
	if at < 0 {
		return []string{s.folder + " belongs to no room of the house: give it one in house_test.go, or put it into another"}
	}
	r := rooms[at]
	var list []string
	for _, imported := range s.imports {
		folder, isOurs := ours(imported)
		if !isOurs || fits(folder, household(s.folder, r)) {
			continue
		}
		allowed := func(pattern string) bool { return fits(folder, pattern) }
		if slices.ContainsFunc(r.imports, allowed) || s.test && (folder == "." || slices.ContainsFunc(testsMayImport, allowed)) {
			continue
		}
		list = append(list, s.file+" imports "+imported+": "+r.why)
	}
	return list
}

// TestHouse keeps the rules of the house.
func TestHouse(t *testing.T) {
	t.Parallel()
	all := sources(t)
	if len(all) < 20 {
		t.Fatalf("only %d files found", len(all))
	}
	for _, s := range all {
		for _, what := range broken(s) {
			t.Error(what)
		}
		if name := strings.TrimSuffix(s.pkg, "_test"); slices.Contains(vagueNames, name) || slices.Contains(vagueNames, path.Base(s.folder)) {
			t.Errorf("%s: a package named %s says nothing about what it holds; name it after its noun", s.file, name)
		}
		for _, imported := range s.imports {
			if folder, isOurs := ours(imported); isOurs && !s.test && folder == "sendertest" {
				t.Errorf("%s imports %s, which is for tests", s.file, imported)
			}
		}
	}
}

// TestHouseRules shows the rules files that keep and break them.
func TestHouseRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		folder, imports string
		test, ok        bool
	}{
		{".", "tributary/config", false, false},
		{".", "tributary", true, true},
		{".", "crypto/sha256", false, true},
		{"microsoft/entra", "tributary", false, true},
		{"microsoft/entra", "tributary/microsoft/defender", false, false},
		{"microsoft/entra", "tributary/microsoft/sim", false, false},
		{"microsoft/entra", "tributary/microsoft/sim", true, true},
		{"microsoft/entra", "tributary/microsoft/sim/identity", true, true},
		{"microsoft/sim", "tributary/microsoft/sim/fault", false, true},
		{"microsoft/sim/fault", "tributary/microsoft/sim/alerts", false, true},
		{"microsoft/simulacrum", "tributary/microsoft/sim", false, false},
		{"siem/splunk", "tributary/siem/format", false, false},
		{"siem/splunk", "tributary/pipeline/stream", false, false},
		{"siem/splunk", "tributary/sendertest", true, true},
		{"pipeline/stream", "tributary/pipeline/collect", false, false},
		{"pipeline/collect", "tributary/pipeline/stream", false, true},
		{"pipeline/collect", "tributary/pipeline/deliver", false, false},
		{"pipeline/collect", "tributary/microsoft/defender", false, false},
		{"vault", "tributary", false, true},
		{"vault", "tributary/config", false, false},
		{"config", "tributary/vault", false, true},
		{"config", "tributary/siem/format", false, false},
		{"connect", "tributary/microsoft/entra", false, true},
		{"connect", "tributary/pipeline/stream", false, false},
		{"operator/api", "tributary/pipeline/ledger", false, true},
		{"operator/api", "tributary/siem/pull", false, false},
		{"cmd/tributary", "tributary/siem/pull", false, true},
		{"attic", "fmt", false, false},
	} {
		s := source{file: c.folder + "/x.go", folder: c.folder, test: c.test, imports: []string{c.imports}}
		if got := broken(s); (len(got) == 0) != c.ok {
			t.Errorf("%s imports %s (test %t): %q", c.folder, c.imports, c.test, got)
		}
	}
}
