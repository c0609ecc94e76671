package odata_test

import (
	"strings"
	"testing"
	"time"

	"tributary/microsoft/sim/odata"
)

var properties = map[string]odata.Type{
	"lastUpdateDateTime": odata.Moment, "createdDateTime": odata.Moment,
	"severity": odata.Enum, "assignedTo": odata.Text, "incidentId": odata.Number,
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

var sample = map[string]any{
	"lastUpdateDateTime": at("2026-05-20T23:54:36.1234567Z"),
	"createdDateTime":    at("2026-05-20T20:00:00Z"),
	"severity":           "high",
	"assignedTo":         nil,
	"incidentId":         int64(17),
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter string
		want   bool
	}{
		{"lastUpdateDateTime ge 2026-05-20T23:54:36Z", true},
		{"lastUpdateDateTime ge 2026-05-20T23:54:36.1234567Z", true},
		{"lastUpdateDateTime gt 2026-05-20T23:54:36.1234567Z", false},
		{"lastUpdateDateTime lt 2026-05-20T23:54:36.1234568Z", true},
		{"lastUpdateDateTime eq 2026-05-21T01:54:36.1234567+02:00", true},
		{"lastUpdateDateTime ge 2026-05-20T23:00:00Z and lastUpdateDateTime le 2026-05-20T23:30:00Z", false},
		{"severity eq 'high'", true},
		{"severity eq 'High'", false},
		{"severity ne 'high'", false},
		{"severity eq 'low' or severity eq 'high'", true},
		{"severity eq 'low' or severity eq 'high' and incidentId eq 3", false},
		{"(severity eq 'low' or severity eq 'high') and incidentId eq 17", true},
		{"not (severity eq 'low')", true},
		{"not not severity eq 'high'", true},
		{"assignedTo eq null", true},
		{"assignedTo ne null", false},
		{"assignedTo eq 'x'", false},
		{"assignedTo ne 'x'", true},
		{"createdDateTime gt null", false},
		{"incidentId ge 17 and incidentId lt 18", true},
		{"severity\teq\t'it''s'", false},
	}
	for _, tt := range tests {
		f, err := odata.Parse(tt.filter, properties)
		if err != nil {
			t.Errorf("%s: %v", tt.filter, err)
			continue
		}
		if got := f.Match(func(p string) any { return sample[p] }); got != tt.want {
			t.Errorf("%s: matched %v, want %v", tt.filter, got, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ filter, says string }{
		{"", "position 0"},
		{"investigationState eq 'running'", "'investigationState'"},
		{"LastUpdateDateTime ge 2026-05-20T23:54:36Z", "'LastUpdateDateTime'"},
		{"lastUpdateDateTime ge '2026-05-20T23:54:36Z'", "without quotes"},
		{"lastUpdateDateTime ge 2026-05-20T23:54:36", "not a date and time"},
		{"lastUpdateDateTime ge 2026-05-20", "not a date and time"},
		{"severity eq high", "single quotes"},
		{"severity ge 'low'", "operator 'ge'"},
		{"severity eq 'high", "unterminated"},
		{"severity eq 'high' and", "position 22"},
		{"severity eq 'high' severity eq 'low'", "position 19"},
		{"severity contains 'high'", "position 9"},
		{"(severity eq 'high'", "position 19"},
		{"severity eq 'high')", "position 18"},
		{"severity eq", "severity"},
		{"incidentId eq 1.5", "whole number"},
		{strings.Repeat("(", 60) + "severity eq 'high'" + strings.Repeat(")", 60), "too deep"},
		{strings.Repeat("not ", 60) + "severity eq 'high'", "too deep"},
	}
	for _, tt := range tests {
		if _, err := odata.Parse(tt.filter, properties); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want one with %q", tt.filter, err, tt.says)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	a, b := "2026-05-20T23:00:00Z", "2026-05-20T23:30:00Z"
	tests := []struct{ filter, from, to string }{
		{"severity eq 'high'", "", ""},
		{"lastUpdateDateTime ge " + a, a, ""},
		{"lastUpdateDateTime gt " + a + " and lastUpdateDateTime gt " + b, b, ""},
		{"(lastUpdateDateTime ge " + a + " and severity eq 'low') and lastUpdateDateTime lt " + b, a, b},
		{"lastUpdateDateTime eq " + a, a, a},
		{"lastUpdateDateTime ge " + a + " or severity eq 'high'", "", ""},
		{"not (lastUpdateDateTime ge " + a + ")", "", ""},
		{"lastUpdateDateTime le " + b + " and lastUpdateDateTime le " + a, "", a},
	}
	for _, tt := range tests {
		f, err := odata.Parse(tt.filter, properties)
		if err != nil {
			t.Fatalf("%s: %v", tt.filter, err)
		}
		from, to := f.Bounds("lastUpdateDateTime")
		for _, c := range []struct {
			got  time.Time
			want string
		}{{from, tt.from}, {to, tt.to}} {
			if c.want == "" && !c.got.IsZero() || c.want != "" && !c.got.Equal(at(c.want)) {
				t.Errorf("%s: bounds %v to %v, want %q to %q", tt.filter, from, to, tt.from, tt.to)
			}
		}
	}
}

// FuzzParse checks that no filter breaks the parser, and that bounds never
// shut out what the filter takes.
func FuzzParse(f *testing.F) {
	f.Add("lastUpdateDateTime ge 2026-05-20T23:54:36Z and severity eq 'high'")
	f.Add("not (severity eq 'it''s' or incidentId lt 3)")
	f.Add("assignedTo eq null and (lastUpdateDateTime lt 2026-05-20T23:54:36.1234567Z)")
	f.Fuzz(func(t *testing.T, filter string) {
		parsed, err := odata.Parse(filter, properties)
		if err != nil {
			return
		}
		from, to := parsed.Bounds("lastUpdateDateTime")
		when := sample["lastUpdateDateTime"].(time.Time)
		outside := !from.IsZero() && when.Before(from) || !to.IsZero() && when.After(to)
		if parsed.Match(func(p string) any { return sample[p] }) && outside {
			t.Errorf("%q matches %v, which its bounds %v to %v leave out", filter, when, from, to)
		}
	})
}
