package sim_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
)

// saved is what an analyst might have saved: pages of the three APIs, pretty
// and not, with numbers and escapes that a careless copy would change.
var saved = map[string]string{
	"graph.json": `{
  "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#security/alerts_v2",
  "value": [
    {
      "id": "aa0c6e1f2a-9f5b-4b4f-8c2b-2f6e0d3a1b11", "title": "Verd\u00e4chtig \"A\\B\" \/ ü", "severity": "high", "status": "new",
      "serviceSource": "microsoftDefenderForIdentity", "incidentId": "7", "createdDateTime": "2024-02-29T23:59:59.9999999Z",
      "lastUpdateDateTime": "2024-03-01T00:00:00.1234567Z", "weird": [1.0, 1e2, 12345678901234567890, -0, null, {}],
      "evidence": [ { "@odata.type": "#microsoft.graph.security.unheardOfEvidence", "x": " spaced  out " } ]
    },
    {"id":"da1","title":"old","severity":"low","createdDateTime":"2020-01-01T00:00:00Z","lastUpdateDateTime":"2020-01-02T00:00:00Z","serviceSource":"microsoftDefenderForEndpoint"},
    {"id":"da1","title":"newer","severity":"low","createdDateTime":"2020-01-01T00:00:00Z","lastUpdateDateTime":"2020-01-03T00:00:00Z","serviceSource":"microsoftDefenderForEndpoint"}
  ]
}`,
	"mde.ndjson": `{"id":"da638_-1","incidentId":9007199254740993,"severity":"Medium","alertCreationTime":"2023-05-05T05:05:05.5Z","lastUpdateTime":null,"machineId":"ab","evidence":[{"entityType":"File","sha1":null}]}
{"id":"da638_2","incidentId":null,"severity":"High","alertCreationTime":"2023-05-05T05:05:05Z","lastUpdateTime":"2023-05-06T00:00:00Z","machineId":"ab","evidence":[]}
`,
	"siem.json": `[{"AlertTime":"2020-09-30T14:09:20.35743Z","Severity":"High","AlertId":"da637_1","FullId":"da637_1:R4x=","AlertPart":0,"LastProcessedTimeUtc":"2020-09-30T14:11:44.0779765Z","Actor":""},
{"AlertTime":"2020-09-30T14:09:20.35743Z","Severity":"High","AlertId":"da637_1","FullId":"da637_1:R4x=","AlertPart":1,"LastProcessedTimeUtc":"2020-09-30T14:11:44.0779765Z","Actor":null}]`,
}

func savedFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	dir := t.TempDir()
	for name, body := range saved {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// TestReplayKeepsEveryMember compares, member by member and byte by byte, what
// is served with what was saved.
func TestReplayKeepsEveryMember(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Seed: 1, Replay: sim.Replay{Files: savedFiles(t), Tenant: "fabrikam"}})
	mine := l.Tenants()[1].ID
	served := map[tributary.Source][]json.RawMessage{}
	for _, source := range sources {
		query := []string{"$expand", "evidence"}
		switch source {
		case graph:
			query = []string{"$filter", "lastUpdateDateTime ge 2019-01-01T00:00:00Z", "$orderby", "lastUpdateDateTime asc"}
		case siem:
			query = []string{"sinceTimeUtc", "2019-01-01T00:00:00.000"}
		}
		a := l.askOf(mine, source, "", query...)
		var page struct{ Value []json.RawMessage }
		to := any(&page)
		if source == siem {
			to = &page.Value
		}
		if err := json.Unmarshal(a.body, to); err != nil {
			t.Fatalf("%s: %v: %s", source, err, a.body)
		}
		served[source] = page.Value
		if n := len(l.all(l.Tenants()[0].ID, source)); n != 0 {
			t.Errorf("%s: another tenant has %d alerts", source, n)
		}
	}
	members := func(raw json.RawMessage) map[string]json.RawMessage {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	var graphSaved struct{ Value []json.RawMessage }
	if err := json.Unmarshal([]byte(saved["graph.json"]), &graphSaved); err != nil {
		t.Fatal(err)
	}
	var siemSaved []json.RawMessage
	if err := json.Unmarshal([]byte(saved["siem.json"]), &siemSaved); err != nil {
		t.Fatal(err)
	}
	lines := splitLines(saved["mde.ndjson"])
	pairs := []struct {
		name      string
		was, came json.RawMessage
	}{
		{"graph, the newest", graphSaved.Value[0], served[graph][2]},
		{"graph, old version", graphSaved.Value[1], served[graph][0]},
		{"graph, newer version", graphSaved.Value[2], served[graph][1]},
		{"mde, only a creation time", lines[0], served[endpoint][1]},
		{"mde", lines[1], served[endpoint][0]},
		{"siem, part 0", siemSaved[0], served[siem][0]},
		{"siem, part 1", siemSaved[1], served[siem][1]},
	}
	for _, p := range pairs {
		was, came := members(p.was), members(p.came)
		if len(was) != len(came) {
			t.Errorf("%s: %d members became %d", p.name, len(was), len(came))
		}
		for name, value := range was {
			if compact(t, value) != compact(t, came[name]) {
				t.Errorf("%s: %s became %s", p.name, value, came[name])
			}
		}
	}
	truth := 0
	for v := range l.Truth(sim.Scope{}) {
		truth++
		if v.Tenant != "fabrikam" || v.TenantID != mine {
			t.Errorf("%+v", v)
		}
	}
	if truth != len(pairs) {
		t.Errorf("%d versions in the truth, %d in the files", truth, len(pairs))
	}
	if n := len(l.page(l.askOf(mine, graph, "", "$filter", "severity eq 'high' and createdDateTime lt 2024-03-01T00:00:00Z")).Value); n != 1 {
		t.Errorf("a filter on recorded members finds %d alerts", n)
	}
	if e := l.page(l.askOf(mine, endpoint, "", "$filter", "lastUpdateTime eq 2023-05-05T05:05:05.5Z")).Value[0]["evidence"].([]any); len(e) != 0 {
		t.Error("evidence without $expand")
	}
	one := l.askOf(mine, graph, "/da1")
	if one.status != 200 || members(one.body)["title"] == nil || string(members(one.body)["title"]) != `"newer"` {
		t.Errorf("a single alert is its newest version: %s", one.body)
	}
}

func compact(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var b []byte
	inText := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			b = append(b, c)
			i++
			b = append(b, raw[i])
			continue
		case c == '"':
			inText = !inText
		case !inText && (c == ' ' || c == '\n' || c == '\t' || c == '\r'):
			continue
		}
		b = append(b, raw[i])
	}
	return string(b)
}

func splitLines(text string) (lines []json.RawMessage) {
	for d := json.NewDecoder(stringReader(text)); d.More(); {
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return lines
		}
		lines = append(lines, raw)
	}
	return lines
}

func TestReplayMoved(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 30, Seed: 1, Still: true, Past: 6 * time.Hour, Replay: sim.Replay{Files: savedFiles(t), Move: true}})
	recent := l.page(l.ask(graph, "", "$filter", "lastUpdateDateTime ge "+noon.Add(-6*time.Hour).Format(time.RFC3339), "$top", "1000")).Value
	if len(recent) != 33 {
		t.Errorf("%d alerts within six hours, want 30 and the three recorded ones", len(recent))
	}
	for v := range l.Truth(sim.Scope{}) {
		if v.Updated.Before(noon.Add(-6*time.Hour-time.Minute)) || v.Updated.After(noon) {
			t.Errorf("%s lies outside of the past period", versionKey(v))
		}
	}
}

func TestReplayErrors(t *testing.T) {
	t.Parallel()
	if _, err := sim.New(sim.Options{Replay: sim.Replay{Files: []string{filepath.Join(t.TempDir(), "none.json")}}}); err == nil {
		t.Error("a missing file was taken")
	}
	if _, err := sim.New(sim.Options{Replay: sim.Replay{Files: savedFiles(t), Tenant: "nobody"}}); err == nil {
		t.Error("an unknown tenant was taken")
	}
}
