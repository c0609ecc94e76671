package alerts

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzQuote compares our texts with what a JSON parser reads out of them.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", `"quoted" \ back`, "line\nbreak\ttab\r\x00\x1f", "Zürich 東京 🔒", "</script>&"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return // the catalogue has none
		}
		for _, ascii := range []bool{false, true} {
			j := newJSONText(nil, ascii)
			j.quote(s)
			var back string
			if err := json.Unmarshal(j.b, &back); err != nil || back != s {
				t.Errorf("%q is written as %s, read as %q, %v", s, j.b, back, err)
			}
			if ascii && strings.ContainsFunc(string(j.b), func(r rune) bool { return r >= utf8.RuneSelf }) {
				t.Errorf("%s is not ASCII", j.b)
			}
		}
	})
}

// FuzzEditMember checks that an edit that changes nothing changes nothing.
func FuzzEditMember(f *testing.F) {
	f.Add([]byte(`{"a":1.50,"evidence":[{"b":"ü"}],"c":null}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"":{"x":{}},"\u0061":"\"}"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil || members == nil || strings.ContainsAny(string(raw), " \t\r\n") {
			return // edits are made to compact objects
		}
		if got := editMember(raw, func(_ string, v []byte) []byte { return v }); string(got) != string(raw) {
			t.Errorf("%s became %s", raw, got)
		}
	})
}

func TestWithoutEvidence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{`{"id":"x","evidence":[{"a":"]}"}],"z":1.0}`, `{"id":"x","evidence":[],"z":1.0}`},
		{`{"evidence":{"entityType":"File"}}`, `{"evidence":[]}`},
		{`{"id":"\u00fc","n":1e2}`, `{"id":"\u00fc","n":1e2}`},
	} {
		if got := withoutEvidence([]byte(tt.in)); string(got) != tt.want {
			t.Errorf("%s became %s, want %s", tt.in, got, tt.want)
		}
	}
	if got := selectMembers([]byte(`{"a":1,"b":{"c":2},"d":"x"}`), []string{"d", "b"}); string(got) != `{"b":{"c":2},"d":"x"}` {
		t.Errorf("selected %s", got)
	}
}
