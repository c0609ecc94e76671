package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tributary/config"
)

const (
	docsPath  = "../docs/configuration.md"
	docsBegin = "<!-- keys: begin; written from config/tributary.schema.json by: go test ./config -run TestDocs -update -->\n"
	docsEnd   = "<!-- keys: end -->\n"
)

// TestDocs compares the reference of keys in the documentation with the
// schema, and writes it anew with -update.
func TestDocs(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), docsBegin)
	keys, after, ok2 := strings.Cut(rest, docsEnd)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the marks for its keys", docsPath)
	}
	want := keyReference(t)
	if *update && keys != want {
		if err := os.WriteFile(docsPath, []byte(before+docsBegin+want+docsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("%s is not what the schema says; write it with: go test ./config -run TestDocs -update (-schema +docs)\n%s", docsPath, diff)
	}
}

// TestDocsExamples loads every YAML block of the documentation.
func TestDocsExamples(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(data), "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("no example")
	}
	for i, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		a := archive{Archive: &txtar.Archive{}} // for its certificates
		env := func(name string) (string, bool) { return "secret", name == strings.ToUpper(name) }
		if _, err := config.Parse(filepath.Base(docsPath), []byte(text), env, a.readFile); err != nil {
			t.Errorf("block %d: %v\n%s", i, err, text)
		}
	}
}

// keyReference writes the tables of keys.
func keyReference(t *testing.T) string {
	t.Helper()
	s := readSchema(t)
	var b strings.Builder
	table := func(title, intro string, objects ...schemaObject) {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n", title, intro)
		for _, o := range objects {
			for _, key := range o.Properties.keys {
				required := slices.ContainsFunc(objects, func(o schemaObject) bool { return slices.Contains(o.Required, key) })
				fmt.Fprintln(&b, "| `"+key+"` | "+strings.Join(row(s, o.Properties.value[key], required), " | ")+" |")
			}
		}
	}
	common, destination := s.Defs["common"], s.Defs["destination"]
	table("The file", "Every key may be left out.", s)
	table("A custom `cloud`", s.Defs["cloudHosts"].Description, s.Defs["cloudHosts"])
	table("`app`, and each of `apps`", "An application registration in Entra ID. It has `client_secret` or `certificate_file`, or, for tenants with `auth: delegated` alone, neither.", s.Defs["app"])
	table("Each of `tenants`", "A customer.", s.Defs["tenant"])
	table("`collect`", s.Properties.value["collect"].Description, s.Defs["collect"])
	table("`store`", s.Properties.value["store"].Description, s.Defs["store"])
	table("`public`", s.Properties.value["public"].Description, s.Defs["public"])
	table("`tls` of `public`", s.Defs["public"].Properties.value["tls"].Description, s.Defs["tls"])
	common.Required = destination.Required
	table("Each of `destinations`", "What every type has.", common)
	table("`filter` of a destination", "An alert passes when all keys let it through.", s.Defs["filter"])
	for _, kind := range destination.Properties.value["type"].Enum {
		def := s.Defs[kind]
		if len(def.Properties.keys) == 0 {
			fmt.Fprintf(&b, "\n### `type: %s`\n\n%s No further keys.\n", kind, def.Description)
			continue
		}
		table("`type: "+kind+"`", def.Description, def)
	}
	return b.String() + "\n"
}

// row is what a table says of a key.
func row(s, o schemaObject, required bool) []string {
	def := "none"
	switch {
	case required:
		def = "required"
	case o.Default != nil:
		def = code(o.Default)
	}
	meaning := strings.ReplaceAll(o.Description, "|", `\|`)
	for _, example := range o.Examples {
		meaning += " Example: " + code(example)
	}
	return []string{valueOf(s, o), def, meaning}
}

func code(v any) string {
	switch v := v.(type) {
	case string:
		return "`" + v + "`"
	case []any:
		words := make([]string, len(v))
		for i, one := range v {
			words[i] = fmt.Sprint(one)
		}
		return "`[" + strings.Join(words, ", ") + "]`"
	case map[string]any:
		var pairs []string
		for _, key := range sorted(v) {
			pairs = append(pairs, key+": "+strings.Trim(code(v[key]), "`"))
		}
		return "`{ " + strings.Join(pairs, ", ") + " }`"
	}
	return fmt.Sprint(v)
}

// valueOf says what a key's value is.
func valueOf(s, o schemaObject) string {
	if name, ok := strings.CutPrefix(o.Ref, "#/$defs/"); ok {
		switch name {
		case "url", "proxy":
			return "address"
		case "slug", "path", "secret", "duration", "size":
			return name
		case "source":
			return valueOf(s, s.Defs[name])
		}
		return "keys"
	}
	var words []string
	slug := false
	for _, one := range o.AnyOf {
		for _, word := range one.Enum {
			words = append(words, "`"+word+"`")
		}
		if one.Ref == "#/$defs/slug" {
			slug = true
		}
		if one.Ref == "#/$defs/cloudHosts" {
			return "slug, or keys" // the cloud, by its name or its hosts
		}
	}
	kind := fmt.Sprint(o.Type)
	switch {
	case slug:
		return "slug"
	case len(words) > 0:
		return strings.Join(words, ", ")
	case strings.Contains(kind, "array") && o.Items != nil:
		return "list of " + strings.TrimPrefix(valueOf(s, *o.Items), "list of ")
	case strings.Contains(kind, "object") || strings.HasPrefix(kind, "<nil>"):
		return "keys"
	}
	return "text"
}
