package recorded_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim/alerts"
	"tributary/microsoft/sim/recorded"
)

func write(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "saved.json")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, body string) *recorded.Recording {
	t.Helper()
	r, err := recorded.Read(write(t, body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	graphAlert  = `{"id":"aa1","createdDateTime":"2025-01-02T03:04:05.1234567Z","lastUpdateDateTime":"2025-01-03T00:00:00.5Z","serviceSource":"microsoftDefenderForIdentity","title":"\u00fc \/ 1.0e2","n":1.50E+2}`
	defender    = `{"id":"da638_-1","incidentId":12345678901234567890,"alertCreationTime":"2025-01-02T03:04:05Z","lastUpdateTime":"2025-01-02T04:00:00Z","machineId":"ab","evidence":[]}`
	fuller      = `{"id":"da638_-1","incidentId":12345678901234567890,"alertCreationTime":"2025-01-02T03:04:05Z","lastUpdateTime":"2025-01-02T04:00:00Z","machineId":"ab","evidence":[{"entityType":"User"}]}`
	detection   = `{"AlertTime":"2025-01-02T03:04:05Z","AlertId":"da638_-1","AlertPart":2,"FullId":"da638_-1:xyz=","LastProcessedTimeUtc":"2025-01-02T03:06:05.0760449Z"}`
	incident    = `{"@odata.type":"#microsoft.graph.security.incident","id":"29","displayName":"x","createdDateTime":"2025-01-02T03:04:05Z","lastUpdateDateTime":"2025-01-03T00:00:00Z"}`
	xdrIncident = `{"incidentId":924565,"incidentName":"x","createdTime":"2025-01-02T03:04:05Z","lastUpdateTime":"2025-01-02T03:04:05Z","alerts":[]}`
)

func TestPagesOfEachAPI(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		source     tributary.Source
		id         string
		updated    string
		raw        string
	}{
		{"a page of Graph", `{"@odata.context":"c","value":[ ` + graphAlert + ` ],"@odata.nextLink":"n"}`, "graph", "aa1", "2025-01-03T00:00:00.5Z", graphAlert},
		{"a page of Defender", "{\n \"@odata.context\": \"c\",\n \"value\": [" + defender + "]\n}", "endpoint", "da638_-1", "2025-01-02T04:00:00Z", defender},
		{"a page of the SIEM API", "[\n" + detection + "\n]\n", "siem", "da638_-1:xyz=#2", "2025-01-02T03:06:05.0760449Z", detection},
		{"a single alert", defender, "endpoint", "da638_-1", "2025-01-02T04:00:00Z", defender},
		{"a byte order mark", "\ufeff" + graphAlert, "graph", "aa1", "2025-01-03T00:00:00.5Z", graphAlert},
		{"no update time", `{"id":"x","title":"t","createdDateTime":"2025-01-02T03:04:05Z","lastUpdateDateTime":null}`, "graph", "x", "2025-01-02T03:04:05Z", ""},
		{".NET's year one", `{"id":"x","alertCreationTime":"2025-01-02T03:04:05Z","lastUpdateTime":"0001-01-01T00:00:00Z"}`, "endpoint", "x", "2025-01-02T03:04:05Z", ""},
		{"an offset", `{"id":"x","title":"t","lastUpdateDateTime":"2025-01-02T03:04:05.1+02:00"}`, "graph", "x", "2025-01-02T01:04:05.1Z", ""},
		{"the old spelling", `{"alertId":"a","fullId":"a:b","alertTime":"2017-01-01T00:00:00Z","lastProccesedTimeUtc":"2017-01-01T01:00:00"}`, "siem", "a:b#0", "2017-01-01T01:00:00Z", ""},
		{"no FullId", `{"AlertId":"a","IocUniqueId":"i","AlertPart":"3","AlertTime":"2017-01-01T00:00:00Z"}`, "siem", "a:i#3", "2017-01-01T00:00:00Z", ""},
	}
	for _, tt := range tests {
		r := read(t, tt.body)
		if len(r.Alerts) != 1 {
			t.Errorf("%s: %d alerts", tt.name, len(r.Alerts))
			continue
		}
		a := r.Alerts[0]
		if a.Source != tt.source || a.ID != tt.id || a.Updated.Format(time.RFC3339Nano) != tt.updated {
			t.Errorf("%s: %s %s %s, want %s %s %s", tt.name, a.Source, a.ID, a.Updated.Format(time.RFC3339Nano), tt.source, tt.id, tt.updated)
		}
		if tt.raw != "" && string(a.Raw) != tt.raw {
			t.Errorf("%s: became %s", tt.name, a.Raw)
		}
	}
}

func TestNDJSONAndRepeats(t *testing.T) {
	t.Parallel()
	first, second := write(t, graphAlert+"\n"+defender+"\n\n"+detection+"\n"), write(t, `[`+fuller+`,`+graphAlert+`]`)
	r, err := recorded.Read(first, second)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range r.Alerts {
		got = append(got, string(a.Raw))
	}
	if want := []string{graphAlert, fuller, detection}; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant each version once, the fuller body of two:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestIncidentsAreLeftOutWithANote(t *testing.T) {
	t.Parallel()
	for _, body := range []string{incident, xdrIncident, `{"value":[` + incident + `,` + graphAlert + `]}`} {
		r := read(t, body)
		if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "incident") || len(r.Alerts) != strings.Count(body, "aa1") {
			t.Errorf("%s: alerts %v, notes %q", body, r.Alerts, r.Notes)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, says string }{
		{"", "empty"},
		{`{"error":{"code":"Forbidden"}}`, "has these members"},
		{`{"value":[` + graphAlert + `,7]}`, "alert 2"},
		{`{"value":[` + graphAlert, "document 1"},
		{graphAlert + "\n{", "document 2"},
		{`{"id":"x","title":"t","createdDateTime":"soon"}`, "neither an update time"},
		{`{"title":"t","createdDateTime":"2025-01-02T03:04:05Z"}`, "without an id"},
		{"\xff\xfe{\x00}\x00", "UTF-16"},
	} {
		if _, err := recorded.Read(write(t, tt.body)); err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "saved.json") {
			t.Errorf("%q: error %v, want one with the file's name and %q", tt.body, err, tt.says)
		}
	}
	if _, err := recorded.Read(filepath.Join(t.TempDir(), "nothing.json")); err == nil {
		t.Error("a missing file was read")
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	r := read(t, graphAlert+defender+strings.Replace(defender, "da638_-1", "da638_7", 1)+detection)
	from, to := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	moved := recorded.Move(r.Alerts, from, to)
	at := map[string]time.Time{}
	for i, a := range moved {
		at[a.ID] = a.Updated
		if a.Updated.Before(from) || a.Updated.After(to) {
			t.Errorf("%s lies at %v", a.ID, a.Updated)
		}
		var was, is map[string]json.RawMessage
		if json.Unmarshal(r.Alerts[i].Raw, &was) != nil || json.Unmarshal(a.Raw, &is) != nil {
			t.Fatalf("%s", a.Raw)
		}
		name, in, ok := alerts.UpdateTime(a.Source, is)
		if !ok || !in.Equal(a.Updated) {
			t.Errorf("%s: the body says %v, the version %v", a.ID, in, a.Updated)
		}
		was[name] = is[name]
		for member := range is {
			if !bytes.Equal(was[member], is[member]) {
				t.Errorf("%s: %s became %s", a.ID, was[member], is[member])
			}
		}
	}
	if !at["da638_-1"].Equal(at["da638_7"]) || !at["da638_-1:xyz=#2"].Before(at["da638_-1"]) || !at["da638_-1"].Before(at["aa1"]) {
		t.Errorf("the order has changed: %v", at)
	}
}

// FuzzRead checks that no file breaks the reader, and that what it takes
// serves: valid JSON, an id and a time that moving keeps in step with the body.
func FuzzRead(f *testing.F) {
	for _, s := range []string{graphAlert, defender, detection, incident, `{"value":[` + graphAlert + `]}`, "[" + detection + "," + detection + "]", "\ufeff[]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := recorded.Read(file)
		if err != nil {
			return
		}
		for _, a := range append(r.Alerts, recorded.Move(r.Alerts, time.Unix(0, 0), time.Unix(1e9, 0))...) {
			var members map[string]json.RawMessage
			if json.Unmarshal(a.Raw, &members) != nil || a.ID == "" {
				t.Fatalf("%q gave %q %s", body, a.ID, a.Raw)
			}
		}
	})
}
