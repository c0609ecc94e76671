package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/connect"
)

// connecting is what the flags of tenant connect say.
type connecting struct {
	deviceCode, paste, noBrowser, v1 bool
	refreshToken                     string // "-": on stdin
	wait                             time.Duration
	invite                           inviting
}

func (c *cli) tenantConnectCommand() *cobra.Command {
	var how connecting
	cmd := &cobra.Command{
		Use:   "connect <tenant>",
		Short: "Get the customer's consent, and tokens where a person signs in",
		Long: `Connect does step 2 of Microsoft's MSSP procedure.

A tenant with auth app-only: the customer's administrator consents on a page of
Microsoft's. Connect opens it in the browser of this machine and prints its
link, which may as well be sent to the administrator, and waits for the consent.

A tenant with auth delegated: a person signs in, in the browser of this machine,
with --device-code on any other, or with --paste where the application's
redirect URI is an address that nobody can listen on. Who has a refresh token
already, as from the script of Microsoft's procedure, gives it on stdin with
--refresh-token -; it is proved at the customer's tenant and kept sealed.

Either way, --invite prints a link to send to the customer's administrator and
the mail to go with it, and ends: the running instance's own pages (public in
the configuration) lead through the rest in the customer's browser.

The browser is the one that the environment variable BROWSER names, otherwise
the desktop's. It may be repeated at any time: a new sign-in replaces the old one.`,
		Example: `  tributary tenant connect contoso
  tributary tenant connect contoso --no-browser --wait 1h
  tributary tenant connect contoso --invite --lang sv --expires 14d
  tributary tenant connect fabrikam --device-code
  tributary tenant connect fabrikam --refresh-token - --v1 < token.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := how.invite.check(cmd); err != nil {
				return err
			}
			if how.invite.on {
				return c.tenantInvite(cmd.Context(), args[0], how)
			}
			return c.tenantConnect(cmd.Context(), args[0], how)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&how.deviceCode, "device-code", false, "sign in on another device with a code")
	flags.BoolVar(&how.paste, "paste", false, "paste the address on which the browser ends")
	flags.BoolVar(&how.noBrowser, "no-browser", false, "print the link instead of opening it")
	flags.BoolVar(&how.v1, "v1", false, "use the v1 endpoints, as Microsoft's MSSP procedure does")
	flags.StringVar(&how.refreshToken, "refresh-token", "", "take over a refresh token that you have: `-` reads it from stdin")
	flags.DurationVar(&how.wait, "wait", 15*time.Minute, "how long to wait for the person")
	how.invite.flags(cmd)
	return cmd
}

func (c *cli) tenantConnect(ctx context.Context, slug string, how connecting) error {
	if err := how.checkRefreshToken(); err != nil {
		return err
	}
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, _, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	if err := how.fits(t); err != nil {
		return err
	}
	detail, err := c.letIn(ctx, i, t, how)
	if err != nil {
		return err
	}
	i.audit(ctx, "command", slug, "tenant connected", detail)
	if err := i.connected(ctx, t); err != nil {
		return err
	}
	return c.showSteps(ctx, i, []tributary.Tenant{t})
}

// fits refuses flags of a sign-in for a tenant where nobody signs in.
func (how connecting) fits(t tributary.Tenant) error {
	flag := ""
	switch {
	case t.Auth == tributary.AuthDelegated:
	case how.deviceCode:
		flag = "--device-code"
	case how.paste:
		flag = "--paste"
	case how.refreshToken != "":
		flag = "--refresh-token"
	case how.v1:
		flag = "--v1"
	}
	if flag == "" {
		return nil
	}
	return &tributary.Error{
		Code: "tenant-app-only", Op: "connect the tenant", Tenant: t.Slug, Fix: tributary.FixMSSP,
		Err:  fmt.Errorf("%s is for a tenant with auth delegated; this one is %s, and nobody signs in", flag, t.Auth),
		Next: "leave " + flag + " out: tributary tenant connect " + t.Slug,
	}
}

// letIn gets the consent or the sign-in, and says for the audit which.
func (c *cli) letIn(ctx context.Context, i *instance, t tributary.Tenant, how connecting) (detail string, err error) {
	waiting, cancel := context.WithTimeout(ctx, how.wait)
	defer cancel()
	if t.Auth != tributary.AuthDelegated {
		if err := i.connect.Consent(waiting, t, c.consentOpener(how)); err != nil {
			return "", how.late(ctx, waiting, t.Slug, err)
		}
		c.say("the customer's administrator has consented")
		return "consent", nil
	}
	if how.refreshToken != "" {
		return c.adopt(waiting, i, t, how)
	}
	grant, err := i.connect.Delegated(waiting, t, c.signIn(how))
	if err != nil {
		return "", how.late(ctx, waiting, t.Slug, err)
	}
	c.say("%s signed in; the refresh token is sealed in the store", grant.Account)
	return "signed in as " + grant.Account, nil
}

// late says it where nobody was done in time.
func (how connecting) late(ctx, waiting context.Context, slug string, err error) error {
	if waiting.Err() == nil || ctx.Err() != nil {
		return err
	}
	e := &tributary.Error{
		Code: tributary.CodeSignInAgain, Op: "wait for the person", Tenant: slug, Fix: tributary.FixMSSP,
		Err:  fmt.Errorf("nobody was done within %v", how.wait),
		Next: "repeat the command, with more time such as --wait 1h",
	}
	return e
}

// signIn is how the flags want the person to sign in.
func (c *cli) signIn(how connecting) connect.SignIn {
	s := connect.SignIn{V1: how.v1, Open: c.opener(how)}
	if how.deviceCode {
		s.Show = func(userCode, address, _ string) {
			c.say("open %s on any device and enter the code %s", address, userCode)
		}
	}
	if how.paste {
		s.Paste = func(ctx context.Context) (string, error) {
			c.say("when you have signed in, the browser ends on a page that may not load: copy its whole address, paste it here and press Enter")
			return c.readLine(ctx)
		}
	}
	return s
}

// opener shows a page to the person: in the browser, and always in print, for
// there may be no browser.
func (c *cli) opener(how connecting) func(string) error {
	return func(address string) error {
		if how.noBrowser {
			c.say("open this page in a browser of this machine:\n\n%s\n", address)
			return nil
		}
		c.say("open this page if the browser does not:\n\n%s\n", address)
		if err := openBrowser(address); err != nil {
			c.say("no browser could be started here: open the page by hand, or use --device-code")
			c.logger().Debug("start a browser", "err", err)
		}
		return nil
	}
}

// consentOpener is opener for a page that is for somebody else as a rule.
func (c *cli) consentOpener(how connecting) func(string) error {
	return func(address string) error {
		c.say("the customer's administrator consents on this page, on any machine; whether the page after it loads does not matter:\n\n%s\n", address)
		if !how.noBrowser {
			if err := openBrowser(address); err != nil {
				c.say("no browser could be started here: send the link to the customer's administrator")
				c.logger().Debug("start a browser", "err", err)
			}
		}
		c.say("waiting for the consent, %v at most", how.wait)
		return nil
	}
}

// readLine reads a line from stdin. A read of the terminal can't be cancelled:
// it ends with the process.
func (c *cli) readLine(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	if c.lines == nil {
		c.lines = bufio.NewReader(c.stdin)
	}
	got := make(chan line, 1)
	go func() {
		text, err := c.lines.ReadString('\n')
		got <- line{strings.TrimSpace(text), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case l := <-got:
		if l.text == "" {
			return "", errors.New("nothing was entered")
		}
		return l.text, nil
	}
}

// connected lets a running instance know: it forgets remembered refusals and
// polls at once.
func (i *instance) connected(ctx context.Context, t tributary.Tenant) error {
	i.tokens.Forget(t)
	stored, revision, err := i.store.Tenant(ctx, t.Slug)
	if err != nil {
		return err
	}
	if _, err := i.store.PutTenant(ctx, stored, revision); err != nil {
		return fmt.Errorf("tell the running instance: %w", err)
	}
	if t.Paused {
		return nil
	}
	for _, feed := range t.Feeds() {
		if err := i.store.Wake(ctx, feed); err != nil {
			return fmt.Errorf("tell the running instance: %w", err)
		}
	}
	return nil
}
