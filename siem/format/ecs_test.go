package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
)

func TestECSGolden(t *testing.T) {
	t.Parallel()
	for name, a := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ECS(&a)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.ContainsAny(got, "\n\r") {
				t.Error("more than one line")
			}
			again, err := ECS(&a)
			if err != nil || !bytes.Equal(got, again) {
				t.Errorf("the same alert gave other bytes (%v)", err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, got, "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+".ecs.json", append(pretty.Bytes(), '\n'))
		})
	}
}

// field is a field of the Elastic Common Schema: its type, and whether its
// value is always an array.
type field struct {
	kind  string
	array bool
}

// ecsFields reads the part of the schema (9.4.0) that this format uses.
func ecsFields(t *testing.T) map[string]field {
	t.Helper()
	text, err := os.ReadFile("testdata/ecs-fields.tsv")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]field{}
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSpace(line), "\t")
		if len(parts) != 3 {
			t.Fatalf("line %q", line)
		}
		fields[parts[0]] = field{parts[1], parts[2] == "array"}
	}
	return fields
}

// vendorNamespaces are the names at the top of a document that are not ECS's.
var vendorNamespaces = []string{"tributary", "m365_defender", "microsoft"}

func TestOnlyECSFieldsOutsideVendorNamespaces(t *testing.T) {
	t.Parallel()
	fields := ecsFields(t)
	used := map[string]bool{}
	for name, a := range fixtures(t) {
		got, err := ECS(&a)
		if err != nil {
			t.Fatal(err)
		}
		for path, v := range leaves(t, got) {
			top, _, _ := strings.Cut(path, ".")
			if slices.Contains(vendorNamespaces, top) {
				continue
			}
			f, known := fields[path]
			if !known {
				t.Errorf("%s: %s is no field of ECS", name, path)
				continue
			}
			used[path] = true
			list, isArray := v.([]any)
			if isArray != f.array {
				t.Errorf("%s: %s is an array: %v, want %v", name, path, isArray, f.array)
			}
			if !isArray {
				list = []any{v}
			}
			for i, item := range list {
				if !fits(f.kind, item) {
					t.Errorf("%s: %s holds %v, which is no %s", name, path, item, f.kind)
				}
				if slices.Contains(list[:i], item) {
					t.Errorf("%s: %s holds %v twice", name, path, item)
				}
			}
		}
	}
	for path := range fields {
		if !used[path] {
			t.Errorf("no fixture shows %s", path)
		}
	}
}

// leaves lists the values that are no objects, by their path.
func leaves(t *testing.T, document []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var root map[string]any
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	found := map[string]any{}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for name, v := range m {
			if inner, ok := v.(map[string]any); ok {
				walk(prefix+name+".", inner)
			} else {
				found[prefix+name] = v
			}
		}
	}
	walk("", root)
	return found
}

func fits(kind string, v any) bool {
	text, isText := v.(string)
	switch kind {
	case "keyword", "wildcard", "match_only_text":
		return isText && text != ""
	case "date":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case "ip":
		_, err := netip.ParseAddr(text)
		return err == nil
	case "long":
		n, ok := v.(json.Number)
		if !ok {
			return false
		}
		_, err := n.Int64()
		return err == nil
	}
	return false
}

// ECS allows a type only with some categories.
func TestCategoriesAllowTypes(t *testing.T) {
	t.Parallel()
	for name, a := range fixtures(t) {
		got, err := ECS(&a)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Event struct{ Category, Type []string }
		}
		if err := json.Unmarshal(got, &d); err != nil {
			t.Fatal(err)
		}
		if len(d.Event.Category) == 0 || len(d.Event.Type) == 0 || !slices.IsSorted(d.Event.Category) {
			t.Errorf("%s: categories %v, types %v", name, d.Event.Category, d.Event.Type)
		}
		for _, kind := range d.Event.Type {
			if !slices.ContainsFunc(d.Event.Category, func(c string) bool { return slices.Contains(typesOfCategory[c], kind) }) {
				t.Errorf("%s: none of %v allows type %s", name, d.Event.Category, kind)
			}
		}
		for _, c := range d.Event.Category {
			if typesOfCategory[c] == nil {
				t.Errorf("%s: category %s is not ECS's", name, c)
			}
		}
	}
}

