// Package hec sends alerts to somebody else's HTTP Event Collector, so that
// our sender can't agree with our own receiver's mistakes. It is a module of
// its own: what the collector needs stays out of the program's go.mod.
package hec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
	"tributary/siem/format"
	"tributary/siem/splunk"
)

const count = 1000

// arrived is one event as the collector read it.
type arrived struct {
	body     any
	time     time.Time
	resource map[string]any // host, source and sourcetype
	fields   map[string]any
}

func TestThousandAlerts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{format.NameRaw, format.NameECS} {
		for _, ack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s ack %t", name, ack), func(t *testing.T) {
				t.Parallel()
				c := start(t, ack)
				mode := splunk.AckOff
				if ack {
					mode = splunk.AckRequired
				}
				s := open(t, c, splunk.Options{Format: name, Ack: mode, MaxBatchBytes: 200_000})
				if err := s.Check(t.Context()); err != nil {
					t.Fatal(err)
				}
				records := records(t, name)
				result, err := s.Send(t.Context(), records)
				if err != nil || result.Settled != count || len(result.Refused) > 0 {
					t.Fatalf("%+v, %v", result, err)
				}
				if told := strings.Contains(result.Answer, "acknowledged by the indexers"); told != ack {
					t.Errorf("answer %q", result.Answer)
				}
				compare(t, c, name, records)
			})
		}
	}
}

// A collector without acknowledgement where it is required: nothing is sent.
func TestAckRequiredButMissing(t *testing.T) {
	t.Parallel()
	c := start(t, false)
	s := open(t, c, splunk.Options{Ack: splunk.AckRequired})
	result, err := s.Send(t.Context(), records(t, format.NameRaw)[:3])
	if e := tributary.AsSendError(err); err == nil || e.Kind != tributary.SendMisconfigured || result.Settled != 0 || c.logs.LogRecordCount() != 0 {
		t.Errorf("%+v with %d events, %v", result, c.logs.LogRecordCount(), err)
	}
}

// A collector that is gone, and comes back elsewhere.
func TestCollectorGone(t *testing.T) {
	t.Parallel()
	c := start(t, false)
	c.url = "https://" + freeAddress(t)
	s := open(t, c, splunk.Options{})
	_, err := s.Send(t.Context(), records(t, format.NameRaw)[:3])
	if e := tributary.AsSendError(err); err == nil || e.Kind != tributary.SendRetry {
		t.Errorf("got %v", err)
	}
}

func open(t *testing.T, c *collector, o splunk.Options) *splunk.Sender {
	t.Helper()
	o.URL, o.Client, o.Token = c.url, c.client, tributary.NewSecret("00000000-0000-4000-8000-000000000000")
	s, err := splunk.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// records are alerts of all sources, made from the fixtures of package format,
// each with an id, an update time and a tenant of its own.
func records(t *testing.T, name string) []tributary.Record {
	t.Helper()
	write, err := format.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	shapes := shapes(t)
	list := make([]tributary.Record, count)
	for i := range list {
		shape := shapes[i%len(shapes)]
		a := &tributary.Alert{
			Version: tributary.Version{
				TenantID: fmt.Sprintf("11111111-2222-3333-4444-%012d", i%25), Source: shape.source, ID: fmt.Sprintf("da%07d", i),
				Updated: time.Date(2026, 3, 1, 0, 0, i, (i*1_234_567)%1_000_000_000, time.UTC),
			},
			Tenant: fmt.Sprintf("customer-%d", i%25), Severity: tributary.Severity(i % 5),
			Fetched:   time.Date(2026, 3, 2, 0, 0, i, 0, time.UTC),
			PortalURL: "https://security.microsoft.com/alerts?a=1&tid=x",
			Raw:       bytes.Replace(shape.body, []byte("{"), fmt.Appendf(nil, `{"number":%d,`, i), 1),
		}
		body, err := write(a)
		if err != nil {
			t.Fatal(err)
		}
		list[i] = tributary.Record{Alert: a, Body: body}
	}
	return list
}

type shape struct {
	source tributary.Source
	body   []byte
}

func shapes(t *testing.T) []shape {
	t.Helper()
	paths, err := filepath.Glob("../../siem/format/testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []shape
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if strings.Contains(name, ".") {
			continue // what a format made of one
		}
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source, _, _ := strings.Cut(name, "-")
		list = append(list, shape{tributary.Source(source), body})
	}
	if len(list) < 5 {
		t.Fatalf("only %d shapes", len(list))
	}
	return list
}

// compare finds each record once among what arrived, with its content, its
// time and what Splunk keeps beside an event.
func compare(t *testing.T, c *collector, name string, records []tributary.Record) {
	t.Helper()
	got := map[string]arrived{}
	for _, logs := range c.logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, log := range scope.LogRecords().All() {
					fields := log.Attributes().AsRaw()
					id, _ := fields["tributary_event_id"].(string)
					if _, twice := got[id]; twice {
						t.Fatalf("event %q came twice", id)
					}
					got[id] = arrived{log.Body().AsRaw(), log.Timestamp().AsTime(), resource.Resource().Attributes().AsRaw(), fields}
				}
			}
		}
	}
	if len(got) != len(records) {
		t.Fatalf("%d events came, want %d", len(got), len(records))
	}
	sourceType := map[string]string{format.NameRaw: "ms:defender:atp:alerts", format.NameECS: "tributary:ecs"}[name]
	for i, r := range records {
		id := r.Alert.EventID().String()
		// The collector makes every number a double, as this does.
		var body any
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		want := arrived{
			body: body, time: r.Alert.Updated.Truncate(time.Millisecond),
			resource: map[string]any{"host.name": r.Alert.Tenant, "com.splunk.source": "tributary:" + string(r.Alert.Source), "com.splunk.sourcetype": sourceType},
			fields:   map[string]any{"tenant": r.Alert.Tenant, "tributary_event_id": id},
		}
		have := got[id]
		have.time = have.time.Round(time.Millisecond) // it went through a double
		if diff := cmp.Diff(want, have, cmp.AllowUnexported(arrived{})); diff != "" {
			t.Fatalf("record %d differs (-want +got):\n%s", i, diff)
		}
	}
}
