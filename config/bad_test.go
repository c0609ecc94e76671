package config_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tributary"
	"tributary/config"
)

var update = flag.Bool("update", false, "write the golden files")

// archive is one test file: a comment with what the case is about and lines
// "env NAME=value", then tributary.yaml, want, and the files it refers to.
type archive struct {
	path string
	*txtar.Archive
}

func readArchive(t *testing.T, path string) archive {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return archive{path, a}
}

func (a archive) file(name string) ([]byte, bool) {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data, true
		}
	}
	return nil, false
}

func (a archive) readFile(path string) ([]byte, error) {
	if data, ok := a.file(filepath.ToSlash(path)); ok {
		return data, nil
	}
	switch path { // keys are made, not kept
	case "ca.pem":
		return newAuthority().pem, nil
	case "app.pem":
		return []byte(newAppCertificate()), nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func (a archive) env(name string) (string, bool) {
	for line := range strings.Lines(string(a.Comment)) {
		if value, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "env "+name+"="); ok {
			return value, true
		}
	}
	return "", false
}

func (a archive) parse(t *testing.T) (*config.Config, error) {
	t.Helper()
	data, ok := a.file("tributary.yaml")
	if !ok {
		t.Fatal("no tributary.yaml in the archive")
	}
	return config.Parse("tributary.yaml", data, a.env, a.readFile)
}

// golden compares with the archive's file want, or writes it.
func (a archive) golden(t *testing.T, got string) {
	t.Helper()
	want, _ := a.file("want")
	if *update && got != string(want) {
		for i, f := range a.Files {
			if f.Name == "want" {
				a.Files[i].Data = []byte(got)
				if err := os.WriteFile(a.path, txtar.Format(a.Archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
		t.Fatal("no file want in the archive")
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestBad has a file for every way to get a configuration wrong. What people
// then read is as much a part of the program as its output.
func TestBad(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a := readArchive(t, path)
			c, err := a.parse(t)
			if err == nil || c != nil {
				t.Fatalf("accepted: %v", err)
			}
			e := tributary.AsError(err)
			if e == nil || e.Code != config.CodeInvalid || e.Fix != tributary.FixMSSP || e.Next == "" {
				t.Errorf("error %#v", err)
			}
			problems, ok := errors.AsType[config.Problems](err)
			if !ok || len(problems) == 0 {
				t.Fatalf("no problems in %v", err)
			}
			for _, p := range problems {
				if p.Line == 0 || p.Column == 0 || p.Next == "" {
					t.Errorf("no line or no next step: %s", p)
				}
			}
			a.golden(t, err.Error()+"\n")
			// Every archive's secrets are spelled with this word.
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is shown")
			}
			a.checkSchema(t)
		})
	}
}

// checkSchema asserts that the schema refuses the file as well, unless the
// case says that it is beyond a schema.
func (a archive) checkSchema(t *testing.T) {
	t.Helper()
	data, _ := a.file("tributary.yaml")
	var document any
	if err := yaml.Unmarshal(data, &document); err != nil {
		return // not even YAML
	}
	err := compiledSchema(t).Validate(jsonLike(t, document))
	beyond := bytes.Contains(a.Comment, []byte("beyond the schema"))
	if beyond && err != nil {
		t.Errorf("the schema does refuse it: %v", err)
	}
	if !beyond && err == nil {
		t.Errorf("the schema accepts it")
	}
}
