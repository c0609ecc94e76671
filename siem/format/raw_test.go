package format

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tributary"
)

func TestRawGolden(t *testing.T) {
	t.Parallel()
	for name, a := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Raw(&a)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+".raw.ndjson", append(got, '\n'))
			checkRaw(t, &a, got)
		})
	}
}

// checkRaw: everything before our member is Microsoft's body byte for byte,
// but for white space between tokens.
func checkRaw(t *testing.T, a *tributary.Alert, got []byte) {
	t.Helper()
	if !json.Valid(got) {
		t.Fatalf("not JSON: %s", got)
	}
	if bytes.ContainsAny(got, "\n\r") {
		t.Fatalf("more than one line: %q", got)
	}
	var body bytes.Buffer
	if err := json.Compact(&body, a.Raw); err != nil {
		t.Fatal(err)
	}
	before, _, found := bytes.Cut(got, []byte(`"tributary":{"tenant":"contoso","tenant_id":`))
	if !found {
		t.Fatalf("no envelope: %s", got)
	}
	if want := strings.TrimSuffix(body.String(), "}"); strings.TrimSuffix(string(before), ",") != want {
		t.Errorf("body changed\n got %s\nwant %s", before, want)
	}
}

func TestRawEnvelope(t *testing.T) {
	t.Parallel()
	a := tributary.Alert{
		Version: tributary.Version{
			TenantID: "11111111-2222-3333-4444-555555555555", Source: tributary.SourceGraph, ID: "da1",
			Updated: time.Date(2026, 3, 1, 9, 17, 7, 503_333_300, time.FixedZone("CET", 3600)),
		},
		Tenant:    "contoso",
		Fetched:   time.Date(2026, 3, 1, 8, 20, 0, 1, time.UTC),
		PortalURL: "https://security.microsoft.com/alerts/da1?a=1&tid=<x>",
	}
	const envelope = `"tributary":{"tenant":"contoso","tenant_id":"11111111-2222-3333-4444-555555555555","source":"graph",` +
		`"event_id":"EVENT","updated":"2026-03-01T08:17:07.5033333Z","fetched":"2026-03-01T08:20:00.000000001Z",` +
		`"portal_url":"https://security.microsoft.com/alerts/da1?a=1&tid=<x>"}}`
	for name, c := range map[string]struct{ raw, want string }{
		"no member":         {`{}`, `{` + envelope},
		"white space":       {" {\r\n\t\"a\" : 1.0 ,\n \"b\": [ 1 , 2 ] }\n", `{"a":1.0,"b":[1,2],` + envelope},
		"numbers":           {`{"n":1.50,"e":1E+2,"big":123456789012345678901234567890,"m":-0}`, `{"n":1.50,"e":1E+2,"big":123456789012345678901234567890,"m":-0,` + envelope},
		"escapes":           {`{"a":"\/\u00e5\u2028\\ud\"","u":"` + "\u2028<>&" + `"}`, `{"a":"\/\u00e5\u2028\\ud\"","u":"` + "\u2028<>&" + `",` + envelope},
		"names twice":       {`{"a":1,"a":2}`, `{"a":1,"a":2,` + envelope},
		"theirs, the only":  {`{"tributary":{"tenant":"fabrikam"}}`, `{` + envelope},
		"theirs, first":     {`{"tributary":1,"z":2}`, `{"z":2,` + envelope},
		"theirs, last":      {`{"z":2,"tributary":[{"tributary":"}"}]}`, `{"z":2,` + envelope},
		"theirs, escaped":   {`{"z":2,"\u0074ributary":null,"y":3}`, `{"z":2,"y":3,` + envelope},
		"theirs, twice":     {`{"tributary":1,"z":2,"tributary":3}`, `{"z":2,` + envelope},
		"theirs, deeper":    {`{"z":{"tributary":1}}`, `{"z":{"tributary":1},` + envelope},
		"another case":      {`{"Tributary":1}`, `{"Tributary":1,` + envelope},
		"in a value":        {`{"z":"tributary"}`, `{"z":"tributary",` + envelope},
		"a path with \\u":   {`{"z":"C:\\users\\x"}`, `{"z":"C:\\users\\x",` + envelope},
		"an empty name":     {`{"":0,"tributary":1}`, `{"":0,` + envelope},
		"quotes in a name":  {`{"a\"tributary":0,"tributary":1}`, `{"a\"tributary":0,` + envelope},
		"not UTF-8":         {"{\"a\":\"\xff\"}", "{\"a\":\"\xff\"," + envelope},
		"scalars at the to": {`{"a":true,"b":null,"tributary":false}`, `{"a":true,"b":null,` + envelope},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := a
			a.Raw = []byte(c.raw)
			got, err := Raw(&a)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(c.want, "EVENT", a.EventID().String(), 1)
			if string(got) != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			if string(a.Raw) != c.raw {
				t.Errorf("the alert's own body was changed to %s", a.Raw)
			}
		})
	}
}

func TestNotAnObject(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{``, ` `, `null`, `[]`, `[{}]`, `"x"`, `1`, `{`, `{"a":1}{"b":2}`, `{"a":01}`, `{"a":"` + "\n" + `"}`, `{'a':1}`, `{"a":1,}`} {
		for _, name := range Names() {
			f, err := ByName(name)
			if err != nil {
				t.Fatal(err)
			}
			a := tributary.Alert{Version: tributary.Version{ID: "da1", Source: tributary.SourceGraph}, Tenant: "contoso", Raw: []byte(raw)}
			got, err := f(&a)
			if err == nil {
				t.Errorf("%s took %q: %s", name, raw, got)
				continue
			}
			if !strings.Contains(err.Error(), "contoso") || !strings.Contains(err.Error(), "da1") {
				t.Errorf("%s of %q: the error names neither tenant nor alert: %v", name, raw, err)
			}
		}
	}
}

func TestByName(t *testing.T) {
	t.Parallel()
	if _, err := ByName("xml"); err == nil || !strings.Contains(err.Error(), `"xml"`) || !strings.Contains(err.Error(), "ecs, raw") {
		t.Errorf("ByName(xml) = %v, want an error that lists ecs, raw", err)
	}
}

func FuzzRaw(f *testing.F) {
	for _, a := range fixtures(f) {
		f.Add(a.Raw)
	}
	f.Add([]byte(`{"tributary":1,"z":2,"tributary":3}`))
	f.Add([]byte("{\"\\u0074ributary\":null,\"\xff\":\"\\\"\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := tributary.Alert{Tenant: "contoso", Raw: raw}
		got, err := Raw(&a)
		var theirs map[string]json.RawMessage
		isObject := json.Unmarshal(raw, &theirs) == nil && theirs != nil
		if (err == nil) != isObject {
			t.Fatalf("error %v, but an object: %v", err, isObject)
		}
		if err != nil {
			return
		}
		var ours map[string]json.RawMessage
		if err := json.Unmarshal(got, &ours); err != nil || bytes.ContainsAny(got, "\n\r") {
			t.Fatalf("%v: %q", err, got)
		}
		delete(theirs, envelopeName)
		for name, value := range theirs {
			var want bytes.Buffer
			if err := json.Compact(&want, value); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ours[name], want.Bytes()) {
				t.Fatalf("member %q: got %q, want %q", name, ours[name], want.Bytes())
			}
		}
		if len(ours) != len(theirs)+1 || bytes.Count(got, []byte(`"tributary":{"tenant":"contoso"`)) < 1 {
			t.Fatalf("members: got %q", got)
		}
	})
}
