package setup

import (
	"net/url"
	"strings"
	"testing"
)

func TestStanzaName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"defender-alerts-contoso": "defender-alerts-contoso",
		"windows atp alerts":      "windows%20atp%20alerts",
		"a]\n[rest://b":           "a%5D%0A%5Brest%3A%2F%2Fb",
		"100%":                    "100%25",
		"Örebro":                  "%C3%96rebro",
	} {
		if got := stanzaName(text); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
}

func FuzzStanzaName(f *testing.F) {
	f.Add("a]b/c\nd%41")
	f.Fuzz(func(t *testing.T, text string) {
		name := stanzaName(text)
		if strings.ContainsAny(name, "[]/\\\r\n =#$") {
			t.Fatalf("%q became %q", text, name)
		}
		if back, err := url.PathUnescape(name); err != nil || back != text {
			t.Fatalf("%q became %q, which is %q: %v", text, name, back, err)
		}
	})
}
