package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tributary"
	"tributary/config"
	"tributary/microsoft/sim"
	"tributary/microsoft/sim/identity"
	"tributary/siem/splunk/receiver"
)

// TestStories runs the stories in testdata: the command line as a person meets
// it. Besides testscript's own commands a story has
//
//	microsoft                      starts a simulated Microsoft, see there
//	microsoft consent <tenant>     and other things that happen in a directory
//	splunk                         starts an HTTP Event Collector: $HEC_URL, $HEC_TOKEN
//	exits <code> <command>…        runs a command that ends with this code
//	person <command>…              runs a command with a person before the terminal
//	await <n> <pattern>            waits until files have n lines
//	keep <folder>, kept <folder>   compares every byte of a folder
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
		},
	})
}

type storyKey struct{}

// story is what one script has around it.
type story struct {
	microsoft *sim.Server
	splunk    *httptest.Server
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

// microsoftCommand starts the simulated Microsoft with contoso and fabrikam,
// writes ca.pem, and a tributary.yaml for it that ends with more.yaml, if the
// story has one. Variables tell the ids, the secret, and who signs in: $PERSON
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
	cloud, app, tenants := server.Cloud(), server.App(), server.Tenants()
	for name, value := range map[string]string{
		"LOGIN": cloud.Login, "GRAPH": cloud.Graph, "ENDPOINT": cloud.Endpoint, "XDR": cloud.XDR, "SIEM": cloud.SIEM, "PORTAL": cloud.Portal,
		"CLIENT_ID": app.ClientID, "CLIENT_SECRET": app.ClientSecret.Reveal(), "PROVIDER_ID": server.Provider().TenantID,
		"CONTOSO": tenants[0].ID, "FABRIKAM": tenants[1].ID,
		"PERSON": tenants[0].Admin, "PERSON_PASSWORD": tenants[0].AdminPassword,
	} {
		ts.Setenv(name, value)
	}
	more, err := os.ReadFile(ts.MkAbs("more.yaml"))
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
	case "arrive":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		s.microsoft.Arrive(n)
	default:
		ts.Fatalf("nothing is called %s at Microsoft", args[0])
	}
}

func splunkCommand(ts *testscript.TestScript, _ bool, _ []string) {
	s := storyOf(ts)
	s.splunk = httptest.NewServer(receiver.New(receiver.Options{Token: tributary.NewSecret(hecToken)}))
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

// personCommand runs a command as someone who reads its words, opens the page
// that they name, enters the code there, and pastes the address where it ends.
func personCommand(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	path, err := exec.LookPath(filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], args[0]))
	ts.Check(err)
	cmd := exec.CommandContext(ctx, path, args[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range personalVariables {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Stdout = ts.Stdout()
	paste, err := cmd.StdinPipe()
	ts.Check(err)
	words, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	final := ""
	for lines := bufio.NewScanner(words); lines.Scan(); {
		line := lines.Text()
		_, _ = fmt.Fprintln(ts.Stderr(), line)
		if code := deviceWords.FindStringSubmatch(line); code != nil {
			go func() { _, _ = visit(ctx, ts.Getenv, code[1], code[2]) }() // the command says how it ended
		} else if strings.HasPrefix(line, "https://") {
			if final, err = visit(ctx, ts.Getenv, line, ""); err != nil {
				_, _ = fmt.Fprintln(ts.Stderr(), "the person:", err)
			}
		} else if strings.Contains(line, "paste it here") {
			_, err := io.WriteString(paste, final+"\n")
			ts.Check(err)
		}
	}
	if err = cmd.Wait(); (err != nil) != neg {
		ts.Fatalf("it ended with %v", err)
	}
}

var deviceWords = regexp.MustCompile(`open (https://\S+) on any device and enter the code (\S+)`)

// personalVariables are those of a story that the commands need.
var personalVariables = []string{
	"PATH", "HOME", "TMPDIR", "GORACE", "BROWSER", "MICROSOFT_CA", "PERSON", "PERSON_PASSWORD", "PERSON_DECLINES",
	"LOGIN", "GRAPH", "ENDPOINT", "XDR", "SIEM", "PORTAL", "CLIENT_ID", "CLIENT_SECRET", "CONTOSO", "FABRIKAM",
}

// visitMain is the program visit: a browser with a person before it.
func visitMain() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	address, err := visit(ctx, os.Getenv, os.Args[1], "")
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = fmt.Println(address)
}

func visit(ctx context.Context, getenv func(string) string, address, code string) (string, error) {
	ca, err := os.ReadFile(getenv("MICROSOFT_CA"))
	if err != nil {
		return "", err
	}
	var client *http.Client
	if client, err = (config.Transport{CA: ca}).Client(); err != nil {
		return "", err
	}
	browser := identity.Browser{
		Client: client, User: getenv("PERSON"), Password: getenv("PERSON_PASSWORD"), Decline: getenv("PERSON_DECLINES") != "", Code: code,
	}
	final, err := browser.Visit(ctx, address)
	if err != nil {
		return "", err
	}
	return final.String(), nil
}

// awaitCommand waits until the files of a pattern have so many lines together.
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await lines pattern")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		lines := 0
		names, err := filepath.Glob(ts.MkAbs(args[1]))
		ts.Check(err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			ts.Check(err)
			lines += strings.Count(string(text), "\n")
		}
		if lines >= want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("waited a minute for %d lines in %s; there are %d", want, args[1], lines)
		}
	}
}

// keepCommand remembers a folder, file by file.
func keepCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := storyOf(ts)
	if s.folders == nil {
		s.folders = map[string]map[string]string{}
	}
	s.folders[args[0]] = contents(ts, args[0])
}

// keptCommand compares a folder with what was remembered, byte by byte.
func keptCommand(ts *testscript.TestScript, _ bool, args []string) {
	before, now := storyOf(ts).folders[args[0]], contents(ts, args[0])
	if len(before) == 0 {
		ts.Fatalf("%s was not remembered", args[0])
	}
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range now {
		names[name] = true
	}
	var changed []string
	for name := range names {
		was, there := before[name]
		is, stays := now[name]
		if there != stays || was != is {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	if len(changed) > 0 {
		ts.Fatalf("changed: %s", strings.Join(changed, ", "))
	}
}

func contents(ts *testscript.TestScript, folder string) map[string]string {
	files := map[string]string{}
	root := ts.MkAbs(folder)
	ts.Check(filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root)] = string(text)
		return err
	}))
	return files
}
