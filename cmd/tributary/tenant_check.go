package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/connect"
)

func (c *cli) tenantCheckCommand() *cobra.Command {
	var all bool
	var provider string
	cmd := &cobra.Command{
		Use:   "check [tenant]",
		Short: "Check every step of a customer's connection",
		Long: `Check goes through what must be right for a customer's alerts to come: the
tenant exists, our certificate has days left, somebody signed in, a token is
issued, it allows what the source needs, and the API answers. Each step is done,
or says who can mend it and what to do next. Without a tenant it checks all, 16
at a time. It exits with 3 if a step is not right.`,
		Example: `  tributary tenant check contoso --mssp-tenant 11111111-2222-3333-4444-555555555555
  tributary tenant check --all -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return &usageError{cmd.CommandPath(), errors.New("name a tenant, or give --all: not both")}
			}
			return c.tenantCheck(cmd.Context(), args, provider)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "check every customer, as without a tenant")
	cmd.Flags().StringVar(&provider, "mssp-tenant", "", msspTenantUsage)
	return cmd
}

const msspTenantUsage = "your own tenant `id`, to fill in where the customer is asked for it"

func (c *cli) tenantCheck(ctx context.Context, args []string, provider string) error {
	if provider != "" {
		if err := tributary.CheckTenantID(provider); err != nil {
			return &usageError{"tributary tenant check", fmt.Errorf("--mssp-tenant: %w", err)}
		}
	}
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	i.connect.Provider = strings.ToLower(provider)
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
	found := make([]tenantSteps, len(tenants))
	progress := c.newProgress()
	connect.Each(ctx, len(tenants), func(n int) {
		found[n] = tenantSteps{Tenant: tenants[n].Slug, Right: true, Steps: i.connect.Check(ctx, tenants[n])}
		for _, step := range found[n].Steps {
			found[n].Right = found[n].Right && step.Done
		}
	}, func(done int) {
		if len(tenants) > connect.AtOnce {
			progress.tell("check", done, len(tenants))
		}
	})
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("check the tenants: %w", err)
	}
	all := !slices.ContainsFunc(found, func(s tenantSteps) bool { return !s.Right })
	err := c.print(found, func(w io.Writer) {
		for _, s := range found {
			row(w, s.Tenant)
			for _, step := range s.Steps {
				mark := map[bool]string{true: "ok", false: "--"}[step.Done]
				row(w, "  "+mark, step.Name, string(step.Source), step.Text)
				if step.Next != "" {
					row(w, "", "", "", whoAndNext(step.Fix, step.Next))
				}
				if step.Send != "" {
					row(w, "", "", "", "without that permission, send the customer: "+step.Send)
				}
			}
		}
	})
	if err == nil && !all {
		return errNotRight
	}
	return err
}
