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
	wait                             time.Duration
}

func (c *cli) tenantConnectCommand() *cobra.Command {
	var how connecting
	cmd := &cobra.Command{
		Use:   "connect <tenant>",
		Short: "Get the customer's consent, and tokens where a person signs in",
		Long: `Connect does step 2 of Microsoft's MSSP procedure.

A tenant with auth app-only: the customer's administrator opens the consent
page, in the browser of this machine or, with --no-browser, by the printed link.
A tenant with auth delegated: a person signs in, in the browser of this machine,
with --device-code on any other, or with --paste where the application's
redirect URI is an address that nobody can listen on.

It may be repeated at any time: a new sign-in replaces the old one.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.tenantConnect(cmd.Context(), args[0], how) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&how.deviceCode, "device-code", false, "sign in on another device with a code")
	flags.BoolVar(&how.paste, "paste", false, "paste the address on which the browser ends")
	flags.BoolVar(&how.noBrowser, "no-browser", false, "print the link instead of opening it")
	flags.BoolVar(&how.v1, "v1", false, "use the v1 endpoints, as Microsoft's MSSP procedure does")
	flags.DurationVar(&how.wait, "wait", 15*time.Minute, "how long to wait for the person")
	return cmd
}

func (c *cli) tenantConnect(ctx context.Context, slug string, how connecting) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, _, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, how.wait)
	defer cancel()
	detail := "consent"
	if t.Auth == tributary.AuthDelegated {
		grant, err := i.connect.Delegated(waiting, t, c.signIn(how))
		if err != nil {
			return err
		}
		detail = "signed in as " + grant.Account
		c.say("%s signed in; the refresh token is sealed in the store", grant.Account)
	} else {
		if err := i.connect.Consent(waiting, t, c.opener(how)); err != nil {
			return err
		}
		c.say("the administrator consented")
	}
	i.audit(ctx, "command", slug, "tenant connected", detail)
	if err := i.connected(ctx, t); err != nil {
		return err
	}
	return c.showSteps(ctx, i, []tributary.Tenant{t})
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
		c.say("open this page if the browser does not:\n\n%s\n", address)
		if !how.noBrowser {
			if err := openBrowser(address); err != nil {
				c.say("no browser could be opened here (%v)", err)
			}
		}
		return nil
	}
}

func (c *cli) readLine(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() { // a read of the terminal can't be cancelled: it ends with the process
		text, err := bufio.NewReader(c.stdin).ReadString('\n')
		got <- line{strings.TrimSpace(text), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case l := <-got:
		if l.text == "" {
			return "", errors.Join(errors.New("nothing was pasted"), l.err)
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
