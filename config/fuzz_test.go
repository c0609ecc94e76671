package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"tributary"
	"tributary/config"
)

// FuzzParse reads whatever comes. It must not panic, must say where each
// problem lies, and never show what came out of a reference.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.txtar", "testdata/good/*.txtar"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			t := &testing.T{}
			data, _ := readArchive(t, path).file("tributary.yaml")
			f.Add(data)
		}
	}
	f.Add([]byte(whole))
	f.Add(config.Example())
	const secret = "x7Qz-the-secret-9Kp"
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), secret) {
			t.Skip("the file itself has the word")
		}
		env := func(name string) (string, bool) { return secret, len(name)%5 != 0 }
		readFile := func(path string) ([]byte, error) {
			if len(path)%3 == 0 {
				return noFiles(path)
			}
			return []byte(secret + "\n"), nil
		}
		c, err := config.Parse("tributary.yaml", data, env, readFile)
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("shows a secret: %v", err)
			}
			if tributary.AsError(err) == nil {
				t.Errorf("error of another kind: %v", err)
			}
			return
		}
		for _, w := range c.Warnings {
			if strings.Contains(w.String(), secret) {
				t.Errorf("shows a secret: %v", w)
			}
		}
		for _, tenant := range c.Tenants {
			if err := c.CheckTenant(tenant); err != nil {
				t.Errorf("accepted, but %v", err)
			}
		}
	})
}

// FuzzAmounts reads whatever comes as a duration and as a size.
func FuzzAmounts(f *testing.F) {
	for _, text := range []string{"90s", "1h30m", "7d", "0", "10GiB", "500MB", "9223372036854775807", "999999999d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := config.ParseDuration(text); err == nil && d < 0 {
			t.Errorf("%q is %v", text, d)
		}
		if n, err := config.ParseSize(text); err == nil && n < 0 {
			t.Errorf("%q is %d", text, n)
		}
	})
}
