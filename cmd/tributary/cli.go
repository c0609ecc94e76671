package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// cli is what every sub-command shares: the streams and the global flags.
type cli struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	configPath string
	output     string // table or json
	logLevel   string
	logFormat  string
}

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
	flags.StringVarP(&c.configPath, "config", "c", "tributary.yaml", "the configuration `file`")
	flags.StringVarP(&c.output, "output", "o", "table", "how to print: `table|json`")
	flags.StringVar(&c.logLevel, "log-level", "info", "what to log on stderr: `debug|info|warn|error`")
	flags.StringVar(&c.logFormat, "log-format", "text", "how to log: `text|json`")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return c.checkFlags(cmd)
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{cmd.CommandPath(), err}
	})
	root.AddCommand(
		c.demoCommand(), c.initCommand(), c.tenantCommand(), c.tokenCommand(), c.runCommand(), c.fetchCommand(),
		c.statusCommand(), c.destinationCommand(), c.configCommand(), c.simCommand(), c.versionCommand(),
	)
	usage(root)
	return root
}

// usage makes wrong arguments of any command a usageError, and a group that
// is called without a sub-command show its help.
func usage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{cmd.CommandPath(), err}
			}
			return nil
		}
	}
	if cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{cmd.CommandPath(), fmt.Errorf("unknown command %q", args[0])}
			}
			return cmd.Help()
		}
	}
	for _, sub := range cmd.Commands() {
		usage(sub)
	}
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
