package setup_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary/siem/setup"
)

// connector is a FlexConnector REST as far as its documents describe one: it
// reads a parser file and makes events of an answer. It knows the operations
// by their documentation, and refuses what it doesn't know.
type connector struct {
	node   string
	tokens map[string]string // name: location
	events map[string]string // field: expression
	levels map[string]string // word of deviceSeverity: ArcSight's level
}

func newConnector(t *testing.T, file string) *connector {
	t.Helper()
	set, err := readProperties([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	c := &connector{node: set["trigger.node.location"], tokens: map[string]string{}, events: map[string]string{}, levels: map[string]string{}}
	count, err := strconv.Atoi(set["token.count"])
	if err != nil {
		t.Fatal(err)
	}
	known := 2
	for n := range count {
		key := fmt.Sprintf("token[%d].", n)
		name := set[key+"name"]
		if name == "" || set[key+"location"] == "" || set[key+"type"] != "String" || c.tokens[name] != "" {
			t.Fatalf("token %d: %q at %q of type %q", n, name, set[key+"location"], set[key+"type"])
		}
		c.tokens[name] = set[key+"location"]
		known += 3
	}
	for key, value := range set {
		if field, ok := strings.CutPrefix(key, "event."); ok {
			c.events[field] = value
			known++
		}
		if level, ok := strings.CutPrefix(key, "severity.map."); ok {
			for word := range strings.SplitSeq(value, ",") {
				c.levels[word] = strings.TrimSuffix(level, ".if.deviceSeverity")
			}
			known++
		}
	}
	if known != len(set) {
		t.Fatalf("%d of %d keys have no meaning for the connector", len(set)-known, len(set))
	}
	return c
}

// event makes an event of one element. Empty and absent values leave a field
// out. agentSeverity is ArcSight's level.
func (c *connector) event(t *testing.T, element map[string]json.RawMessage) map[string]string {
	t.Helper()
	values := map[string]string{}
	for name, location := range c.tokens {
		raw := element[location]
		var text string
		if len(raw) == 0 || string(raw) == "null" {
			continue
		} else if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		values[name] = text
	}
	event := map[string]string{}
	for field, expression := range c.events {
		e := &evaluator{t: t, text: expression, tokens: c.tokens, values: values}
		value := e.expression()
		if e.text != "" {
			t.Fatalf("%s: %q is left of %q", field, e.text, expression)
		}
		if value != "" {
			event[field] = value
		}
	}
	if level := c.levels[event["deviceSeverity"]]; level != "" {
		event["agentSeverity"] = level
	}
	return event
}

type evaluator struct {
	t      *testing.T
	text   string
	tokens map[string]string
	values map[string]string
}

var identifier = regexp.MustCompile(`^\w+`)

func (e *evaluator) expression() string {
	e.t.Helper()
	if strings.HasPrefix(e.text, `"`) {
		end := strings.Index(e.text[1:], `"`)
		if end < 0 {
			e.t.Fatalf("an open quote: %s", e.text)
		}
		text := e.text[1 : end+1]
		e.text = e.text[end+2:]
		return text
	}
	name := identifier.FindString(e.text)
	e.text = e.text[len(name):]
	if !strings.HasPrefix(e.text, "(") {
		if _, known := e.tokens[name]; !known {
			e.t.Fatalf("%q is no token", name)
		}
		return e.values[name]
	}
	var arguments []string
	for more := true; more; {
		e.text = e.text[1:]
		arguments = append(arguments, e.expression())
		if e.text == "" || e.text[0] != ',' && e.text[0] != ')' {
			e.t.Fatalf("%s: neither a comma nor a bracket: %q", name, e.text)
		}
		more = e.text[0] == ','
	}
	e.text = e.text[1:]
	return e.call(name, arguments)
}

func (e *evaluator) call(name string, a []string) string {
	e.t.Helper()
	arity := map[string]int{
		"__getVendor": 1, "__stringConstant": 1, "__toLowerCase": 1, "__safeToLong": 1, "__regexToken": 2,
		"__regexTokenAsAddress": 2, "__createOptionalTimeStampFromString": 2,
	}
	if want := arity[name]; want > 0 && len(a) != want {
		e.t.Fatalf("%s has %d arguments", name, len(a))
	}
	switch name {
	case "__getVendor", "__stringConstant":
		return a[0]
	case "__toLowerCase":
		return strings.ToLower(a[0])
	case "__concatenate":
		return strings.Join(a, "")
	case "__simpleMap":
		for _, pair := range a[1:] {
			if from, to, _ := strings.Cut(pair, "="); from == a[0] {
				return to
			}
		}
		return ""
	case "__safeToLong":
		if _, err := strconv.ParseInt(a[0], 10, 64); err != nil {
			return ""
		}
		return a[0]
	case "__regexToken":
		return firstGroup(a[0], a[1])
	case "__regexTokenAsAddress":
		if at, err := netip.ParseAddr(firstGroup(a[0], a[1])); err == nil {
			return at.String()
		}
		return ""
	case "__createOptionalTimeStampFromString":
		layout, ok := map[string]string{"yyyy-MM-dd HH:mm:ss Z": "2006-01-02 15:04:05 -0700"}[a[1]]
		if !ok {
			e.t.Fatalf("a format that the test doesn't know: %q", a[1])
		}
		if at, err := time.Parse(layout, a[0]); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
		return ""
	}
	e.t.Fatalf("%s is no operation of a FlexConnector", name)
	return ""
}

// firstGroup holds whether the operation looks for the pattern or wants the
// whole text to match: a pattern must give the same both ways.
func firstGroup(text, pattern string) string {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	whole := regexp.MustCompile("^(?:" + pattern + ")$").FindStringSubmatch(text)
	if len(found) != len(whole) || len(found) > 1 && found[1] != whole[1] {
		panic("the pattern " + pattern + " finds something else than it matches in " + text)
	}
	if len(found) < 2 {
		return ""
	}
	return found[1]
}

// constants are in every event: what doesn't come from the detection.
var constants = map[string]string{
	"deviceVendor": "Microsoft", "deviceProduct": "Microsoft Defender ATP", "deviceVersion": "2.0",
	"deviceCustomString1Label": "Threat name", "deviceCustomString4Label": "Actor", "deviceCustomString5Label": "MD5",
	"deviceCustomString6Label": "SHA-256", "deviceCustomNumber1Label": "Was executing while detected",
	"deviceCustomNumber2Label": "Remediation is success", "flexString1Label": "Link to the alert",
}

func TestParserMapsAsMicrosoftDocuments(t *testing.T) {
	t.Parallel()
	c := newConnector(t, body(t, made(t, setup.ArcSight, contoso()), "WDATP-connector.jsonparser.properties"))
	if c.node != "/" {
		t.Errorf("the node of a bare array is /, not %q", c.node)
	}
	text, err := os.ReadFile("testdata/detections.json")
	if err != nil {
		t.Fatal(err)
	}
	var elements []map[string]json.RawMessage
	if err := json.Unmarshal(text, &elements); err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[string]string{
		{
			"name": `Suspicious "PowerShell" = download | run`, "deviceSeverity": "Medium", "agentSeverity": "medium", "deviceEventCategory": "Execution",
			"sourceServiceName": "EDR", "sourceHostName": "pc-017", "sourceDnsDomain": "contoso.com", "sourceNtDomain": "CONTOSO", "sourceUserName": "kim",
			"sourceUserId": `CONTOSO\kim; CONTOSO\robin`, "fileName": "powershell.exe", "filePath": `C:\Windows\System32\WindowsPowerShell\v1.0`,
			"fileHash": "3f786850e387550fdab836ed7e6dc881de23001b", "sourceAddress": "203.0.113.9", "requestUrl": "https://files.fabrikam.com/run.ps1?x=1&y=2",
			"externalId": "da638000000000000001_-1402938475", "deviceCustomString4": "BORON", "deviceReceiptTime": "2026-11-23T11:58:07Z",
			"flexString1": "https://securitycenter.windows.com/alert/da638000000000000001_-1402938475",
		},
		{
			"name": "'Mikatz' hacktool was prevented på Örebros server", "deviceSeverity": "Informational", "agentSeverity": "low",
			"deviceEventCategory": "Malware", "sourceServiceName": "Antivirus", "sourceHostName": "srv-2", "fileName": "mikatz.exe", "filePath": `D:\tools`,
			"sourceAddress": "2001:db8::7", "externalId": "da638000000000000002_1", "deviceReceiptTime": "2026-11-23T11:59:00Z",
			"flexString1":         "https://securitycenter.windows.com/alert/da638000000000000002_1",
			"deviceCustomString1": "HackTool:Win32/Mikatz!dha", "deviceCustomString5": "d41d8cd98f00b204e9800998ecf8427e",
			"deviceCustomString6": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			"deviceCustomNumber1": "0", "deviceCustomNumber2": "1",
		},
		{"name": "Nothing but a title", "deviceSeverity": "UnSpecified"},
	} {
		for field, value := range constants {
			want[field] = value
		}
		if diff := cmp.Diff(want, c.event(t, elements[i])); diff != "" {
			t.Errorf("detection %d: -want +got\n%s", i, diff)
		}
	}
}

// The parser is the same for every customer and every way.
func TestParserIsOne(t *testing.T) {
	t.Parallel()
	const name = "WDATP-connector.jsonparser.properties"
	if body(t, made(t, setup.ArcSight, contoso()), name) != body(t, made(t, setup.ArcSight, viaTributary()), name) {
		t.Error("two parsers")
	}
}
