package splunk

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/sendertest"
	"tributary/siem/splunk/receiver"
)

func TestEvent(t *testing.T) {
	t.Parallel()
	r := sendertest.Records(7, 1)[0]
	r.Alert.Updated = time.Date(2026, 3, 1, 8, 17, 7, 503_999_900, time.UTC)
	id := r.Alert.EventID().String()
	r.Body = []byte(`{"a":1.0}`)
	for name, c := range map[string]struct {
		options Options
		body    string
		want    string
	}{
		"raw": {Options{Format: "raw"}, `{"a":1.0}`,
			`{"time":1772353027.503,"host":"contoso","source":"tributary:graph","sourcetype":"ms:defender:atp:alerts","event":{"a":1.0},"fields":{"tenant":"contoso","tributary_event_id":"ID"}}`},
		"ecs": {Options{Format: "ecs"}, `{"a":1.0}`,
			`{"time":1772353027.503,"host":"contoso","source":"tributary:graph","sourcetype":"tributary:ecs","event":{"a":1.0},"fields":{"tenant":"contoso","tributary_event_id":"ID"}}`},
		"all set": {Options{Format: "ecs", Index: "sec\"urity", Source: "s", SourceType: "st", Host: "h"}, `{"a":1.0}`,
			`{"time":1772353027.503,"host":"h","source":"s","sourcetype":"st","index":"sec\"urity","event":{"a":1.0},"fields":{"tenant":"contoso","tributary_event_id":"ID"}}`},
		"a text": {Options{Format: "cef"}, `CEF:0|"x"`,
			`{"time":1772353027.503,"host":"contoso","source":"tributary:graph","sourcetype":"tributary:cef","event":"CEF:0|\"x\"","fields":{"tenant":"contoso","tributary_event_id":"ID"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := r
			r.Body = []byte(c.body)
			e := newEnvelope(c.options)
			want := strings.Replace(c.want, "ID", id, 1)
			if got := string(e.appendEvent(nil, r)); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

// Splunk takes plain notation only, whatever the time.
func TestEpoch(t *testing.T) {
	t.Parallel()
	for want, at := range map[string]time.Time{
		"0.000":             time.Unix(0, 0),
		"0.001":             time.Unix(0, 1_999_999),
		"1772353027.000":    time.Unix(1772353027, 0),
		"1772353027.050":    time.Unix(1772353027, 50_000_000),
		"1772353027.999":    time.Unix(1772353027, 999_999_999),
		"253402300799.999":  time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		"-1.500":            time.Unix(-2, 500_000_000),
		"100000000000.000":  time.Unix(100_000_000_000, 0),
		"1000000000000.100": time.Unix(1_000_000_000_000, 100_000_000),
	} {
		if got := string(appendEpoch(nil, at)); got != want {
			t.Errorf("%v is %s, want %s", at, got, want)
		}
	}
}

// What arrives is what was sent, byte for byte, with what Splunk needs.
func TestEventArrives(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{Indexes: []string{"security"}}, Options{Format: "raw", Index: "security"})
	records := sendertest.Records(0, 3)
	result, err := b.Send(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	if result.Answer != "Success (code 0, HTTP status 200)" {
		t.Errorf("answer %q", result.Answer)
	}
	events := b.taken()
	for i, e := range events {
		if string(e.Body) != string(records[i].Body) || e.Index != "security" || e.Host != "contoso" || e.SourceType != "ms:defender:atp:alerts" {
			t.Errorf("event %d: %+v", i, e)
		}
		var id string
		if err := json.Unmarshal(e.Fields["tributary_event_id"], &id); err != nil || id != records[i].Alert.EventID().String() {
			t.Errorf("event %d: id %q (%v)", i, id, err)
		}
		if e.Channel == "" || e.Channel != events[0].Channel {
			t.Errorf("event %d came on channel %q", i, e.Channel)
		}
	}
}

func TestTooLargeEvent(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{}, Options{})
	records := sendertest.Records(0, 3)
	records[1].Body = []byte(`{"x":"` + strings.Repeat("y", MaxEventBytes) + `"}`)
	result, err := b.Send(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Refused) != 1 || result.Refused[0].Index != 1 || !strings.Contains(result.Refused[0].Reason, "5243") {
		t.Fatalf("refused %v, want record 1 with its size", result.Refused)
	}
	if n := len(b.taken()); n != 2 {
		t.Fatalf("%d events arrived", n)
	}
}

// An event larger than a batch goes alone.
func TestBatchesByBytes(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{}, Options{MaxBatchBytes: 10_000})
	records := sendertest.Records(0, 40)
	records[5].Body = []byte(`{"x":"` + strings.Repeat("y", 50_000) + `"}`)
	if _, err := b.Send(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	want, size := 0, 0
	for _, r := range records {
		n := len(b.envelope.appendEvent(nil, r)) + 1
		if size += n; want == 0 || size > 10_000 {
			want, size = want+1, n
		}
	}
	if n := b.receiver.Stats().Requests; n != want || n < 4 {
		t.Errorf("%d requests, want %d", n, want)
	}
	if got := b.bodies(); len(got) != 40 || !slices.Equal(got[5], records[5].Body) {
		t.Errorf("%d events arrived", len(got))
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	token := tributary.NewSecret(testToken)
	for _, o := range []Options{
		{},
		{URL: "https://h", Token: tributary.Secret{}},
		{URL: "ftp://h", Token: token},
		{URL: "h:8088", Token: token},
		{URL: "https://user:pass-word@h", Token: token},
		{URL: "https://h?token=pass-word", Token: token},
		{URL: "https://h#pass-word", Token: token},
		{URL: "https://h", Token: tributary.NewSecret("pass-word\n")},
		{URL: "https://h", Token: token, Ack: "maybe"},
		{URL: "https://pass-word %zz", Token: token},
	} {
		_, err := New(o)
		if err == nil {
			t.Errorf("New took url %q, ack %q", o.URL, o.Ack)
			continue
		}
		if strings.Contains(err.Error(), "pass-word") || strings.Contains(err.Error(), testToken) {
			t.Errorf("a secret shows in %v", err)
		}
	}
	for given, want := range map[string]string{
		"https://h:8088":                             "https://h:8088",
		"https://h:8088/":                            "https://h:8088",
		"https://h/services/collector":               "https://h",
		"https://h/services/collector/event":         "https://h",
		"https://h/services/collector/event/1.0":     "https://h",
		"https://gateway/splunk/services/collector/": "https://gateway/splunk",
		"https://gateway/splunk":                     "https://gateway/splunk",
	} {
		s := open(t, Options{URL: given, Token: token})
		if s.base != want {
			t.Errorf("%s became %s, want %s", given, s.base, want)
		}
	}
}
