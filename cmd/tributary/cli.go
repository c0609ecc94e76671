package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tributary"
)

// cli is what every sub-command shares: the streams and the global flags.
type cli struct {
	stdin  io.Reader
	lines  *bufio.Reader // of stdin, made by the first readLine
	stdout io.Writer
	stderr io.Writer

	configPath string
	output     string // table or json
	logLevel   string
	logFormat  string
}

const defaultConfig = "tributary.yaml"

func (c *cli) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "tributary",
		Short: "Fetch the Defender alerts of every customer tenant and deliver them to your SIEM",
		Long: `Tributary fetches the Microsoft Defender alerts of every customer tenant that a
managed security service provider looks after, and delivers them to the
provider's SIEM: none lost, none repeated.

To see it work without any account:    tributary demo
To begin with a customer of your own:  tributary init
                                       tributary tenant add contoso.com
                                       tributary tenant connect contoso
                                       tributary tenant check contoso
                                       tributary run`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	flags := root.PersistentFlags()
	flags.StringVarP(&c.configPath, "config", "c", defaultConfig, "the configuration `file`")
	flags.StringVarP(&c.output, "output", "o", "table", "the `format` to print in: table for people, json for programs")
	flags.StringVar(&c.logLevel, "log-level", "info", "the least `level` to log on stderr: debug, info, warn or error")
	flags.StringVar(&c.logFormat, "log-format", "text", "the `format` to log in: text or json")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return c.checkFlags(cmd)
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{cmd.CommandPath(), err}
	})
	root.AddCommand(
		c.demoCommand(), c.initCommand(), c.appCommand(), c.tenantCommand(), c.tokenCommand(), c.siemSetupCommand(), c.runCommand(), c.fetchCommand(),
		c.statusCommand(), c.destinationCommand(), c.configCommand(), c.vaultCommand(), c.simCommand(), c.versionCommand(),
	)
	usage(root)
	return root
}

// usage makes wrong arguments of any command a usageError, and a group that
// is called without a sub-command show its help.
func usage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check(cmd, args) == nil {
				return nil
			}
			return &usageError{cmd.CommandPath(), wrongArguments(cmd, args)}
		}
	}
	if cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.Args = cobra.ArbitraryArgs // or cobra answers for the root itself
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return &usageError{cmd.CommandPath(), unknownCommand(cmd, args[0])}
		}
	}
	for _, sub := range cmd.Commands() {
		usage(sub)
	}
}

// wrongArguments says in words what the command wants, which cobra counts.
func wrongArguments(cmd *cobra.Command, args []string) error {
	_, want, _ := strings.Cut(cmd.Use, " ")
	switch {
	case want == "":
		return fmt.Errorf("%s takes no argument: what is %q?", cmd.CommandPath(), args[0])
	case len(args) == 0:
		return fmt.Errorf("%s wants an argument: %s", cmd.CommandPath(), want)
	}
	return fmt.Errorf("%s wants one argument, %s: what is %q?", cmd.CommandPath(), want, args[1])
}

func unknownCommand(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return fmt.Errorf("unknown command %q: did you mean %s?", name, strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q", name)
}

func (c *cli) checkFlags(cmd *cobra.Command) error {
	if c.output != "table" && c.output != "json" {
		return &usageError{cmd.CommandPath(), fmt.Errorf("--output %q: use table or json", c.output)}
	}
	if c.logFormat != "text" && c.logFormat != "json" {
		return &usageError{cmd.CommandPath(), fmt.Errorf("--log-format %q: use text or json", c.logFormat)}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.logLevel)); err != nil {
		return &usageError{cmd.CommandPath(), fmt.Errorf("--log-level %q: use debug, info, warn or error", c.logLevel)}
	}
	return nil
}

// logger logs on stderr, which leaves stdout to what was asked for.
func (c *cli) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.logLevel)) // checkFlags has looked at it
	options := &slog.HandlerOptions{Level: level}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(c.stderr, options))
	}
	return slog.New(slog.NewTextHandler(c.stderr, options))
}

// whoAndNext is the line under a problem: who can mend it, and how. What a
// running instance tries again by itself is for the reader to see to here.
func whoAndNext(fix tributary.Fixer, next string) string {
	next = ofCommand(next)
	if fix == tributary.FixRetry || fix == "" {
		return "next: " + next
	}
	return fix.String() + ": " + next
}

// ofCommand is a next step without the promise to try again, which holds for
// a running instance alone: a command has ended when its words are read.
func ofCommand(next string) string {
	next, _, _ = strings.Cut(next, "; we keep trying")
	if next == "nothing to do: we try again" {
		return "try again"
	}
	return strings.Replace(next, "nothing to do: we try again; if", "try again; if", 1)
}

// reason is why the system refused something, without the name of the call
// and the address, which the sentence around has already.
func reason(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// count is a number of things in words: 1 alert, 2 alerts.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// print writes a value as JSON, or by the function as a table for people.
func (c *cli) print(value any, table func(w io.Writer)) error {
	if c.output == "json" {
		enc := json.NewEncoder(c.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(value)
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

func row(w io.Writer, cells ...string) {
	_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// say tells a person how it goes, on stderr.
func (c *cli) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", args...)
}
