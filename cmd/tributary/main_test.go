package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tributary/microsoft/sim"
)

// asProgram makes the test binary be the program, and asVisit as its first
// argument the person's browser.
const (
	asProgram = "TRIBUTARY_TEST_AS_PROGRAM"
	asVisit   = "visit-page"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		if len(os.Args) == 3 && os.Args[1] == asVisit {
			visitMain(os.Args[2])
			return
		}
		os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"tributary": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"visit":     func() { visitMain(os.Args[1]) },
	})
}

// quickExit spares each command the second for which a program under the race
// detector waits at its end.
const quickExit = "atexit_sleep_ms=0"

// program is the command, to be run in a process of its own.
func program(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asProgram+"=1", "GORACE="+quickExit)
	return cmd
}

// laboratory is a simulated Microsoft and a Splunk to deliver to, with a
// folder in which a configuration for both lies.
type laboratory struct {
	*testing.T
	dir       string
	microsoft *sim.Server
}

func newLaboratory(t *testing.T, o sim.Options) *laboratory {
	t.Helper()
	microsoft, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := microsoft.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = microsoft.Close() })
	l := &laboratory{T: t, dir: t.TempDir(), microsoft: microsoft}
	l.write("ca.pem", string(microsoft.CA()))
	return l
}

func (l *laboratory) write(name, text string) {
	l.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
		l.Fatal(err)
	}
}

// configure writes tributary.yaml with every tenant app-only, and what is added.
func (l *laboratory) configure(sources, more string) {
	l.Helper()
	cloud, app := l.microsoft.Cloud(), l.microsoft.App()
	var b strings.Builder
	fmt.Fprintf(&b, "cloud: { login: %q, graph: %q, endpoint: %q, xdr: %q, siem: %q, ca_file: ca.pem }\n",
		cloud.Login, cloud.Graph, cloud.Endpoint, cloud.XDR, cloud.SIEM)
	fmt.Fprintf(&b, "app: { client_id: %s, client_secret: \"${file:secret.txt}\" }\n", app.ClientID)
	l.write("secret.txt", app.ClientSecret.Reveal())
	b.WriteString("tenants:\n")
	for _, t := range l.microsoft.Tenants() {
		l.microsoft.Consent(t.ID, app.ClientID)
		fmt.Fprintf(&b, "  - { slug: %s, tenant_id: %s, auth: app-only, sources: [%s] }\n", t.Slug, t.ID, sources)
	}
	b.WriteString(more)
	l.write("tributary.yaml", b.String())
}

// tributary runs a command to its end and returns what it printed.
func (l *laboratory) tributary(args ...string) (stdout, stderr string, code int) {
	l.Helper()
	cmd := program(l.dir, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		l.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (l *laboratory) await(what string, ok func() bool) {
	l.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			l.Fatalf("waited two minutes for %s", what)
		}
	}
}
