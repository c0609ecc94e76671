package defender

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"tributary"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	got, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMoment(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-20T09:30:12.3266667Z":     "2026-11-20T09:30:12.3266667Z",
		"2026-11-20T09:30:12Z":             "2026-11-20T09:30:12Z",
		"2026-11-20T09:30:12":              "2026-11-20T09:30:12Z",
		"2026-11-20T09:30:12.5":            "2026-11-20T09:30:12.5Z",
		"2020-09-30T14:09:20.35743Z":       "2020-09-30T14:09:20.35743Z",
		"2026-11-20T09:30:12.123456789Z":   "2026-11-20T09:30:12.123456789Z",
		"2026-11-20T09:30:12.1+02:00":      "2026-11-20T07:30:12.1Z",
		"2026-01-01T00:00:00-05:30":        "2026-01-01T05:30:00Z",
		"2028-02-29T23:59:59Z":             "2028-02-29T23:59:59Z",
		"2026-11-20t09:30:12z":             "2026-11-20T09:30:12Z",
		"2026-11-20 09:30:12Z":             "2026-11-20T09:30:12Z",
		"":                                 "",
		"2026-11-20":                       "",
		"2026-02-29T00:00:00Z":             "",
		"2026-13-01T00:00:00Z":             "",
		"2026-11-20T24:00:00Z":             "",
		"2026-11-20T09:30:12.Z":            "",
		"2026-11-20T09:30:12.1234567890Z":  "",
		"2026-11-20T09:30:12 o'clock":      "",
		"2026-11-20T09:30:12+2:00":         "",
		"2026-11-20T09:30:12.12x":          "",
		"0001-01-01T00:00:00Z":             "",
		"9999-12-31T23:59:59.9999999Z":     "",
		"1969-12-31T23:59:59Z":             "",
		"20a6-11-20T09:30:12Z":             "",
		"2026/11/20T09:30:12Z":             "",
		"\xff026-11-20T09:30:12Z":          "",
		"2026-11-20T09:30:12.3266667Z\x00": "",
	} {
		got, ok := moment([]byte(text))
		switch {
		case ok != (want != ""):
			t.Errorf("%q: read %v as %v", text, ok, got)
		case ok && (!got.Equal(at(t, want)) || got.Location() != time.UTC):
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
}

// strictTime is ISO 8601 without the liberties that time.Parse allows itself.
var strictTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?$`)

func FuzzMoment(f *testing.F) {
	for _, text := range []string{"2026-11-20T09:30:12.3266667Z", "2026-11-20T09:30:12", "2026-02-30T00:00:00+14:00", "2026-11-20T09:30:60Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := moment([]byte(text))
		with := strings.ToUpper(text)
		if len(text) > 10 && text[10] == ' ' {
			with = with[:10] + "T" + with[11:]
		}
		want, err := time.Parse(time.RFC3339Nano, with)
		if err != nil {
			want, err = time.Parse(time.RFC3339Nano, with+"Z")
		}
		in := err == nil && want.Year() > 1970 && want.Year() < 2261
		if ok && (err != nil || !got.Equal(want)) {
			t.Errorf("%q read as %v, time.Parse says %v, %v", text, got, want, err)
		}
		if !ok && in && strictTime.MatchString(text) {
			t.Errorf("%q refused, time.Parse says %v", text, want)
		}
	})
}

func TestLiterals(t *testing.T) {
	t.Parallel()
	odd := time.Date(2026, 11, 23, 11, 0, 0, 123456789, time.FixedZone("", 3600))
	if got := from(odd); got != "2026-11-23T10:00:00.1234567Z" {
		t.Errorf("a lower bound of %s", got)
	}
	if got := upTo(odd); got != "2026-11-23T10:00:00.1234568Z" {
		t.Errorf("an upper bound of %s", got)
	}
	if got := upTo(noon); got != "2026-11-23T12:00:00.0000000Z" {
		t.Errorf("an even upper bound of %s", got)
	}
}

// FuzzMembers compares the light scan with encoding/json.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"id":"a","n":-1.5e3,"o":{"id":"b","c":[{"x":"]}"}]},"t":true,"z":null}`))
	f.Add([]byte(`{ "a\"b" : "\\" , "" : [ ] }`))
	f.Add([]byte(`{"id":"a\"b","lastUpdateTime":"2026-11-20T08:00:00Z","FullId":"x","AlertPart":0,"severity":""}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		object = bytes.TrimSpace(object)
		if !json.Valid(object) || object[0] != '{' {
			return
		}
		d := json.NewDecoder(bytes.NewReader(object))
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		m := memberScan{b: object}
		for d.More() {
			want, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				t.Fatal(err)
			}
			name, got, ok := m.next()
			if !ok {
				t.Fatalf("%s: no member %q", object, want)
			}
			var plain string
			if err := json.Unmarshal([]byte(`"`+string(name)+`"`), &plain); err != nil || plain != want {
				t.Fatalf("%s: member %q, want %q", object, name, want)
			}
			if !bytes.Equal(got, value) {
				t.Fatalf("%s: %q is %s, want %s", object, name, got, value)
			}
		}
		if name, _, ok := m.next(); ok {
			t.Fatalf("%s: one member too many, %q", object, name)
		}
		// The beginning of an alert that is too large is scanned too.
		for n := range object {
			for _, l := range []layout{graph.layout, endpoint.layout, siemLayout} {
				var e envelope
				l.read(&e, object[:n])
				plainText(e.id)
				identifySIEM(&e)
			}
		}
	})
}

func clientOf(r tributary.Reader) *client {
	if o, ok := r.(*odata); ok {
		return o.client
	}
	return r.(siem).client
}

func TestEnvelope(t *testing.T) {
	t.Parallel()
	noonText := noon.Format(time.RFC3339Nano)
	for name, tc := range map[string]struct {
		source   tributary.Source
		body     string
		id       string // empty: a hash
		updated  string
		created  string
		severity tributary.Severity
		link     string
		untimed  bool
		logged   string
	}{
		"graph": {
			source: tributary.SourceGraph, body: `{"evidence":[{"id":"no","severity":"low"}],"id":"da1_-2","severity":"high","createdDateTime":"2026-11-20T07:00:00Z","lastUpdateDateTime":"2026-11-20T08:00:00.1Z","alertWebUrl":"https://security.microsoft.com/alerts/da1_-2?tid=abc"}`,
			id: "da1_-2", updated: "2026-11-20T08:00:00.1Z", created: "2026-11-20T07:00:00Z", severity: tributary.SeverityHigh,
			link: "https://security.microsoft.com/alerts/da1_-2?tid=abc",
		},
		"link without tenant": {
			source: tributary.SourceGraph, body: `{"id":"a","lastUpdateDateTime":"2026-11-20T08:00:00Z","alertWebUrl":"https:\/\/security.microsoft.com/alerts/a?x=1#top"}`,
			id: "a", updated: "2026-11-20T08:00:00Z", link: "https://security.microsoft.com/alerts/a?x=1&tid=" + tenantID + "#top",
		},
		"link that isn't https": {
			source: tributary.SourceGraph, body: `{"id":"a","lastUpdateDateTime":"2026-11-20T08:00:00Z","alertWebUrl":"javascript:alert(1)//?tid=x"}`,
			id: "a", updated: "2026-11-20T08:00:00Z", link: "https://security.microsoft.com/alerts/a?tid=" + tenantID,
		},
		"link with a user name": {
			source: tributary.SourceGraph, body: `{"id":"a","lastUpdateDateTime":"2026-11-20T08:00:00Z","alertWebUrl":"https://security.microsoft.com@evil.example/?tid=x"}`,
			id: "a", updated: "2026-11-20T08:00:00Z", link: "https://security.microsoft.com/alerts/a?tid=" + tenantID,
		},
		"link with a quote": {
			source: tributary.SourceGraph, body: `{"id":"a","lastUpdateDateTime":"2026-11-20T08:00:00Z","alertWebUrl":"https://x/?tid=\"><script>"}`,
			id: "a", updated: "2026-11-20T08:00:00Z", link: "https://security.microsoft.com/alerts/a?tid=" + tenantID,
		},
		"endpoint": {
			source: tributary.SourceEndpoint, body: `{"id":"da3 4","severity":"UnSpecified","alertCreationTime":"2026-11-20T07:00:00","lastUpdateTime":"2026-11-20T08:00:00.19"}`,
			id: "da3 4", updated: "2026-11-20T08:00:00.19Z", created: "2026-11-20T07:00:00Z",
			link: "https://security.microsoft.com/alerts/da3%204?tid=" + tenantID,
		},
		"escaped id": {
			source: tributary.SourceEndpoint, body: `{"id":"a\u002fb\"c","lastUpdateTime":"2026-11-20T08:00:00Z"}`,
			id: `a/b"c`, updated: "2026-11-20T08:00:00Z", link: "https://security.microsoft.com/alerts/a%2Fb%22c?tid=" + tenantID,
		},
		"number for an id": {
			source: tributary.SourceEndpoint, body: `{"id":17,"severity":5,"lastUpdateTime":"2026-11-20T08:00:00Z"}`,
			id: "17", updated: "2026-11-20T08:00:00Z", link: "https://security.microsoft.com/alerts/17?tid=" + tenantID,
		},
		"no update time": {
			source: tributary.SourceEndpoint, body: `{"id":"a","severity":"low","alertCreationTime":"2026-11-20T07:00:00Z","lastUpdateTime":null}`,
			id: "a", updated: "2026-11-20T07:00:00Z", created: "2026-11-20T07:00:00Z", severity: tributary.SeverityLow, untimed: true,
			link: "https://security.microsoft.com/alerts/a?tid=" + tenantID,
		},
		"no time": {
			source: tributary.SourceGraph, body: `{"id":"a","lastUpdateDateTime":"0001-01-01T00:00:00Z"}`,
			id: "a", updated: noonText, untimed: true, logged: "no time", link: "https://security.microsoft.com/alerts/a?tid=" + tenantID,
		},
		"no id":    {source: tributary.SourceGraph, body: `{"lastUpdateDateTime":"2026-11-20T08:00:00Z","id":""}`, updated: "2026-11-20T08:00:00Z", logged: "no id"},
		"nothing":  {source: tributary.SourceGraph, body: `{}`, updated: noonText, untimed: true, logged: "no id"},
		"id twice": {source: tributary.SourceGraph, body: `{"id":"a","id":"b","lastUpdateDateTime":"2026-11-20T08:00:00Z"}`, id: "a", updated: "2026-11-20T08:00:00Z", link: "https://security.microsoft.com/alerts/a?tid=" + tenantID},
		"siem": {
			source: tributary.SourceSIEM, body: `{"AlertTime":"2026-11-20T07:00:00.35743Z","Severity":"High","AlertId":"da5_-6","AlertPart":2,"FullId":"da5_-6:R4x=","LastProcessedTimeUtc":"2026-11-20T07:02:00.0779765Z","IocUniqueId":"R4x="}`,
			id: "da5_-6:R4x=#2", updated: "2026-11-20T07:02:00.0779765Z", created: "2026-11-20T07:00:00.35743Z", severity: tributary.SeverityHigh,
			link: "https://security.microsoft.com/alerts/da5_-6?tid=" + tenantID,
		},
		"siem of 2017": {
			source: tributary.SourceSIEM, body: `{"AlertTime":"2017-01-23T07:32:54Z","alertid":"6_-1","ALERTPART":"0","FullId":null,"LastProccesedTimeUtc":"2017-01-23T11:33:45Z","iocUniqueId":"9D"}`,
			id: "6_-1:9D#0", updated: "2017-01-23T11:33:45Z", created: "2017-01-23T07:32:54Z", link: "https://security.microsoft.com/alerts/6_-1?tid=" + tenantID,
		},
		"siem with little": {
			source: tributary.SourceSIEM, body: `{"AlertTime":"2017-01-23T07:32:54Z","AlertId":"6_-1","FullId":"","LastProcessedTimeUtc":""}`,
			id: "6_-1#0", updated: "2017-01-23T07:32:54Z", created: "2017-01-23T07:32:54Z", untimed: true, link: "https://security.microsoft.com/alerts/6_-1?tid=" + tenantID,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			a, timed := clientOf(s.reader(t, tc.source)).alert([]byte(tc.body), noon)
			if tc.id == "" {
				tc.id = hashID([]byte(tc.body))
			}
			if a.ID != tc.id || !a.Updated.Equal(at(t, tc.updated)) || a.Severity != tc.severity || a.PortalURL != tc.link || timed == tc.untimed {
				t.Errorf("id %q updated %v severity %v link %q timed %v", a.ID, a.Updated, a.Severity, a.PortalURL, timed)
			}
			if tc.created == "" && !a.Created.IsZero() || tc.created != "" && !a.Created.Equal(at(t, tc.created)) {
				t.Errorf("created %v", a.Created)
			}
			if a.TenantID != tenantID || a.Tenant != "contoso" || a.Source != tc.source || string(a.Raw) != tc.body || !a.Fetched.Equal(noon.Add(9*time.Minute)) {
				t.Errorf("%+v", a)
			}
			if logged := s.logs.String(); (logged == "") != (tc.logged == "") || !strings.Contains(logged, tc.logged) {
				t.Errorf("logged %q", logged)
			}
		})
	}
}
