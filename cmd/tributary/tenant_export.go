package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"tributary"
	"tributary/connect"
)

func (c *cli) tenantExportCommand() *cobra.Command {
	format := "csv"
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write every customer as tenant import or the configuration file reads them",
		Long: `Export writes every customer on stdout: as CSV, which tenant import reads, or as
YAML, which stands in the configuration file as it is. No secret is in it, and no
grant; nor does it say who is paused.`,
		Example: `  tributary tenant export > customers.csv
  tributary tenant export --format yaml >> tributary.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.tenantExport(cmd.Context(), format) },
	}
	cmd.Flags().StringVar(&format, "format", format, "what to write: `csv|yaml`")
	return cmd
}

func (c *cli) tenantExport(ctx context.Context, format string) error {
	write := map[string]func(io.Writer, []tributary.Tenant) error{"csv": connect.WriteCustomers, "yaml": writeTenantsYAML}[format]
	if write == nil {
		return &usageError{"tributary tenant export", fmt.Errorf("--format %q: use csv or yaml", format)}
	}
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	tenants, err := i.store.Tenants(ctx)
	if err != nil {
		return err
	}
	if len(tenants) == 0 {
		c.say(noTenant)
	}
	return write(c.stdout, tenants)
}

// tenantYAML is a tenant as the configuration file has it.
type tenantYAML struct {
	Slug     string            `yaml:"slug"`
	TenantID string            `yaml:"tenant_id"`
	Name     string            `yaml:"name,omitempty"`
	Auth     string            `yaml:"auth"`
	Sources  []string          `yaml:"sources,flow"`
	Cloud    string            `yaml:"cloud,omitempty"`
	App      string            `yaml:"app,omitempty"`
	Region   string            `yaml:"region,omitempty"`
	Labels   map[string]string `yaml:"labels,omitempty"`
}

func writeTenantsYAML(w io.Writer, tenants []tributary.Tenant) error {
	// What looks like a reference to the environment or a file is none here.
	plain := strings.NewReplacer("${", "$${").Replace
	list := make([]tenantYAML, len(tenants))
	for i, t := range tenants {
		y := tenantYAML{
			Slug: t.Slug, TenantID: t.ID, Name: plain(t.Name), Auth: string(t.Auth), Cloud: t.Cloud, App: t.App, Region: t.Region,
		}
		for _, s := range t.Sources {
			y.Sources = append(y.Sources, string(s))
		}
		for key, value := range t.Labels {
			if y.Labels == nil {
				y.Labels = map[string]string{}
			}
			y.Labels[key] = plain(value)
		}
		list[i] = y
	}
	text, err := yaml.Marshal(map[string]any{"tenants": list})
	if err != nil {
		return fmt.Errorf("write the tenants: %w", err)
	}
	_, err = w.Write(text)
	return err
}
