package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/config"
)

func (c *cli) tenantPauseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pause <tenant>",
		Short: "Stop polling a customer; its place is kept",
		Long: `Pause stops polling a customer at once. What has been fetched is still
delivered. Resume goes on where the polling stopped, as far back as Microsoft
still holds the alerts.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.tenantPause(cmd.Context(), args[0], true) },
	}
}

func (c *cli) tenantResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume <tenant>", Short: "Poll a paused customer again, from where it stopped", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.tenantPause(cmd.Context(), args[0], false) },
	}
}

func (c *cli) tenantPause(ctx context.Context, slug string, paused bool) error {
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, revision, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	if t.Paused == paused {
		c.say("%s is %s already", slug, map[bool]string{true: "paused", false: "active"}[paused])
		return c.printChanged(t)
	}
	t.Paused = paused
	if _, err := i.store.PutTenant(ctx, t, revision); err != nil {
		return err
	}
	word := map[bool]string{true: "paused", false: "resumed"}[paused]
	i.audit(ctx, "command", slug, "tenant "+word, "")
	c.say("%s is %s", slug, word)
	return c.printChanged(t)
}

// printChanged prints a tenant that a command has changed, for programs. People
// have been told.
func (c *cli) printChanged(t tributary.Tenant) error {
	if c.output != "json" {
		return nil
	}
	return c.print(t, nil)
}

func (c *cli) tenantRemoveCommand() *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "remove <tenant>",
		Short: "Forget a customer",
		Long: `Remove stops polling a customer and erases its refresh token. Alerts that were
fetched stay in the stream until they have been delivered and are older than
the retention; --purge erases them at once, delivered or not.

It withdraws nothing at Microsoft: the customer's consent ends when their
administrator removes the application from their Enterprise applications.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.tenantRemove(cmd.Context(), args[0], purge) },
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "erase the customer's alerts, dead letters and place in the stream too")
	return cmd
}

func (c *cli) tenantRemove(ctx context.Context, slug string, purge bool) error {
	// The file's tenants are left alone here, so that one that stands in the
	// way of the file can be removed.
	i, err := c.join(ctx, config.LoadWithoutSecrets)
	if err != nil {
		return err
	}
	defer i.close()
	t, err := i.removable(ctx, slug)
	if err != nil {
		return err
	}
	if err := i.store.RemoveTenant(ctx, slug); err != nil {
		return err
	}
	if err := i.store.RemoveGrant(ctx, slug); err != nil {
		return err
	}
	detail := ""
	if purge {
		detail = "alerts purged"
		if err := i.purge(ctx, slug); err != nil {
			return err
		}
	}
	i.audit(ctx, "command", slug, "tenant removed", detail)
	c.say("%s is removed", slug)
	return c.printChanged(t)
}

// removable is the tenant to remove. One that the file has dropped is out of
// the list already, but what it left can be removed too.
func (i *instance) removable(ctx context.Context, slug string) (tributary.Tenant, error) {
	t, _, err := i.store.Tenant(ctx, slug)
	missing := errors.Is(err, tributary.ErrNotFound)
	if err != nil && !missing {
		return t, err
	}
	if i.fromFile(slug) && (missing || t.FromFile) {
		return t, &tributary.Error{
			Code: "tenant-from-file", Op: "remove the tenant", Tenant: slug, Err: errors.New("the configuration file manages it"),
			Fix: tributary.FixMSSP, Next: "remove it from " + i.cfg.Path + " and restart tributary run, or: tributary tenant pause " + slug,
		}
	}
	if missing && !i.hasLeft(ctx, slug) {
		_, _, err = i.tenant(ctx, slug)
		return t, err
	}
	t.Slug = slug
	return t, nil
}

// hasLeft reports whether a grant or a place in the stream is left of a tenant.
func (i *instance) hasLeft(ctx context.Context, slug string) bool {
	if _, _, err := i.store.SealedGrant(ctx, slug); err == nil {
		return true
	}
	for _, source := range tributary.Sources() {
		cursor, err := i.store.Cursor(ctx, tributary.Feed{Tenant: slug, Source: source})
		if err == nil && cursor.Revision > 0 {
			return true
		}
	}
	return false
}

// purge erases what the store holds of a tenant, of sources that it had
// earlier too.
func (i *instance) purge(ctx context.Context, slug string) error {
	for _, source := range tributary.Sources() {
		if err := i.store.Purge(ctx, tributary.Feed{Tenant: slug, Source: source}); err != nil {
			return err
		}
	}
	if i.cfg.Public.On() {
		invites, err := i.invites()
		if err == nil {
			err = invites.Forget(ctx, slug)
		}
		if err != nil {
			return err
		}
	}
	return i.store.PurgeDeadLetters(ctx, slug)
}
