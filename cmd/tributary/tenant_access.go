package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/connect"
)

func (c *cli) tenantAccessCommand() *cobra.Command {
	var a connect.Access
	cmd := &cobra.Command{
		Use:   "access <tenant>",
		Short: "Write how the customer lets your analysts into their portal",
		Long: `Access writes, on stdout and as Markdown, the procedure by which the customer's
administrator gives your analysts access to their Defender portal: groups and
roles for each tier, your tenant as a connected organization, a catalog, and
access packages with approval and a yearly review. The customer's tenant is
filled in, and yours with --mssp-tenant and --mssp-name. Read it before you send
it.`,
		Example: `  tributary tenant access contoso --mssp-tenant 11111111-2222-3333-4444-555555555555 > contoso.md`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.tenantAccess(cmd.Context(), args[0], a) },
	}
	flags := cmd.Flags()
	flags.StringVar(&a.ProviderID, "mssp-tenant", "", msspTenantUsage)
	flags.StringVar(&a.ProviderName, "mssp-name", "", "your `name`, as the customer knows you")
	flags.StringVar(&a.Domain, "domain", "", "one of the customer's `domains`, for the link to their page of approvals (default: the tenant id)")
	return cmd
}

func (c *cli) tenantAccess(ctx context.Context, slug string, a connect.Access) error {
	if a.ProviderID != "" {
		if err := tributary.CheckTenantID(a.ProviderID); err != nil {
			return &usageError{"tributary tenant access", fmt.Errorf("--mssp-tenant: %w", err)}
		}
	}
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	if a.Tenant, _, err = i.tenant(ctx, slug); err != nil {
		return err
	}
	if a.Cloud, _, err = i.cloud(a.Tenant); err != nil {
		return err
	}
	if a.ProviderID == "" || a.ProviderName == "" {
		c.say("the procedure speaks of you in general: --mssp-tenant and --mssp-name fill you in")
	}
	return connect.WriteAccess(c.stdout, a)
}