// With a device that Microsoft names twice, two processes and a user, all the
// values of one thing come from one item of evidence: the worst one.
func TestECSPicksTheWorstOfAKind(t *testing.T) {
	t.Parallel()
	a := fixtures(t)["graph-process"]
	got, err := ECS(&a)
	if err != nil {
		t.Fatal(err)
	}
	found := leaves(t, got)
	for path, want := range map[string]any{
		"host.name":            "wks-0042.corp.contoso.com", // the primary device, in lower case, though it came second
		"host.id":              "0000000000000000000000000000000000000001",
		"process.name":         "powershell.exe", // malicious, and came second
		"process.hash.sha1":    strings.Repeat("b", 40),
		"process.parent.name":  "cmd.exe",
		"user.name":            "megan",
		"registry.path":        `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run\updater`,
		"@timestamp":           "2026-03-01T08:17:07.503Z", // cut, not rounded
		"event.duration":       json.Number("2478000000"),
		"event.severity":       json.Number("73"),
		"file.path":            `C:\Users\megan\AppData\Local\Temp\m.ps1`,
		"file.size":            json.Number("9007199254740993"), // not a float
		"tributary.event_id":   a.EventID().String(),
		"tributary.severity":   "high",
		"cloud.account.id":     a.TenantID,
		"organization.name":    "contoso",
		"url.full":             "https://files.example.net:8443/m.ps1?a=1&b=2",
		"threat.software.name": "Mimikatz",
	} {
		if found[path] != want {
			t.Errorf("%s = %v, want %v", path, found[path], want)
		}
	}
	// Both processes, both devices and every address can be pivoted on.
	for path, want := range map[string][]any{
		"related.hosts":                    {"DC01.corp.contoso.com", "WKS-0042.corp.contoso.com", "WKS-0042"},
		"related.ip":                       {"10.1.0.10", "10.1.2.3", "fe80::1ff:fe23:4567:890a", "203.0.113.7", "198.51.100.23"},
		"threat.technique.id":              {"T1003", "T1059"},
		"threat.technique.subtechnique.id": {"T1003.001", "T1059.001"},
	} {
		list, _ := found[path].([]any)
		if !slices.Equal(list, want) {
			t.Errorf("%s = %v, want %v", path, list, want)
		}
	}
}

// Of equals the first counts.
func TestECSPicksTheFirstOfEquals(t *testing.T) {
	t.Parallel()
	const process = `{"@odata.type":"#microsoft.graph.security.processEvidence","verdict":"suspicious","processId":%d,"detectionStatus":%q}`
	raw := fmt.Sprintf(`{"evidence":[`+process+`,`+process+`]}`, 1, "blocked", 2, "detected")
	a := tributary.Alert{Version: tributary.Version{Source: tributary.SourceGraph}, Raw: []byte(raw)}
	got, err := ECS(&a)
	if err != nil {
		t.Fatal(err)
	}
	if found := leaves(t, got); found["process.pid"] != json.Number("1") || found["event.action"] != "blocked" {
		t.Errorf("process %v, action %v", found["process.pid"], found["event.action"])
	}
}

func TestECSUnknownSource(t *testing.T) {
	t.Parallel()
	a := tributary.Alert{Version: tributary.Version{ID: "5", Source: "future"}, Tenant: "contoso", Raw: []byte(`{}`)}
	if _, err := ECS(&a); err == nil || !strings.Contains(err.Error(), "future") {
		t.Errorf("got %v, want an error that names the source", err)
	}
}
