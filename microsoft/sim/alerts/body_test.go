package alerts

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
)

// members are the values that Graph's metadata allows, of the enumerations
// that the bodies use.
var members = map[string][]string{
	"severity":       {"informational", "low", "medium", "high"},
	"status":         {"new", "inProgress", "resolved"},
	"classification": {"falsePositive", "truePositive", "informationalExpectedActivity"},
	"determination": {
		"malware", "securityTesting", "unwantedSoftware", "other", "multiStagedAttack", "compromisedAccount", "phishing",
		"maliciousUserActivity", "notMalicious", "notEnoughDataToValidate", "confirmedActivity", "lineOfBusinessApplication",
	},
	"serviceSource": {
		"microsoftDefenderForEndpoint", "microsoftDefenderForIdentity", "microsoftDefenderForCloudApps", "microsoftDefenderForOffice365",
		"microsoft365Defender", "azureAdIdentityProtection", "microsoftAppGovernance", "dataLossPrevention", "microsoftDefenderForCloud", "microsoftSentinel",
	},
	"detectionSource": {
		"microsoftDefenderForEndpoint", "antivirus", "smartScreen", "customTi", "microsoftDefenderForOffice365", "automatedInvestigation",
		"customDetection", "microsoftDefenderForIdentity", "cloudAppSecurity", "microsoft365Defender", "azureAdIdentityProtection",
		"microsoftDataLossPrevention", "appGovernanceDetection", "microsoftDefenderForServers", "microsoftDefenderForStorage",
		"microsoftDefenderForContainers", "nrtAlerts", "scheduledAlerts",
	},
	"investigationState": {"unsupportedAlertType", "queued", "running", "pendingApproval", "benign", "successfullyRemediated", "terminatedBySystem"},
	"verdict":            {"unknown", "suspicious", "malicious", "noThreatsFound"},
	"remediationStatus":  {"none", "remediated", "prevented", "active", "pendingApproval"},
	"detectionStatus":    {"detected", "blocked", "prevented"},
	"healthStatus":       {"active", "inactive", "impairedCommunication", "noSensorData", "noSensorDataImpairedCommunication", "unknown"},
	"riskScore":          {"none", "informational", "low", "medium", "high"},
	"onboardingStatus":   {"insufficientInfo", "onboarded", "canBeOnboarded", "unsupported"},
	"defenderAvStatus":   {"notReporting", "disabled", "notUpdated", "updated", "unknown", "notSupported"},
}

// newer are members that only clients who ask for them see.
var newer = map[string][]string{
	"serviceSource":     {"microsoftDefenderForCloud", "microsoftSentinel"},
	"detectionSource":   {"microsoftDefenderForServers", "microsoftDefenderForStorage", "microsoftDefenderForContainers", "nrtAlerts", "scheduledAlerts"},
	"remediationStatus": {"active", "pendingApproval"},
}

var (
	momentForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z$`)
	idForms    = regexp.MustCompile(`^((da|ra)(\d{18}_-?\d+|[0-9a-f-]{36}_1)|(aa|fa|ma|dl|dc|sn)[0-9a-f-]{36}|ad[0-9a-f]{64}|ca[0-9a-f]{24})$`)
)

// walk visits every member of a body.
func walk(v any, visit func(name string, value any)) (keys int) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			visit(name, value)
			keys += 1 + walk(value, visit)
		}
	case []any:
		for _, value := range v {
			keys += walk(value, visit)
		}
	}
	return keys
}

func TestGraphBodies(t *testing.T) {
	t.Parallel()
	s := NewSet(lively(11, 2500))
	bytes, keys, pieces, n, largest := 0, 0, 0, 0, 0
	types, products := map[string]bool{}, map[string]bool{}
	var all strings.Builder
	for _, r := range everything(s, tributary.SourceGraph, noon) {
		body := s.Render(nil, r, Shape{})
		v := valid(t, body)
		n++
		bytes += len(body)
		largest = max(largest, len(body))
		evidence := v["evidence"].([]any)
		pieces += len(evidence)
		products[v["serviceSource"].(string)] = true
		keys += walk(v, func(name string, value any) {
			text, isText := value.(string)
			switch {
			case !isText:
			case strings.HasSuffix(name, "DateTime") && !momentForm.MatchString(text):
				t.Errorf("%s: %q", name, text)
			case members[name] != nil && !slices.Contains(members[name], text):
				t.Errorf("%s: %q is no member of the enumeration", name, text)
			case name == "@odata.type":
				types[strings.TrimPrefix(text, "#microsoft.graph.security.")] = true
			}
		})
		if id := v["id"].(string); !idForms.MatchString(id) {
			t.Errorf("id %q", id)
		}
		if len(evidence) < 100 {
			all.Write(body)
		}
		known := s.Render(nil, r, Shape{KnownMembers: true})
		walk(valid(t, known), func(name string, value any) {
			if text, ok := value.(string); ok && slices.Contains(newer[name], text) {
				t.Errorf("%s: %q is shown to a client that did not ask for newer members", name, text)
			}
		})
	}
	if mean := bytes / n; mean < 4500 || mean > 7000 {
		t.Errorf("a mean of %d bytes", mean)
	}
	if mean := keys / n; mean < 100 || mean > 145 {
		t.Errorf("a mean of %d members", mean)
	}
	if mean := float64(pieces) / float64(n); mean < 3 || mean > 4.2 {
		t.Errorf("a mean of %.2f pieces of evidence", mean)
	}
	if largest < 40_000 {
		t.Errorf("the largest body has %d bytes", largest)
	}
	if len(types) < 20 || len(products) < 9 {
		t.Errorf("%d evidence types and %d products: %v", len(types), len(products), types)
	}
	for _, awkward := range []string{`\n`, `\"`, `\\`, "ü", "請", "📎"} {
		if !strings.Contains(all.String(), awkward) {
			t.Errorf("no body holds %s", awkward)
		}
	}
}

