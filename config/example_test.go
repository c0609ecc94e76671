package config_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tributary/config"
)

// uncommented is the example with every setting in use.
func uncommented(t *testing.T) []byte {
	t.Helper()
	setting := regexp.MustCompile(`(?m)^#([^ \n])|^#(  )`)
	header, rest, ok := strings.Cut(string(config.Example()), "\n\n")
	if !ok {
		t.Fatal("the example has no header")
	}
	return []byte(header + "\n\n" + setting.ReplaceAllString(rest, "$1$2"))
}

// TestExample loads the example as tributary init writes it, and says nothing
// that the defaults don't: who deletes a line changes nothing.
func TestExample(t *testing.T) {
	t.Parallel()
	got, err := config.Parse("tributary.yaml", config.Example(), noEnv, noFiles)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Path = "tributary.yaml"
	want.Destinations = []config.Destination{config.File{
		Common: config.Common{Name: "archive", Format: config.DefaultFormat},
		Dir:    "out", MaxBytes: config.DefaultFileMaxBytes, MaxAge: config.DefaultFileMaxAge,
	}}
	if diff := cmp.Diff(want, got, compareConfig...); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestExampleUncommented(t *testing.T) {
	t.Parallel()
	text := uncommented(t)
	env := func(name string) (string, bool) {
		return "secret", name == "TRIBUTARY_CLIENT_SECRET" || name == "HEC_TOKEN"
	}
	c, err := config.Parse("tributary.yaml", text, env, noFiles)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(c.Tenants) != 1 || len(c.Apps) != 1 || len(c.Destinations) != 2 || len(c.Warnings) != 0 {
		t.Errorf("%d tenants, %d apps, %d destinations, warnings %v", len(c.Tenants), len(c.Apps), len(c.Destinations), c.Warnings)
	}
	for _, tenant := range c.Tenants {
		if err := c.CheckTenant(tenant); err != nil {
			t.Error(err)
		}
	}
	if !strings.HasPrefix(string(text), "# yaml-language-server: $schema="+config.SchemaName+"\n") {
		t.Error("the first line does not point editors to the schema")
	}
}
