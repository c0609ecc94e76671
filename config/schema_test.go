package config_test

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tributary"
	"tributary/config"
)

var compileOnce = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(config.SchemaName, doc); err != nil {
		return nil, err
	}
	return c.Compile(config.SchemaName)
})

// compiledSchema also proves the schema against the draft's own schema.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := compileOnce()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// jsonLike turns what YAML gave into what JSON would have given.
func jsonLike(t *testing.T, v any) any {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			v[k] = jsonLike(t, one)
		}
		return v
	case []any:
		for i, one := range v {
			v[i] = jsonLike(t, one)
		}
		return v
	case uint64:
		return json.Number(jsonText(t, v))
	case int64:
		return json.Number(jsonText(t, v))
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			t.Fatalf("%v is no JSON", v)
		}
		return json.Number(jsonText(t, v))
	}
	return v
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSchemaTakesGood validates every file that the program takes.
func TestSchemaTakesGood(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"the example": config.Example(), "the example, all of it": uncommented(t)}
	paths, err := filepath.Glob("testdata/good/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		files[path], _ = readArchive(t, path).file("tributary.yaml")
	}
	for name, data := range files {
		var document any
		if err := yaml.Unmarshal(data, &document); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := compiledSchema(t).Validate(jsonLike(t, document)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// schemaObject is a part of the schema that describes a mapping.
type schemaObject struct {
	Type        any                     `json:"type"`
	Ref         string                  `json:"$ref"`
	Title       string                  `json:"title"`
	Description string                  `json:"description"`
	Default     any                     `json:"default"`
	Examples    []any                   `json:"examples"`
	Required    []string                `json:"required"`
	Enum        []string                `json:"enum"`
	Properties  ordered[schemaObject]   `json:"properties"`
	Items       *schemaObject           `json:"items"`
	AnyOf       []schemaObject          `json:"anyOf"`
	Defs        map[string]schemaObject `json:"$defs"`
	Not         *schemaObject           `json:"not"`
}

// ordered keeps the order of a JSON object's members.
type ordered[T any] struct {
	keys  []string
	value map[string]T
}

func (o *ordered[T]) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &o.value); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		o.keys = append(o.keys, key.(string))
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}

func readSchema(t *testing.T) schemaObject {
	t.Helper()
	var s schemaObject
	if err := json.Unmarshal(config.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// schemaKeys are the keys of the schema's mappings, by the mapping's name.
func schemaKeys(t *testing.T) map[string][]string {
	t.Helper()
	s := readSchema(t)
	keys := map[string][]string{"": s.Properties.keys}
	for _, name := range []string{"cloudHosts", "app", "tenant", "collect", "store", "public", "tls", "filter"} {
		keys[name] = s.Defs[name].Properties.keys
	}
	for _, kind := range s.Defs["destination"].Properties.value["type"].Enum {
		keys[kind] = slices.Concat(s.Defs["common"].Properties.keys, s.Defs[kind].Properties.keys)
	}
	return keys
}

// TestSchemaKeys compares the keys that the program reads with the schema's.
func TestSchemaKeys(t *testing.T) {
	t.Parallel()
	fromGo, fromSchema := config.RawKeys(), schemaKeys(t)
	for _, keys := range []map[string][]string{fromGo, fromSchema} {
		for _, list := range keys {
			slices.Sort(list)
		}
	}
	if diff := cmp.Diff(fromGo, fromSchema); diff != "" {
		t.Errorf("(-program +schema)\n%s", diff)
	}
}

// TestSchemaDescribes wants a description of every key, and a default or an
// example of every value.
func TestSchemaDescribes(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	s.Defs[""] = s
	for name, def := range s.Defs {
		for _, key := range def.Properties.keys {
			property := def.Properties.value[key]
			if name == "destination" {
				continue // described under each type
			}
			if property.Description == "" {
				t.Errorf("%s %s has no description", name, key)
			}
			isObject := name == "" || key == "filter"
			if !isObject && property.Default == nil && len(property.Examples) == 0 {
				t.Errorf("%s %s has neither default nor example", name, key)
			}
		}
	}
}

// TestSchemaWords compares the fixed words of both.
func TestSchemaWords(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	var sources []string
	for _, one := range tributary.Sources() {
		sources = append(sources, string(one))
	}
	var clouds []string
	for name := range tributary.Clouds() {
		clouds = append(clouds, name)
	}
	tenant, common := s.Defs["tenant"].Properties.value, s.Defs["common"].Properties.value
	for name, pair := range map[string][2][]string{
		"sources":     {sources, s.Defs["source"].AnyOf[0].Enum},
		"clouds":      {clouds, s.Defs["microsoftCloud"].AnyOf[0].Enum},
		"taken names": {clouds, s.Defs["newCloudName"].Not.Enum},
		"auth":        {{string(tributary.AuthAppOnly), string(tributary.AuthDelegated)}, tenant["auth"].AnyOf[0].Enum},
		"regions":     {config.Regions(), tenant["region"].AnyOf[0].Enum},
		"ack":         {config.AckModes(), s.Defs["splunk"].Properties.value["ack"].AnyOf[0].Enum},
		"formats":     {config.Formats(), common["format"].AnyOf[0].Enum},
		"severities":  {config.Severities(), s.Defs["filter"].Properties.value["min_severity"].AnyOf[0].Enum},
	} {
		slices.Sort(pair[0])
		slices.Sort(pair[1])
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s (-program +schema)\n%s", name, diff)
		}
	}
}

// TestSchemaDefaults writes every default of the schema into a file, and
// expects what a file without them gives.
func TestSchemaDefaults(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	document := map[string]any{}
	for _, key := range s.Properties.keys {
		if def := s.Properties.value[key].Default; def != nil {
			document[key] = def
		}
	}
	defaults := func(into map[string]any, names ...string) map[string]any {
		for _, name := range names {
			for _, key := range s.Defs[name].Properties.keys {
				if def := s.Defs[name].Properties.value[key].Default; def != nil {
					into[key] = def
				}
			}
		}
		return into
	}
	document["collect"] = defaults(map[string]any{}, "collect")
	document["store"] = defaults(map[string]any{}, "store")
	bare := map[string]any{"name": "a", "type": "file", "dir": "out"}
	full := defaults(map[string]any{"name": "a", "type": "file", "dir": "out"}, "common", "file")
	full["filter"] = defaults(map[string]any{}, "filter")
	document["destinations"] = []any{full}
	parse := func(document map[string]any) *config.Config {
		// JSON is YAML.
		c, err := config.Parse("tributary.yaml", []byte(jsonText(t, document)), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	written := parse(document)
	left := parse(map[string]any{"destinations": []any{bare}})
	if diff := cmp.Diff(left, written, compareConfig...); diff != "" {
		t.Errorf("(-left out +written)\n%s", diff)
	}
	if len(full) < 6 || len(document["collect"].(map[string]any)) != 4 || len(document["store"].(map[string]any)) != 3 {
		t.Errorf("the schema lacks defaults: %v", document)
	}
	def := config.Default()
	def.Path, def.Destinations = left.Path, left.Destinations
	if diff := cmp.Diff(def, left, compareConfig...); diff != "" {
		t.Errorf("(-Default +empty file)\n%s", diff)
	}
}
