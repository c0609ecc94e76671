package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/connect"
	"tributary/microsoft/entra"
)

// newTenant is what the flags of tenant add say.
type newTenant struct {
	slug, name, auth, cloud, app, region string
	sources                              []string
	labels                               map[string]string
}

func (c *cli) tenantAddCommand() *cobra.Command {
	var n newTenant
	cmd := &cobra.Command{
		Use:   "add <domain or tenant id>",
		Short: "Add a customer by one of its domains",
		Long: `Add looks the customer's tenant id up in Microsoft's directory and adds the
customer. Nothing is fetched until the customer has been connected:
tributary tenant connect.`,
		Example: `  tributary tenant add contoso.com
  tributary tenant add contoso.com --auth delegated --sources siem --label tier=gold`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.tenantAdd(cmd.Context(), args[0], n) },
	}
	flags := cmd.Flags()
	flags.StringVar(&n.slug, "slug", "", "your short `name` for the customer; it never changes (default: from the domain)")
	flags.StringVar(&n.name, "name", "", "the customer's name, for people")
	flags.StringVar(&n.auth, "auth", string(tributary.AuthAppOnly), "the `method` by which the customer lets us in: app-only or delegated")
	flags.StringSliceVar(&n.sources, "sources", []string{string(tributary.SourceGraph)}, "the `APIs` to read: graph, endpoint, siem; several with commas between")
	flags.StringVar(&n.cloud, "cloud", "", "the `cloud` the customer lives in (default: the configuration's)")
	flags.StringVar(&n.app, "app", "", "the `application` to use (default: the configuration's)")
	flags.StringVar(&n.region, "region", "", "the `region` in which the SIEM API keeps the customer's data: us, eu or uk")
	flags.StringToStringVar(&n.labels, "label", nil, "a `key=value` of your own; may be repeated")
	flags.Lookup("label").DefValue = "" // not shown as []
	return cmd
}

func (c *cli) tenantAdd(ctx context.Context, domainOrID string, n newTenant) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t := tributary.Tenant{
		Slug: n.slug, Name: n.name, Cloud: n.cloud, App: n.app, Auth: tributary.AuthMethod(n.auth), Region: n.region, Labels: n.labels,
	}
	if t.Slug == "" {
		if t.Slug, err = slugFrom(domainOrID); err != nil {
			return err
		}
	}
	for _, name := range n.sources {
		source, err := tributary.ParseSource(name)
		if err != nil {
			return &usageError{"tributary tenant add", err}
		}
		t.Sources = append(t.Sources, source)
	}
	cloud, client, err := i.cloud(t)
	if err != nil {
		return err
	}
	found, err := entra.Discover(ctx, cloud, client, domainOrID)
	if err != nil {
		return notFound(domainOrID, err)
	}
	t.ID = found.TenantID
	if err := i.cfg.CheckTenant(t); err != nil {
		return err
	}
	if err := notThere(ctx, i, t); err != nil {
		return err
	}
	if _, err := i.store.PutTenant(ctx, t, 0); err != nil {
		return err
	}
	i.audit(ctx, "command", t.Slug, "tenant added", t.ID)
	c.say("added %s, tenant id %s", t.Slug, t.ID)
	c.say("next: tributary tenant connect %s", t.Slug)
	return c.printChanged(t)
}

// notFound has the next step for a domain, where the words are about an id.
func notFound(domainOrID string, err error) error {
	e := tributary.AsError(err)
	if e != nil && e.Code == tributary.CodeTenantUnknown && tributary.CheckTenantID(domainOrID) != nil {
		e.Next = "check how the domain is written, or give the tenant id (Entra admin center, Overview); a tenant in another of Microsoft's clouds needs --cloud"
	}
	return err
}

// notThere refuses a slug or a tenant id that is taken.
func notThere(ctx context.Context, i *instance, t tributary.Tenant) error {
	tenants, err := i.store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, have := range tenants {
		e := &tributary.Error{Code: "tenant-exists", Op: "add the tenant", Tenant: t.Slug, Fix: tributary.FixMSSP}
		switch {
		case have.ID == t.ID:
			e.Err = fmt.Errorf("the customer is there already as %s", have.Slug)
			e.Next = "tributary tenant show " + have.Slug
		case have.Slug == t.Slug:
			e.Err = errors.New("the name is taken by another customer")
			e.Next = "give this one another name: --slug"
		default:
			continue
		}
		return e
	}
	return nil
}

// slugFrom makes a name out of a domain: contoso.com becomes contoso.
func slugFrom(domain string) (string, error) {
	if tributary.CheckTenantID(domain) == nil {
		return "", &usageError{"tributary tenant add", errors.New("a tenant id says nothing of the customer's name: give one with --slug")}
	}
	slug := connect.SlugFromDomain(domain)
	return slug, tributary.CheckSlug(slug)
}
