package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// demoOnce runs demo --once in a process of its own and returns its result.
func demoOnce(t *testing.T, args ...string) (result, string) {
	t.Helper()
	dir := t.TempDir()
	cmd := program(dir, append([]string{"demo", "--once", "--output", "json", "--out", "out"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.String(), errs.String())
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("stdout is not one JSON object: %v\n%s", err, out.String())
	}
	return r, filepath.Join(dir, "out")
}

func TestDemoDeliversWhatMicrosoftHolds(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"well":   {"--tenants", "10", "--alerts", "1000"},
		"faults": {"--tenants", "5", "--alerts", "300", "--faults", "--seed", "3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, dir := demoOnce(t, args...)
			if r.Missing != 0 || r.Duplicates != 0 || r.Invented != 0 || r.Connected != r.Tenants || r.Versions == 0 || r.Delivered != r.Versions {
				t.Errorf("%+v", r)
			}
			// The files lie there for anybody to compare.
			truth, delivered := versionLines(t, filepath.Join(dir, "truth.ndjson")), versionLines(t, filepath.Join(dir, "delivered.ndjson"))
			if len(truth) != r.Versions || len(delivered) != r.Versions {
				t.Errorf("%d lines of truth, %d delivered, %d versions", len(truth), len(delivered), r.Versions)
			}
			for line := range truth {
				if !delivered[line] {
					t.Errorf("not delivered: %v", line)
				}
			}
		})
	}
}

// versionLine is what identifies a version in both files.
type versionLine struct{ Tenant, Source, ID, Updated string }

func versionLines(t *testing.T, path string) map[versionLine]bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[versionLine]bool{}
	for line := range strings.Lines(string(text)) {
		var v versionLine
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		lines[v] = true
	}
	return lines
}

// Recorded bodies go through the whole road, every member as it stands in the
// file: odd numbers, escapes, unknown members and all.
func TestReplayKeepsEveryMember(t *testing.T) {
	t.Parallel()
	recorded := map[string]string{
		"graph.json": `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#security/alerts_v2","value":[
			{"id":"da637000000000000001_-1","title":"A \"quoted\" name\twith a tab \u00e5\ud83d\ude00","severity":"high","status":"new",
			 "createdDateTime":"2024-03-01T08:00:00.1234567Z","lastUpdateDateTime":"2024-03-02T09:30:00.7654321Z",
			 "serviceSource":"aServiceThatIsNewTomorrow","neverSeen":{"deep":[1,2.50,1e3,-0,12345678901234567890,null,{}]},
			 "evidence":[{"@odata.type":"#microsoft.graph.security.unheardOfEvidence","path":"C:\\\\Windows\\/x","empty":""}],
			 "alertWebUrl":"https:\/\/security.microsoft.com\/alerts\/da637000000000000001_-1?tid=1"},
			{"id":"aa11111111-2222-3333-4444-555555555555","title":"same instant","severity":"informational",
			 "createdDateTime":"2024-03-01T08:00:00Z","lastUpdateDateTime":"2024-03-02T09:30:00.7654321Z","comments":[{"comment":"=|\\\n"}]}]}`,
		"endpoint.json": `{"@odata.context":"https://api.securitycenter.microsoft.com/api/$metadata#Alerts","value":[
			{"id":"da637000000000000002_7","incidentId":9007199254740993,"severity":"UnSpecified","status":"Resolved","title":"t",
			 "alertCreationTime":"2022-01-01T00:00:00Z","lastUpdateTime":"2022-01-05T10:00:00.12Z","machineId":"ab","computerDnsName":null,
			 "evidence":[{"entityType":"File","sha1":null,"fileName":"a.exe"}],"aadTenantId":"11111111-1111-1111-1111-111111111111"}]}`,
		"siem.json": `[{"AlertTime":"2020-09-30T14:09:20.35743Z","AlertTitle":"x","Severity":"Low","AlertId":"da637000000000000003_1","AlertPart":2,
			"FullId":"da637000000000000003_1:abc=","LastProcessedTimeUtc":"2020-09-30T14:11:44.0779765Z","Actor":"","RemediationIsSuccess":null,"ReportID":1053729833}]`,
	}
	dir := t.TempDir()
	var files []string
	var want []string
	for name, text := range recorded {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
		want = append(want, elements(t, []byte(text))...)
	}
	r, out := demoOnce(t, "--tenants", "1", "--alerts", "5", "--replay", strings.Join(files, ","))
	if r.Missing != 0 || r.Duplicates != 0 || r.Invented != 0 {
		t.Errorf("%+v", r)
	}
	delivered := map[string]bool{}
	names, err := filepath.Glob(filepath.Join(out, "alerts", "*.ndjson"))
	if err != nil || len(names) == 0 {
		t.Fatal("no delivered file", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			// Ours is the last member.
			body, _, ok := strings.Cut(line, `,"tributary":{"tenant":`)
			if !ok {
				t.Fatalf("no tributary member in %s", line)
			}
			delivered[body+"}"] = true
		}
	}
	for _, text := range want {
		if !delivered[text] {
			t.Errorf("not delivered byte for byte:\n%s", text)
		}
	}
}

// elements are the alerts of a recorded page, without insignificant blanks.
func elements(t *testing.T, page []byte) []string {
	t.Helper()
	var envelope struct{ Value []json.RawMessage }
	if page[0] == '[' {
		if err := json.Unmarshal(page, &envelope.Value); err != nil {
			t.Fatal(err)
		}
	} else if err := json.Unmarshal(page, &envelope); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, raw := range envelope.Value {
		var b bytes.Buffer
		if err := json.Compact(&b, raw); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, b.String())
	}
	return texts
}
