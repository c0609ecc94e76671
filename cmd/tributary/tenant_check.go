package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/connect"
)

func (c *cli) tenantCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [tenant]",
		Short: "Check every step of a customer's connection",
		Long: `Check goes through what must be right for a customer's alerts to come: the
tenant exists, somebody signed in, a token is issued, it allows what the source
needs, and the API answers. Each step is done, or says who can mend it and what
to do next. Without a tenant it checks all. It exits with 3 if a step is not right.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.tenantCheck(cmd.Context(), args) },
	}
}

func (c *cli) tenantCheck(ctx context.Context, args []string) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	var tenants []tributary.Tenant
	if len(args) == 1 {
		t, _, err := i.tenant(ctx, args[0])
		if err != nil {
			return err
		}
		tenants = append(tenants, t)
	} else if tenants, err = i.store.Tenants(ctx); err != nil {
		return err
	}
	if len(tenants) == 0 {
		c.say(noTenant)
	}
	return c.showSteps(ctx, i, tenants)
}

// tenantSteps is what was found of one customer.
type tenantSteps struct {
	Tenant string         `json:"tenant"`
	Right  bool           `json:"right"`
	Steps  []connect.Step `json:"steps"`
}

func (c *cli) showSteps(ctx context.Context, i *instance, tenants []tributary.Tenant) error {
	all := true
	found := []tenantSteps{}
	for _, t := range tenants {
		s := tenantSteps{Tenant: t.Slug, Right: true, Steps: i.connect.Check(ctx, t)}
		for _, step := range s.Steps {
			s.Right = s.Right && step.Done
		}
		all = all && s.Right
		found = append(found, s)
	}
	err := c.print(found, func(w io.Writer) {
		for _, s := range found {
			row(w, s.Tenant)
			for _, step := range s.Steps {
				mark := map[bool]string{true: "ok", false: "--"}[step.Done]
				row(w, "  "+mark, step.Name, string(step.Source), step.Text)
				if step.Next != "" {
					row(w, "", "", "", whoAndNext(step.Fix, step.Next))
				}
			}
		}
	})
	if err == nil && !all {
		return errNotRight
	}
	return err
}
