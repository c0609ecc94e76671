package directory

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzFault: whatever stands in an error, it becomes one bounded line.
func FuzzFault(f *testing.F) {
	for _, seed := range []string{
		`{"error":{"code":"Request_BadRequest","message":"no","details":[{"code":"NoBackingApplicationObject"}],"innerError":{"request-id":"x","innererror":{"request-id":"y"}}}}`,
		`{"error":"invalid_grant","error_description":"AADSTS"}`, `{"code":3000,"description":"no"}`, `<html>`, "\ufeff{}", "", `{"error":{"details":{}}}`, `[1]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fault := readFault(body)
		line := clean(fault.sentence(), 500)
		if len(line) > 500+len("…") || strings.ContainsAny(line, "\r\n\x1b") || !utf8.ValidString(line) {
			t.Errorf("%q", line)
		}
	})
}

// FuzzKeys: what an application's keys are, they are handed back as they came,
// but for their bytes.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`[{"keyId":"a","key":"QUJD","endDateTime":"2026-01-01T00:00:00.1234567Z","n":12345678901234567890}]`), "a")
	f.Add([]byte(`[{"keyId":"a"},{"keyId":"B"},{"keyId":null}]`), "b")
	f.Add([]byte(`["text"]`), "")
	f.Fuzz(func(t *testing.T, body []byte, without string) {
		var app application
		if json.Unmarshal([]byte(`{"keyCredentials":`+string(body)+`}`), &app) != nil {
			return
		}
		app.credentials()
		back, err := handedBack(app.Keys, without)
		if err != nil {
			return
		}
		if without == "" && len(back) != len(app.Keys) {
			t.Fatalf("%d keys became %d", len(app.Keys), len(back))
		}
		for _, raw := range back {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(raw, &members); err != nil || string(members["key"]) != "null" {
				t.Errorf("%s: %v", raw, err)
			}
			if without != "" && strings.EqualFold(word(members["keyId"]), without) {
				t.Errorf("%s stayed", raw)
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"5", "-1", "99999999999", "Mon, 23 Nov 2026 12:00:30 GMT", "soon"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if got := retryAfter(http.Header{"Retry-After": {value}}, noon); got < 0 || got > time.Hour {
			t.Errorf("%q is %v", value, got)
		}
	})
}

func FuzzThumbprint(f *testing.F) {
	f.Add("QUJDREVGR0hJSktMTU5PUFFSU1Q=")
	f.Fuzz(func(t *testing.T, text string) {
		if got := thumbprintOf(text); got != "" && len(got) != 40 {
			t.Errorf("%q is %q", text, got)
		}
	})
}

// FuzzRedirect: what is taken is an address that Entra can compare.
func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{fabrikamURI, "http://localhost", "http://localhost:8080/x", "https://a*b/", "https:x", "javascript:alert(1)", "https://a/#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if checkRedirect(uri) == nil && (len(uri) > 256 || strings.ContainsAny(uri, "*#") ||
			!strings.HasPrefix(strings.ToLower(uri), "https://") && !strings.HasPrefix(strings.ToLower(uri), "http://localhost")) {
			t.Errorf("%q is taken", uri)
		}
	})
}
