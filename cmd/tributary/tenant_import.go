package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/config"
	"tributary/connect"
)

func (c *cli) tenantImportCommand() *cobra.Command {
	var dryRun, check bool
	cmd := &cobra.Command{
		Use:   "import <customers.csv>",
		Short: "Add many customers from a CSV file",
		Long: `Import adds the customers of a CSV file; - reads it from stdin. The first line
names the columns, in any order:

  domain or tenant_id   one of the two is needed; both are compared
  slug                  your name for the customer (default: from the domain, or the name)
  name                  the customer's name, for people
  auth                  app-only (default) or delegated
  sources               graph (default), endpoint, siem; several with a blank between
  cloud, app, region    as in tenant add
  labels                key=value;key=value

A file in which anything is wrong adds nobody: all that is wrong is listed, with
its line. The customers are then looked up in Microsoft's directory, 16 at a
time, and added. It may be repeated after it was stopped, or with a longer file:
who is there stays as they are.

The report tells for each line what became of it and what the customer still
needs. With --check it goes through every step of the connection too, as
tenant check does. It exits with 3 if a line failed or a checked customer is not
right.`,
		Example: `  tributary tenant import customers.csv --dry-run
  tributary tenant import customers.csv --check -o json > report.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.tenantImport(cmd.Context(), args[0], dryRun, check)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "look up and compare, change nothing")
	cmd.Flags().BoolVar(&check, "check", false, "go through the steps of each connection too: can a token be had, do the APIs answer")
	return cmd
}

func (c *cli) tenantImport(ctx context.Context, file string, dryRun, check bool) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	customers, err := c.readCustomers(i, file)
	if err != nil {
		return err
	}
	im := &connect.Import{
		Connector: i.connect, Store: i.store, DryRun: dryRun, Check: check,
		Added: func(ctx context.Context, t tributary.Tenant) {
			i.audit(ctx, "command", t.Slug, "tenant added", t.ID+", from "+file)
		},
		Progress: c.newProgress().tell,
	}
	report, stopped := im.Run(ctx, customers)
	if stopped != nil && ctx.Err() == nil {
		return stopped
	}
	err = c.print(report, func(w io.Writer) { showImported(w, report) })
	right := c.sumUp(report)
	switch {
	case err != nil:
		return err
	case stopped != nil:
		return fmt.Errorf("%w: repeat the command to go on", stopped)
	case !right:
		return errNotRight
	}
	return nil
}

func (c *cli) readCustomers(i *instance, file string) ([]connect.Customer, error) {
	rules := connect.Rules{File: file, Check: i.cfg.CheckTenant, Nearest: config.Nearest, Regions: config.Regions()}
	if file == "-" {
		rules.File = "stdin"
		return connect.ReadCustomers(c.stdin, rules)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, &tributary.Error{
			Code: connect.CodeCustomers, Op: "read " + file, Err: reason(err), Fix: tributary.FixMSSP, Next: "give the path of a CSV file, or - for stdin",
		}
	}
	defer f.Close()
	return connect.ReadCustomers(f, rules)
}

func showImported(w io.Writer, report []connect.Imported) {
	if len(report) == 0 {
		return
	}
	row(w, "LINE", "TENANT", "TENANT ID", "RESULT", "NEEDS")
	for _, r := range report {
		row(w, fmt.Sprint(r.Line), r.Tenant, orDash(r.TenantID), string(r.Result), imported(r))
		if next := r.Next; next != "" {
			row(w, "", "", "", "", whoAndNext(r.Fix, next))
		} else if r.Needs != nil && r.Needs.Next != "" {
			row(w, "", "", "", "", whoAndNext(r.Needs.Fix, r.Needs.Next))
		}
	}
}

// imported is what a line needs, or why it failed.
func imported(r connect.Imported) string {
	var parts []string
	switch {
	case r.Result == connect.ResultFailed:
		parts = append(parts, r.Reason)
	case r.Needs != nil:
		parts = append(parts, r.Needs.Name+": "+r.Needs.Text)
	case r.Checked:
		parts = append(parts, "nothing")
	case r.Result == connect.ResultNew:
		parts = append(parts, "-")
	case r.Auth == tributary.AuthAppOnly:
		parts = append(parts, "the customer's consent, unless it is given: not checked")
	default:
		parts = append(parts, "not checked")
	}
	if len(r.Differs) > 0 {
		parts = append(parts, "not changed: "+strings.Join(r.Differs, ", "))
	}
	return strings.Join(parts, "; ")
}

// sumUp says it in one line, and whether all is right as far as it was looked at.
func (c *cli) sumUp(report []connect.Imported) bool {
	counts := map[connect.Result]int{}
	needy := 0
	right := true
	for _, r := range report {
		counts[r.Result]++
		if r.Needs != nil {
			needy++
		}
		right = right && r.Result != connect.ResultFailed && (!r.Checked || r.Right)
	}
	var parts []string
	for _, result := range []connect.Result{connect.ResultNew, connect.ResultAdded, connect.ResultThere, connect.ResultFailed} {
		if n := counts[result]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, result))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "no customer in the file")
	}
	if needy > 0 {
		parts = append(parts, fmt.Sprintf("%d of them need something", needy))
	}
	c.say("%s", strings.Join(parts, ", "))
	return right
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
