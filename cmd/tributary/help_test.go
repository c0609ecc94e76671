package main

import (
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// Every command explains itself, in the house's voice, and its help fits a
// terminal.
func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	c := &cli{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}
	commands := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		commands++
		path := cmd.CommandPath()
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || len(cmd.Short) > 80 || !unicode.IsUpper(rune(cmd.Short[0])) {
			t.Errorf("%s: its short text is %q", path, cmd.Short)
		}
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			// An example may be as long as what it shows.
			if len(line) > 100 && !strings.Contains(line, "tributary ") && !strings.Contains(line, "curl ") {
				t.Errorf("%s: its help has a line of %d: %q", path, len(line), line)
			}
		}
		for example := range strings.Lines(cmd.Example) {
			if found, _, err := cmd.Root().Find(strings.Fields(example)[1:]); err != nil || found != cmd {
				t.Errorf("%s: its example %q is of %s", path, example, found.CommandPath())
			}
		}
		for flag := range strings.Lines(cmd.LocalNonPersistentFlags().FlagUsages()) {
			// Name, value and explanation stand with two blanks between.
			if _, says, ok := strings.Cut(strings.TrimSpace(flag), "  "); !ok || strings.HasSuffix(says, ".") {
				t.Errorf("%s: the flag %q", path, flag)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(c.command())
	if commands < 20 {
		t.Errorf("only %d commands", commands)
	}
}

// BROWSER is a list like PATH of commands, in which %s is the address.
func TestBrowsers(t *testing.T) {
	t.Parallel()
	const page = "https://login.microsoftonline.com/?a=b%20c"
	for _, c := range []struct {
		variable, system string
		want             [][]string
	}{
		{"", "linux", [][]string{{"xdg-open", page}}},
		{"", "darwin", [][]string{{"open", page}}},
		{"", "windows", [][]string{{"rundll32", "url.dll,FileProtocolHandler", page}}},
		{"firefox", "linux", [][]string{{"firefox", page}}},
		{"firefox -P soc", "linux", [][]string{{"firefox", "-P", "soc", page}}},
		{"firefox --url=%s --new", "darwin", [][]string{{"firefox", "--url=" + page, "--new"}}},
		{` C:\Program Files\Edge\msedge.exe `, "windows", [][]string{{`C:\Program Files\Edge\msedge.exe`, page}}},
		{"w3m::lynx -cookies", "linux", [][]string{{"w3m", page}, {"lynx", "-cookies", page}}},
		{"   ", "linux", [][]string{{"xdg-open", page}}},
	} {
		if diff := cmp.Diff(c.want, browsers(c.variable, c.system, page)); diff != "" {
			t.Errorf("BROWSER=%q on %s (-want +got)\n%s", c.variable, c.system, diff)
		}
	}
}
