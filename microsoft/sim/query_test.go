package sim

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzSIEMQuery checks that no parameters break the reading of them and that
// what is taken makes sense.
func FuzzSIEMQuery(f *testing.F) {
	for _, s := range []string{"", "ago=PT10M", "ago=P999W9999DT99999H999999M99999999.9S", "sinceTimeUtc=2016-09-12T00:00:00.000&untilTimeUtc=2016-09-13", "limit=5&machinegroups=a&machinegroups=b", "LIMIT=1&Limit=2"} {
		f.Add(s)
	}
	clock := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw string) {
		in, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q, err := siemQuery(in, clock)
		if err != nil {
			return
		}
		if in.Get("ago") != "" && in.Get("sinceTimeUtc") == "" && len(in) == 1 && q.From.After(clock) {
			t.Errorf("%q looks into the future: %v", raw, q.From)
		}
		if q.Limit < 0 {
			t.Errorf("%q: limit %d", raw, q.Limit)
		}
		q.Match(func(string) any { return nil })
	})
}

// FuzzQueryOf checks that options survive being written into a next link.
func FuzzQueryOf(f *testing.F) {
	for _, s := range []string{"$filter=a%20ge%20b&$top=5", "%24top=5&x=1&$top", "$filter=it''s+a%2Bb%26", "$top=%zz", "$top=1&$top=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := queryOf(&http.Request{URL: &url.URL{RawQuery: raw}}, graphOptions)
		if err != nil {
			return
		}
		again, err := queryOf(&http.Request{URL: &url.URL{RawQuery: q.String()}}, graphOptions)
		if err != nil || len(again) != len(q) {
			t.Fatalf("%q became %q: %v", raw, q.String(), err)
		}
		for i := range q {
			if q[i] != again[i] {
				t.Errorf("%q became %q", q[i], again[i])
			}
		}
		if strings.ContainsAny(q.String(), " \n\"") {
			t.Errorf("%q is no address", q.String())
		}
	})
}
