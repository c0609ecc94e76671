package setup_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tributary"
	"tributary/siem/setup"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGolden(t *testing.T) {
	t.Parallel()
	splunkOptions := contoso()
	splunkOptions.PollInterval = time.Minute
	splunkOptions.Splunk = setup.SplunkOptions{SourceType: "ms:defender:atp:alerts", Index: "security", ActivationKey: "A1B2C3"}
	gcc := contoso()
	gcc.Cloud, gcc.Tenant.Region, gcc.Tenant.Name, gcc.Grant.Account = tributary.Clouds()["gcc"], "", "", ""
	for name, make := range map[string]func() ([]setup.File, error){
		"arcsight-microsoft": func() ([]setup.File, error) { return setup.ArcSight(contoso()) },
		"arcsight-gcc":       func() ([]setup.File, error) { return setup.ArcSight(gcc) },
		"arcsight-tributary": func() ([]setup.File, error) { return setup.ArcSight(viaTributary()) },
		"splunk-microsoft":   func() ([]setup.File, error) { return setup.Splunk(contoso()) },
		"splunk-options":     func() ([]setup.File, error) { return setup.Splunk(splunkOptions) },
		"splunk-tributary":   func() ([]setup.File, error) { return setup.Splunk(viaTributary()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := make()
			if err != nil {
				t.Fatal(err)
			}
			var a txtar.Archive
			for _, f := range files {
				a.Files = append(a.Files, txtar.File{Name: f.Name, Data: f.Body})
			}
			got, path := txtar.Format(&a), filepath.Join("testdata", name+".golden.txtar")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			// Some checkouts have other line ends.
			if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), string(got)); diff != "" {
				t.Errorf("-want +got (go test -update writes it anew):\n%s", diff)
			}
		})
	}
}

// Secrets stand in the files that are marked, and in no other.
func TestSecretsAreMarked(t *testing.T) {
	t.Parallel()
	in := contoso()
	for name, files := range map[string][]setup.File{"ArcSight": made(t, setup.ArcSight, in), "Splunk": made(t, setup.Splunk, in)} {
		marked := 0
		for _, f := range files {
			holds := false
			for _, s := range []tributary.Secret{in.App.ClientSecret, in.Grant.RefreshToken, in.AccessToken} {
				holds = holds || strings.Contains(string(f.Body), s.Reveal())
			}
			if holds != f.Secret {
				t.Errorf("%s: %s holds a secret: %t; it is marked %t", name, f.Name, holds, f.Secret)
			}
			if f.Secret {
				marked++
			}
		}
		if marked < 2 {
			t.Errorf("%s: only %d files with secrets", name, marked)
		}
	}
}
