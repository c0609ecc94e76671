package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tributary"
	"tributary/config"
)

// compareConfig compares secrets by their text and leaves out what a reader of
// a Config can't see.
var compareConfig = []cmp.Option{
	cmp.Comparer(func(a, b tributary.Secret) bool { return a.Reveal() == b.Reveal() }),
	cmpopts.IgnoreUnexported(config.Config{}),
	cmpopts.EquateEmpty(),
}

func noFiles(path string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func noEnv(string) (string, bool) { return "", false }

const (
	clientID   = "6f0c1a52-9c1e-4b0e-8f55-0b8f6a3a2d11"
	contosoID  = "11111111-2222-3333-4444-555555555555"
	clientWord = "6f0c…"
	tenantWord = "1111…"
)

// whole is a file with a bit of everything, as it is usually written.
const whole = `
cloud:                                     # or: global | gcc | gcc-high | dod
  login: https://127.0.0.1:8443            # tokens at {login}/{tenant id}/oauth2/v2.0/token
  graph: https://127.0.0.1:8443/graph      # alerts at {graph}/v1.0/security/alerts_v2
  endpoint: https://127.0.0.1:8443/mde     # alerts at {endpoint}/api/alerts
  xdr: https://127.0.0.1:8443/xdr          # incidents at {xdr}/api/incidents
  siem: https://127.0.0.1:8443/siem        # detections at {siem}/api/alerts
  ca_file: ca.pem
app: { client_id: 6f0c…, client_secret: "${env:TRIBUTARY_CLIENT_SECRET}" }    # or certificate_file: app.pem
# clouds: { gov: gcc-high, lab: {…} } and apps: { gov: {…}, contoso-own: {…} } name more than one; a tenant says which
tenants:                                   # also addable by command; these are managed by the file
  - { slug: contoso, tenant_id: 1111…, auth: app-only, sources: [graph, endpoint], labels: { tier: gold } }   # cloud:, app:, region: where they differ
collect: { interval: 60s, overlap: 10m, backfill: 24h }
store: { dir: ./data, retention: 7d, max_bytes: 10GiB }
listen: 127.0.0.1:8480
destinations:
  - { name: archive, type: file, dir: ./out, format: raw }
  - { name: soc, type: splunk, url: "https://127.0.0.1:8088", token: "${env:HEC_TOKEN}", format: ecs, ca_file: ca.pem, filter: { min_severity: medium } }
`

func parseWhole(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	env := map[string]string{"TRIBUTARY_CLIENT_SECRET": "client secret", "HEC_TOKEN": "hec token"}
	return config.Parse("/etc/tributary/tributary.yaml", []byte(text),
		func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		func(path string) ([]byte, error) {
			if filepath.ToSlash(path) == "/etc/tributary/ca.pem" {
				return testCA(t), nil
			}
			return noFiles(path)
		})
}

// TestShortIDs reads the file as it stands: its ids are cut, and only they are
// wrong.
func TestShortIDs(t *testing.T) {
	t.Parallel()
	_, err := parseWhole(t, whole)
	problems, _ := errors.AsType[config.Problems](err)
	if len(problems) != 1 || problems[0].Key != "tenants[0].tenant_id" || problems[0].Line != 12 || problems[0].Column != 33 {
		t.Errorf("%v", err)
	}
	c, err := parseWhole(t, strings.ReplaceAll(whole, tenantWord, contosoID))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || c.Warnings[0].Key != "app.client_id" {
		t.Errorf("warnings %v", c.Warnings)
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	got, err := parseWhole(t, strings.NewReplacer(clientWord, clientID, tenantWord, contosoID).Replace(whole))
	if err != nil {
		t.Fatal(err)
	}
	ca := testCA(t)
	want := &config.Config{
		Path: "/etc/tributary/tributary.yaml",
		Clouds: map[string]config.Cloud{"": {
			Cloud: tributary.Cloud{
				Name:      "custom",
				Login:     "https://127.0.0.1:8443",
				Graph:     "https://127.0.0.1:8443/graph",
				Endpoint:  "https://127.0.0.1:8443/mde",
				XDR:       "https://127.0.0.1:8443/xdr",
				SIEM:      "https://127.0.0.1:8443/siem",
				Portal:    "https://security.microsoft.com",
				Resources: tributary.Clouds()["global"].Resources,
			},
			Transport: config.Transport{CA: ca},
		}},
		Apps: map[string]config.App{"": {ClientID: clientID, ClientSecret: tributary.NewSecret("client secret")}},
		Tenants: []tributary.Tenant{{
			Slug: "contoso", ID: contosoID, Auth: tributary.AuthAppOnly,
			Sources:  []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint},
			Labels:   map[string]string{"tier": "gold"},
			FromFile: true,
		}},
		Collect: config.Collect{Interval: time.Minute, Overlap: 10 * time.Minute, Backfill: 24 * time.Hour, Lateness: 30 * time.Second},
		Store: config.Store{
			Dir:       filepath.FromSlash("/etc/tributary/data"),
			Retention: 7 * 24 * time.Hour,
			MaxBytes:  10 << 30,
			KeyFile:   filepath.FromSlash("/etc/tributary/data/key"),
		},
		Listen: "127.0.0.1:8480",
		Destinations: []config.Destination{
			config.File{
				Common: config.Common{Name: "archive", Format: "raw"},
				Dir:    filepath.FromSlash("/etc/tributary/out"), MaxBytes: config.DefaultFileMaxBytes, MaxAge: config.DefaultFileMaxAge,
			},
			config.Splunk{
				Common: config.Common{Name: "soc", Format: "ecs", Filter: tributary.Filter{MinSeverity: tributary.SeverityMedium}},
				URL:    "https://127.0.0.1:8088",
				Ack:    config.DefaultAck, Token: tributary.NewSecret("hec token"),
				Transport: config.Transport{CA: ca},
			},
		},
	}
	if diff := cmp.Diff(want, got, compareConfig...); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := got.CheckTenant(got.Tenants[0]); err != nil {
		t.Error(err)
	}
}

// TestPrintsNoSecret prints a configuration in the ways that happen by
// accident.
func TestPrintsNoSecret(t *testing.T) {
	t.Parallel()
	a := readArchive(t, "testdata/good/everything.txtar")
	c, err := a.parse(t)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("config", "config", c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("config", "config", c)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{
		fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%+v", *c),
		fmt.Sprintf("%s %v", c.Clouds, c.Destinations), log.String(), string(asJSON), fmt.Sprint(c.Warnings),
	} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("form %d shows a secret: %s", i, text)
		}
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "# nothing yet\n", "---\n", "\ufeff# from Windows\r\n", "tenants:\n", "{}"} {
		c, err := config.Parse("tributary.yaml", []byte(text), noEnv, noFiles)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		want := config.Default()
		want.Path = "tributary.yaml"
		if diff := cmp.Diff(want, c, compareConfig...); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	}
}

