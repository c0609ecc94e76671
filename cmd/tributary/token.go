package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tributary"
	"tributary/config"
	"tributary/microsoft/entra"
)

// tokenFlags are those of the token command.
type tokenFlags struct {
	connecting
	clientID, clientSecret, tenantID string
	redirectURI, resource, source    string
	v2                               bool
	caFile, login                    string
}

// azureADGraph is the resource of Microsoft's MSSP procedure.
const azureADGraph = "https://graph.windows.net"

func (c *cli) tokenCommand() *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "token [tenant]",
		Short: "Print a customer's access token and refresh token",
		Long: `Token prints what the script of Microsoft's MSSP procedure printed: the access
token and the refresh token, to be pasted into a SIEM connector.

For a customer that is connected it prints the tokens that are stored; the
audit trail keeps that it did. With --client-id, --client-secret and --tenant-id
it needs no configuration: it opens the browser for somebody to sign in, as the
script did, and stores nothing.

A secret on the command line can be seen by other users of the machine: write
--client-secret - to enter it on stdin instead.`,
		Example: `  tributary token contoso
  tributary token --client-id 6f0c1a52-… --client-secret - --tenant-id 1111…`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if f.clientID != "" || f.clientSecret != "" || f.tenantID != "" {
					return &usageError{cmd.CommandPath(), errors.New("name a tenant, or give --client-id, --client-secret and --tenant-id: not both")}
				}
				return c.storedToken(cmd.Context(), args[0], f)
			}
			return c.freshToken(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.clientID, "client-id", "", "the application (client) `id`")
	flags.StringVar(&f.clientSecret, "client-secret", "", "the application's `secret`, or - for stdin")
	flags.StringVar(&f.tenantID, "tenant-id", "", "the customer's tenant `id`")
	flags.StringVar(&f.redirectURI, "redirect-uri", "", "the application's redirect `URI` (default: http://localhost on a free port)")
	flags.StringVar(&f.resource, "resource", azureADGraph, "the API that the access token is for, as its App ID `URI`")
	flags.StringVar(&f.source, "source", "", "the tenant's source whose API the access token is for (default: its first)")
	flags.BoolVar(&f.v2, "v2", false, "use the v2 endpoints (default: v1, as Microsoft's MSSP procedure does)")
	flags.BoolVar(&f.paste, "paste", false, "paste the address on which the browser ends")
	flags.BoolVar(&f.deviceCode, "device-code", false, "sign in on another device with a code")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "print the link instead of opening it")
	flags.DurationVar(&f.wait, "wait", 15*time.Minute, "how long to wait for the person")
	flags.StringVar(&f.login, "login", "https://login.microsoftonline.com", "the identity service's `URL`")
	flags.StringVar(&f.caFile, "ca-file", "", "a `file` of certificates to trust besides the system's")
	return cmd
}

// tokens is what the token command prints.
type tokens struct {
	AccessToken  string    `json:"access_token"`
	Expires      time.Time `json:"expires"`
	RefreshToken string    `json:"refresh_token,omitempty"`
}

// client reaches the identity service.
func (f tokenFlags) client() (*http.Client, error) {
	var way config.Transport
	if f.caFile != "" {
		pem, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, fmt.Errorf("read --ca-file: %w", err)
		}
		way.CA = pem
	}
	return way.Client()
}

// storedToken prints the tokens of a customer that is connected.
func (c *cli) storedToken(ctx context.Context, slug string, f tokenFlags) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, _, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	source := t.Sources[0]
	if f.source != "" {
		if source, err = tributary.ParseSource(f.source); err != nil {
			return &usageError{"tributary token", err}
		}
	}
	cloud, _, err := i.cloud(t)
	if err != nil {
		return err
	}
	access, err := i.tokens.Token(ctx, t, cloud.Resource(source))
	if err != nil {
		return err
	}
	var grant tributary.Grant
	if t.Auth == tributary.AuthDelegated {
		if grant, _, err = i.connect.Grants.Grant(ctx, slug); err != nil {
			return err
		}
	}
	i.audit(ctx, "command", slug, "token revealed", string(source))
	return c.reveal(access, grant)
}

// freshToken signs somebody in and prints what came of it.
func (c *cli) freshToken(ctx context.Context, f tokenFlags) error {
	if f.clientID == "" || f.tenantID == "" {
		return &usageError{"tributary token", errors.New("name a tenant, or give --client-id, --client-secret and --tenant-id")}
	}
	if err := tributary.CheckTenantID(f.tenantID); err != nil {
		return &usageError{"tributary token", err}
	}
	if f.clientSecret == "-" {
		secret, err := c.readSecret(ctx, "client secret: ")
		if err != nil {
			return fmt.Errorf("read the client secret from stdin: %w", err)
		}
		f.clientSecret = secret
	}
	client, err := f.client()
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, f.wait)
	defer cancel()
	how := c.signIn(f.connecting)
	request := entra.SignInRequest{
		Tenant:   tributary.Tenant{ID: strings.ToLower(f.tenantID), Auth: tributary.AuthDelegated},
		App:      tributary.App{ClientID: f.clientID, ClientSecret: tributary.NewSecret(f.clientSecret), RedirectURI: f.redirectURI},
		Cloud:    tributary.Cloud{Name: "global", Login: strings.TrimRight(f.login, "/")},
		Client:   client,
		Resource: f.resource, V1: !f.v2,
		Open: how.Open, Paste: how.Paste, Log: c.logger(),
	}
	var grant tributary.Grant
	var access tributary.AccessToken
	if f.deviceCode {
		request.V1 = false // the device code flow has v2 only
		grant, access, err = entra.DeviceSignIn(waiting, request, how.Show)
	} else {
		grant, access, err = entra.SignIn(waiting, request)
	}
	if err != nil {
		return f.late(ctx, waiting, f.tenantID, err)
	}
	return c.reveal(access, grant)
}

// readSecret reads a secret from stdin: unseen where that is a terminal.
func (c *cli) readSecret(ctx context.Context, prompt string) (string, error) {
	terminal, ok := c.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return c.readLine(ctx)
	}
	_, _ = fmt.Fprint(c.stderr, prompt)
	text, err := term.ReadPassword(int(terminal.Fd()))
	c.say("")
	if err == nil && len(text) == 0 {
		err = errors.New("nothing was entered")
	}
	return string(text), err
}

// reveal is where tokens leave the program, because a person asked for them.
func (c *cli) reveal(access tributary.AccessToken, grant tributary.Grant) error {
	t := tokens{AccessToken: access.Value.Reveal(), Expires: access.Expires.UTC(), RefreshToken: grant.RefreshToken.Reveal()}
	if c.output == "table" {
		c.say("access token, valid until %s:", t.Expires.Format(time.RFC3339))
		_, err := fmt.Fprintln(c.stdout, t.AccessToken)
		if err != nil || t.RefreshToken == "" {
			return err
		}
		c.say("refresh token:")
		_, err = fmt.Fprintln(c.stdout, t.RefreshToken)
		return err
	}
	return c.print(t, func(io.Writer) {})
}