func TestDefenderBodies(t *testing.T) {
	t.Parallel()
	s := NewSet(lively(11, 800))
	entities := map[string]bool{}
	for _, r := range everything(s, tributary.SourceEndpoint, noon) {
		plain, full := s.Render(nil, r, Shape{}), s.Render(nil, r, Shape{Evidence: true})
		if e := valid(t, plain)["evidence"].([]any); len(e) != 0 {
			t.Fatal("evidence without being asked for")
		}
		v := valid(t, full)
		if !strings.HasPrefix(v["id"].(string), "da") || len(v["machineId"].(string)) != 40 || v["aadTenantId"] != s.companies[r.tenant].ID {
			t.Fatalf("not an alert of this tenant's machines: %v, %v, %v", v["id"], v["machineId"], v["aadTenantId"])
		}
		if strings.ContainsFunc(string(full), func(r rune) bool { return r >= 0x80 }) {
			t.Fatal("letters outside ASCII are not escaped")
		}
		for _, e := range v["evidence"].([]any) {
			entity := e.(map[string]any)
			entities[entity["entityType"].(string)] = true
			if len(entity) != 25 {
				t.Fatalf("an entity with %d members: all types have the same 25", len(entity))
			}
		}
	}
	for _, want := range []string{"User", "Process", "File", "Ip", "Url", "Registry"} {
		if !entities[want] {
			t.Errorf("no %s among the evidence", want)
		}
	}
}

// TestViewsAgree compares what the three APIs say of the same alerts.
func TestViewsAgree(t *testing.T) {
	t.Parallel()
	o := lively(4, 600)
	o.Changing = 0
	s := NewSet(o)
	graph := map[string]map[string]any{}
	for _, r := range everything(s, tributary.SourceGraph, noon) {
		v := valid(t, s.Render(nil, r, Shape{}))
		graph[v["id"].(string)] = v
	}
	for _, r := range everything(s, tributary.SourceEndpoint, noon) {
		v := valid(t, s.Render(nil, r, Shape{}))
		g := graph[v["id"].(string)]
		for _, pair := range [][2]string{{"title", "title"}, {"description", "description"}, {"alertCreationTime", "createdDateTime"}, {"lastUpdateTime", "lastUpdateDateTime"}} {
			if v[pair[0]] != g[pair[1]] {
				t.Errorf("%s: Defender says %v, Graph %v", pair[0], v[pair[0]], g[pair[1]])
			}
		}
		if tributary.SeverityOf(v["severity"].(string)) != tributary.SeverityOf(g["severity"].(string)) {
			t.Errorf("severity: Defender says %v, Graph %v", v["severity"], g["severity"])
		}
	}
	parts := map[string]int{}
	for _, r := range everything(s, tributary.SourceSIEM, noon) {
		v := valid(t, s.Render(nil, r, Shape{}))
		id := v["AlertId"].(string)
		parts[id]++
		g := graph[id]
		processed, _ := moment(v["LastProcessedTimeUtc"].(string))
		updated, _ := moment(g["lastUpdateDateTime"].(string))
		if v["AlertTitle"] != g["title"] || processed.After(updated) || updated.Sub(processed) > time.Second {
			t.Errorf("SIEM says %v at %v, Graph %v at %v", v["AlertTitle"], v["LastProcessedTimeUtc"], g["title"], g["lastUpdateDateTime"])
		}
		if v["FullId"] != id+":"+v["IocUniqueId"].(string) {
			t.Errorf("FullId %v", v["FullId"])
		}
	}
	several := 0
	for _, n := range parts {
		if n > 1 {
			several++
		}
	}
	if several == 0 || several == len(parts) {
		t.Errorf("%d of %d alerts are split into several detections", several, len(parts))
	}
}

// TestPropertiesMatchBodies checks that filters see what bodies show.
func TestPropertiesMatchBodies(t *testing.T) {
	t.Parallel()
	s := NewSet(lively(9, 300))
	names := map[tributary.Source][]string{
		tributary.SourceGraph:    {"id", "severity", "status", "classification", "determination", "assignedTo", "category", "serviceSource", "detectionSource", "incidentId"},
		tributary.SourceEndpoint: {"id", "severity", "status", "classification", "determination", "assignedTo", "category", "detectionSource", "incidentId", "investigationId"},
	}
	for source, list := range names {
		for _, r := range everything(s, source, noon) {
			v := valid(t, s.Render(nil, r, Shape{}))
			for _, name := range list {
				got, want := s.property(r, name), v[name]
				if n, ok := got.(int64); ok {
					got = float64(n)
				}
				if got != want {
					t.Fatalf("%s: filters see %v, the body has %v", name, got, want)
				}
			}
		}
	}
}