func TestNotText(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"utf-16": {0xff, 0xfe, 'a', 0, ':', 0},
		"zip":    {'P', 'K', 3, 4, 0x80, 0x99},
		"huge":   bytes.Repeat([]byte("# \n"), 6<<20),
	} {
		_, err := config.Parse("tributary.yaml", data, noEnv, noFiles)
		if problems, ok := errors.AsType[config.Problems](err); !ok || len(problems) != 1 || problems[0].Next == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tributary.yaml")
	_, err := config.Load(path)
	if e := tributary.AsError(err); e == nil || !errors.Is(err, fs.ErrNotExist) || e.Next != "write one with: tributary init" {
		t.Errorf("no file: %v", err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.txt", "from a file\r\n")
	write("tributary.yaml", "app: { client_id: \"${env:TRIBUTARY_TEST_ID}\", client_secret: \"${file:secret.txt}\" }\nstore: { dir: kept }\n")

	_, err = config.Load(path)
	if problems, ok := errors.AsType[config.Problems](err); !ok || len(problems) != 1 || problems[0].Key != "app.client_id" {
		t.Errorf("no variable: %v", err)
	}
	t.Setenv("TRIBUTARY_TEST_ID", clientID)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	app, err := c.App("")
	if err != nil || app.ClientID != clientID || app.ClientSecret.Reveal() != "from a file" {
		t.Errorf("app %+v, %v", app, err)
	}
	if want := filepath.Join(dir, "kept", "key"); c.Store.KeyFile != want {
		t.Errorf("key file %s, want %s", c.Store.KeyFile, want)
	}

	// A file without end, such as a device, is not read to the end of memory.
	write("secret.txt", strings.Repeat("x", 2<<20))
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("a large secret: %v", err)
	}

	if err := os.Remove(filepath.Join(dir, "secret.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err == nil {
		t.Error("loaded without its secret")
	}
	c, err = config.LoadWithoutSecrets(path)
	if err != nil {
		t.Fatal(err)
	}
	tenant := tributary.Tenant{Slug: "contoso", ID: contosoID, Auth: tributary.AuthAppOnly, Sources: []tributary.Source{tributary.SourceGraph}}
	if err := c.CheckTenant(tenant); err != nil {
		t.Errorf("without secrets: %v", err)
	}
}
