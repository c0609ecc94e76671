package format

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tributary"
)

// Nothing of Microsoft's is lost on the way into a document: every value but
// null, "", [] and {} is in the vendor namespace, in whatever evidence it
// stood.
func TestVendorNamespaceIsComplete(t *testing.T) {
	t.Parallel()
	for name, a := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkComplete(t, a)
		})
	}
}

func checkComplete(t *testing.T, a tributary.Alert) {
	t.Helper()
	got, err := ECS(&a)
	if err != nil {
		t.Fatal(err)
	}
	var all, vendor map[string]json.RawMessage
	if err := json.Unmarshal(got, &all); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	namespace := map[tributary.Source][2]string{
		tributary.SourceGraph:    {"m365_defender", "alert"},
		tributary.SourceEndpoint: {"microsoft", "defender_endpoint"},
		tributary.SourceSIEM:     {"microsoft", "defender_siem"},
	}[a.Source]
	if err := json.Unmarshal(all[namespace[0]], &vendor); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	want := scalars(t, a.Raw, false)
	have := scalars(t, vendor[namespace[1]], true)
	for _, v := range want {
		i := slices.Index(have, v)
		if i < 0 {
			t.Errorf("%s is not in the document\n%s", v, got)
			continue
		}
		have = slices.Delete(have, i, i+1)
	}
	for _, v := range have {
		t.Errorf("%s is not in Microsoft's body", v)
	}
}

// scalars lists all numbers, booleans and non-empty strings, times without
// what lies below the millisecond, numbers as text. Of a link that was split
// only the original counts.
func scalars(t *testing.T, body []byte, ours bool) []string {
	t.Helper()
	if body == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	var list []string
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if ours && strings.HasSuffix(name, "web_url") {
				list = append(list, v["original"].(string))
				return
			}
			for name, inner := range v {
				walk(name, inner)
			}
		case []any:
			for _, inner := range v {
				walk(name, inner)
			}
		case string:
			if tm, ok := readTime(v); ok {
				v = string(cut(tm))
			}
			if v != "" {
				list = append(list, v)
			}
		case json.Number:
			list = append(list, v.String())
		case bool:
			list = append(list, map[bool]string{true: "true", false: "false"}[v])
		}
	}
	walk("", root)
	slices.Sort(list)
	return list
}

func TestSnakeNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"id":                      "id",
		"@odata.type":             "odata_type",
		"createdDateTime":         "created_datetime",
		"lastUpdateDateTime":      "last_update_datetime",
		"azureAdDeviceId":         "azure_ad_device_id",
		"p1Sender":                "p1_sender",
		"sha256Ac":                "sha256_ac",
		"clusterIP":               "cluster_ip",
		"URLCount":                "url_count",
		"parentProcessId":         "parent_process_id",
		"DateTime":                "datetime",
		"previousLogonDateTime":   "previous_logon_datetime",
		"previousLogonDateTimeAt": "previous_logon_datetime_at",
		"already_snake":           "already_snake",
		"":                        "",
	} {
		if got := string(appendSnake(nil, []byte(name))); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func TestVendorNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"groups":            {`{"rbacGroupId":7,"a":1,"rbacGroupName":"x"}`, `{"rbac_group":{"id":"7","name":"x"},"a":1}`},
		"half a group":      {`{"rbacGroupId":null,"rbacGroupName":"x"}`, `{"rbac_group":{"name":"x"}}`},
		"an empty group":    {`{"rbacGroupId":null,"rbacGroupName":"","b":2}`, `{"b":2}`},
		"names that meet":   {`{"fooBar":1,"foo_bar":2,"FooBar":3}`, `{"foo_bar":1,"foo_bar_":2,"FooBar":3}`},
		"a group's name":    {`{"process":1,"processId":2}`, `{"process":1,"processId":{"id":2}}`},
		"one name twice":    {`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
		"escaped name":      {`{"creat\u0065dDateTime":"2026-01-01T00:00:00.1234567Z"}`, `{"created_datetime":"2026-01-01T00:00:00.123Z"}`},
		"open below":        {`{"customDetails":{"fooBar":{"bazDateTime":"2026-01-01T00:00:00.1234567Z","osBuild":1}}}`, `{"custom_details":{"fooBar":{"bazDateTime":"2026-01-01T00:00:00.1234567Z","osBuild":1}}}`},
		"nothing but empty": {`{"a":null,"b":"","c":[],"d":{},"e":[null,{"f":[""]}]}`, `{}`},
		"not empty":         {`{"a":false,"b":0,"c":[0],"d":" "}`, `{"a":false,"b":0,"c":[0],"d":" "}`},
		"no link":           {`{"alertWebUrl":"%zz"}`, `{"web_url":{"original":"%zz"}}`},
		"a link":            {`{"alertWebUrl":"https:\/\/h.example:8443\/p?q=1#f"}`, `{"web_url":{"domain":"h.example","fragment":"f","original":"https://h.example:8443/p?q=1#f","path":"/p","port":8443,"query":"q=1","scheme":"https"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := graphNaming.vendor(nil, value(c.body), func([]byte, value) {})
			if string(got) != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func FuzzECS(f *testing.F) {
	for _, a := range fixtures(f) {
		f.Add(string(a.Source), a.Raw)
	}
	f.Add("graph", []byte(`{"evidence":{"a":[[{"@odata.type":"x"}]]},"mitreTechniques":["a.b.c",". ",""],"id":5}`))
	f.Fuzz(func(t *testing.T, source string, raw []byte) {
		a := tributary.Alert{Version: tributary.Version{Source: tributary.Source(source)}, Tenant: "contoso", Raw: raw}
		got, err := ECS(&a)
		if err != nil {
			return
		}
		if !utf8.Valid(got) || bytes.ContainsAny(got, "\n\r") {
			t.Fatalf("not one line of UTF-8: %q", got)
		}
		noNameTwice(t, got)
	})
}

// noNameTwice: Elasticsearch refuses a document that has a name twice in one
// object.
func noNameTwice(t *testing.T, document []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var walk func()
	walk = func() {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%v: %s", err, document)
		}
		switch token {
		case json.Delim('{'):
			names := map[string]bool{}
			for d.More() {
				name, err := d.Token()
				if err != nil {
					t.Fatalf("%v: %s", err, document)
				}
				if names[name.(string)] {
					t.Fatalf("name %q stands twice in %s", name, document)
				}
				names[name.(string)] = true
				walk()
			}
			_, _ = d.Token()
		case json.Delim('['):
			for d.More() {
				walk()
			}
			_, _ = d.Token()
		}
	}
	walk()
}
