package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tributary/config"
	"tributary/microsoft/sim/identity"
)

// personCommand runs a command as someone who reads its words, opens the page
// that they name, enters the code there, and pastes the address where it ends.
// If $PERSON_LEAVES is set, they press Ctrl-C instead.
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
		} else if strings.HasPrefix(line, "https://") && ts.Getenv("PERSON_LEAVES") != "" {
			ts.Check(cmd.Process.Signal(os.Interrupt))
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
func visitMain(page string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	address, err := visit(ctx, os.Getenv, page, "")
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
