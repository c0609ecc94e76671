package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tributary/config"
	"tributary/connect/invite"
)

// inviting is what the flags of tenant connect --invite say.
type inviting struct {
	on            bool
	lang, expires string
}

func (how *inviting) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&how.on, "invite", false, "print a link and a mail for the customer's administrator, who does the rest")
	flags.StringVar(&how.lang, "lang", "en", "the `language` of the invitation's mail, such as en or sv")
	flags.StringVar(&how.expires, "expires", "7d", "how long the invitation is good for: a `duration` such as 24h or 7d")
}

// check refuses flags that have no sense together.
func (how *inviting) check(cmd *cobra.Command) error {
	others := []string{"lang", "expires"}
	if how.on {
		others = []string{"device-code", "paste", "no-browser", "refresh-token", "wait"}
	}
	for _, name := range others {
		switch {
		case !cmd.Flags().Changed(name):
		case how.on:
			return &usageError{cmd.CommandPath(), fmt.Errorf("--%s has no sense beside --invite: the customer does it all in their own browser", name)}
		default:
			return &usageError{cmd.CommandPath(), fmt.Errorf("--%s is for an invitation: add --invite", name)}
		}
	}
	return nil
}

// invitation is what a command tells of an invitation that it has issued.
type invitation struct {
	invite.Invite
	invite.Mail
	RedirectURI string `json:"redirect_uri"`
}

// tenantInvite issues an invitation and prints the mail.
func (c *cli) tenantInvite(ctx context.Context, slug string, how connecting) error {
	life, err := config.ParseDuration(how.invite.expires)
	if err != nil || life == 0 {
		return &usageError{"tributary tenant connect", fmt.Errorf("--expires %q: use a duration such as 24h or 7d", how.invite.expires)}
	}
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, _, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	invites, err := i.invites()
	if err != nil {
		return err
	}
	issued, mail, err := invites.Issue(ctx, invite.Order{Tenant: t, Language: how.invite.lang, Life: life, V1: how.v1})
	if err != nil {
		return err
	}
	i.audit(ctx, "command", slug, "customer invited", "invitation "+issued.ID+", until "+issued.Expires.Format(time.RFC3339))
	c.say("send this mail to the customer's administrator; to withdraw it: tributary tenant invites --revoke %s", issued.ID)
	c.say("the application must have the redirect URI %s (platform Web), and customers must reach %s", invites.RedirectURI(), i.cfg.Public.URL)
	if i.store.Running() {
		c.say("the pages are served by the running instance, and none runs: start it with tributary run")
	}
	return c.print(invitation{issued, mail, invites.RedirectURI()}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s\n\nSubject: %s\n\n%s", mail.Link, mail.Subject, mail.Body)
	})
}

func (c *cli) tenantInvitesCommand() *cobra.Command {
	var revoke string
	cmd := &cobra.Command{
		Use:   "invites [tenant]",
		Short: "List the invitations that were sent, and withdraw one",
		Long: `Invites lists the invitations of a customer, or of all, and where each stands:
issued (nobody has used the link), opened (somebody has gone on to Microsoft),
completed, expired or revoked. They are made by tenant connect --invite.`,
		Example: `  tributary tenant invites
  tributary tenant invites contoso
  tributary tenant invites --revoke MFRGGZDFMZTWQ2LK`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if revoke != "" {
				return c.revokeInvite(cmd.Context(), revoke)
			}
			return c.tenantInvites(cmd.Context(), args)
		},
	}
	cmd.Flags().StringVar(&revoke, "revoke", "", "withdraw the invitation with this `id`")
	return cmd
}

// inviteRow is an invitation in a list.
type inviteRow struct {
	invite.Invite
	State invite.State `json:"state"`
}

func (c *cli) tenantInvites(ctx context.Context, args []string) error {
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	slug := ""
	if len(args) == 1 {
		if _, _, err := i.tenant(ctx, args[0]); err != nil {
			return err
		}
		slug = args[0]
	}
	invites, err := i.invites()
	if err != nil {
		return err
	}
	list, err := invites.List(ctx, slug)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		c.say("nobody has been invited: tributary tenant connect <tenant> --invite")
	}
	rows := []inviteRow{}
	for _, one := range list {
		rows = append(rows, inviteRow{one, one.State(time.Now())})
	}
	return c.print(rows, func(w io.Writer) {
		row(w, "TENANT", "INVITATION", "STATE", "ISSUED", "EXPIRES", "ACCOUNT")
		for _, r := range rows {
			row(w, r.Tenant, r.ID, string(r.State), r.Issued.Format(time.DateTime), r.Expires.Format(time.DateTime), r.Account)
		}
	})
}

func (c *cli) revokeInvite(ctx context.Context, id string) error {
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	invites, err := i.invites()
	if err != nil {
		return err
	}
	withdrawn, err := invites.Revoke(ctx, id)
	if err != nil {
		return err
	}
	i.audit(ctx, "command", withdrawn.Tenant, "invitation withdrawn", "invitation "+withdrawn.ID)
	c.say("the invitation %s of %s is withdrawn", withdrawn.ID, withdrawn.Tenant)
	return nil
}
