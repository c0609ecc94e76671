package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tributary"
	"tributary/microsoft/sim"
	"tributary/siem/splunk/receiver"
	"tributary/vault/keyservice/transit"
)

// TestStories runs the stories in testdata: the command line as a person meets
// it. Besides testscript's own commands a story has
//
//	microsoft                      starts a simulated Microsoft, see there
//	microsoft consent <tenant>     and other things that happen in a directory
//	splunk [refusing]              starts an HTTP Event Collector: $HEC_URL, $HEC_TOKEN
//	exits <code> <command>…        runs a command that ends with this code
//	person <command>…              runs a command with a person before the terminal
//	await <n> <pattern> [<text>]   waits until files have n lines with the text
//	keep <path>, kept <path>       compares every byte of a file or a folder
//	until <pattern> <command>…     repeats a command until it prints that
//	audit <n> <tenant> <action>    counts the records of the audit trail
//	transit [down|up]              starts a key service: $VAULT_ADDR, $VAULT_TOKEN
//	newkey <variable>              sets a variable to a new vault key
//	[!] holds <tenant>             looks for alerts, cursors and dead letters
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			s := &story{}
			env.Values[storyKey{}] = s
			env.Defer(s.end)
			env.Setenv("GORACE", quickExit)
			// Whatever opens a browser meets the person that $PERSON names.
			env.Setenv("BROWSER", "visit")
			env.Setenv("MICROSOFT_CA", filepath.Join(env.WorkDir, "ca.pem"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"microsoft": microsoftCommand, "splunk": splunkCommand, "exits": exitsCommand, "person": personCommand,
			"await": awaitCommand, "keep": keepCommand, "kept": keptCommand,
			"audit": auditCommand, "holds": holdsCommand, "until": untilCommand,
			"transit": transitCommand, "newkey": newKeyCommand,
		},
	})
}

type storyKey struct{}

// story is what one script has around it.
type story struct {
	microsoft *sim.Server
	splunk    *httptest.Server
	transit   *transit.Server
	folders   map[string]map[string]string
}

func (s *story) end() {
	if s.microsoft != nil {
		_ = s.microsoft.Close()
	}
	if s.splunk != nil {
		s.splunk.Close()
	}
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// microsoftCommand starts the simulated Microsoft with contoso and fabrikam, and
// writes ca.pem, secret.txt and a tributary.yaml for it that ends with more.yaml, if the
// story has one; microsoft configure <file> ends it with another file. Variables tell the ids, the secret, and who signs in: $PERSON
// is contoso's administrator. $REDIRECT_URI is the application's, if it is set.
func microsoftCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg {
		ts.Fatalf("microsoft can't fail")
	}
	if len(args) > 0 {
		s.inDirectory(ts, args)
		return
	}
	o := sim.Defaults()
	o.Tenants, o.Alerts, o.Seed, o.Still = 2, 40, 3, true
	server, err := sim.New(o)
	ts.Check(err)
	ts.Check(server.Start("127.0.0.1:0"))
	s.microsoft = server
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), server.CA(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("secret.txt"), []byte(server.App().ClientSecret.Reveal()+"\n"), 0o600))
	cloud, app, tenants := server.Cloud(), server.App(), server.Tenants()
	for name, value := range map[string]string{
		"LOGIN": cloud.Login, "GRAPH": cloud.Graph, "ENDPOINT": cloud.Endpoint, "XDR": cloud.XDR, "SIEM": cloud.SIEM, "PORTAL": cloud.Portal,
		"CLIENT_ID": app.ClientID, "CLIENT_SECRET": app.ClientSecret.Reveal(), "PROVIDER_ID": server.Provider().TenantID,
		"CONTOSO": tenants[0].ID, "FABRIKAM": tenants[1].ID,
		"PERSON": tenants[0].Admin, "PERSON_PASSWORD": tenants[0].AdminPassword,
		"FABRIKAM_PERSON": tenants[1].Admin, "FABRIKAM_PASSWORD": tenants[1].AdminPassword,
		"ANALYST": server.Provider().Analyst, "ANALYST_PASSWORD": server.Provider().AnalystPassword,
	} {
		ts.Setenv(name, value)
	}
	configure(ts, "more.yaml")
}

func configure(ts *testscript.TestScript, file string) {
	more, err := os.ReadFile(ts.MkAbs(file))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	redirect := ""
	if uri := ts.Getenv("REDIRECT_URI"); uri != "" {
		redirect = fmt.Sprintf(", redirect_uri: %q", uri)
	}
	ts.Check(os.WriteFile(ts.MkAbs("tributary.yaml"), append(fmt.Appendf(nil, configurationHead, redirect), more...), 0o600))
}

const configurationHead = `
cloud: { login: "${env:LOGIN}", graph: "${env:GRAPH}", endpoint: "${env:ENDPOINT}", xdr: "${env:XDR}", siem: "${env:SIEM}", portal: "${env:PORTAL}", ca_file: ca.pem }
app: { client_id: "${env:CLIENT_ID}", client_secret: "${env:CLIENT_SECRET}"%s }
listen: 127.0.0.1:0
collect: { interval: 1s }
`

// inDirectory is something that happens at Microsoft: consent, revoke,
// authorise (the portal's MSSP page), arrive <n>.
func (s *story) inDirectory(ts *testscript.TestScript, args []string) {
	if s.microsoft == nil || len(args) < 2 {
		ts.Fatalf("microsoft has not been started, or this says too little: %q", args)
	}
	var id string
	for _, t := range s.microsoft.Tenants() {
		if t.Slug == args[1] {
			id = t.ID
		}
	}
	client := s.microsoft.App().ClientID
	switch args[0] {
	case "consent":
		s.microsoft.Consent(id, client)
	case "revoke":
		s.microsoft.Identity().RevokeConsent(id, client)
	case "authorise":
		ts.Check(s.microsoft.Authorise(context.Background(), id, client, s.microsoft.Provider().TenantID))
	case "configure":
		configure(ts, args[1])
	case "arrive":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		s.microsoft.Arrive(n)
	default:
		ts.Fatalf("nothing is called %s at Microsoft", args[0])
	}
}

func splunkCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := storyOf(ts)
	collector := receiver.New(receiver.Options{Token: tributary.NewSecret(hecToken)})
	if len(args) > 0 {
		collector.Refuse(func(receiver.Event) int { return 6 })
	}
	s.splunk = httptest.NewServer(collector)
	ts.Setenv("HEC_URL", s.splunk.URL)
	ts.Setenv("HEC_TOKEN", hecToken)
}

// exitsCommand is exec with the exit code that is documented.
func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	checkExit(ts, want, ts.Exec(args[1], args[2:]...))
}

func checkExit(ts *testscript.TestScript, want int, err error) {
	var ended *exec.ExitError
	switch {
	case err == nil && want == 0:
	case err == nil:
		ts.Fatalf("it ended with 0, not %d", want)
	case !errors.As(err, &ended) || ended.ExitCode() != want:
		ts.Fatalf("it ended with %v, not %d", err, want)
	}
}
