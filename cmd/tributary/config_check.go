package main

import (
	"io"

	"github.com/spf13/cobra"

	"tributary/config"
)

func (c *cli) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Look at the configuration file"}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "check",
			Short: "Check the configuration file without starting anything",
			Long: `Check reads the configuration file as run does and says what is wrong in it:
every problem with its line and what to do about it. It touches neither the
store nor the network.`,
			Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return c.checkConfig() },
		},
		&cobra.Command{
			Use:   "schema",
			Short: "Print the JSON Schema of the configuration file, for editors",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := c.stdout.Write(config.Schema())
				return err
			},
		},
	)
	return cmd
}

// checked is what config check prints.
type checked struct {
	File         string   `json:"file"`
	Tenants      int      `json:"tenants"`
	Destinations int      `json:"destinations"`
	Warnings     []string `json:"warnings"`
}

func (c *cli) checkConfig() error {
	cfg, err := config.Load(c.configPath)
	if err != nil {
		return err
	}
	result := checked{File: c.configPath, Tenants: len(cfg.Tenants), Destinations: len(cfg.Destinations), Warnings: []string{}}
	for _, w := range cfg.Warnings {
		result.Warnings = append(result.Warnings, w.String())
	}
	return c.print(result, func(w io.Writer) {
		row(w, c.configPath+" is right: "+count(result.Tenants, "tenant")+", "+count(result.Destinations, "destination"))
		for _, warning := range result.Warnings {
			row(w, "warning: "+warning)
		}
	})
}
