package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/siem/setup"
)

// siemSetup is one run of siem-setup.
type siemSetup struct {
	siem string // arcsight or splunk
	make func(setup.Input) ([]setup.File, error)

	all, force      bool
	via, url        string
	credentials     string // a file, or - for stdin
	dir, bundle     string
	resource        string
	interval        time.Duration
	splunk          setup.SplunkOptions
	pullClient      tributary.App // with --via tributary
	pullClientToken tributary.Secret
	command         string
}

const (
	viaMicrosoft = "microsoft"
	viaTributary = "tributary"
)

func (c *cli) siemSetupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "siem-setup",
		Short: "Write the files with which ArcSight or Splunk pulls alerts itself",
	}
	cmd.AddCommand(
		c.siemSetupOf("arcsight", "ArcSight's REST FlexConnector", setup.ArcSight),
		c.siemSetupOf("splunk", "Splunk's REST API Modular Input", setup.Splunk),
	)
	return cmd
}

func (c *cli) siemSetupOf(siem, connector string, build func(setup.Input) ([]setup.File, error)) *cobra.Command {
	f := siemSetup{siem: siem, make: build, command: "tributary siem-setup " + siem}
	cmd := &cobra.Command{
		Use:   siem + " [tenant]...",
		Short: "Write the files for " + connector,
		Long: `Siem-setup writes the files of Microsoft's MSSP procedure for ` + connector + `,
filled in for each tenant: addresses, application, client secret and refresh
token, with a page for the engineer who installs them. They hold secrets in clear,
so they are for their owner alone, and the audit trail keeps that they were made.

--via microsoft points the SIEM at the SIEM REST API of Defender for Endpoint. It
needs a tenant that is connected with auth delegated, because the connectors start
from a refresh token. An app-only tenant has none, and client credentials work
with the generic API only: use --via tributary for it, let Tributary push to the
SIEM, or connect the tenant delegated.

--via tributary points the SIEM at Tributary's own endpoint of the same shape, for
tenants of either kind. It needs the endpoint's address and the credentials of a
pull client, as JSON: {"client_id": …, "client_secret": …, "refresh_token": …}.`,
		Example: "  " + f.command + " contoso\n  " + f.command + " --all --bundle " + siem + ".zip\n  " +
			f.command + " --all --via tributary --url https://tributary.fabrikam.com:8480 --credentials pull-client.json",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.siemSetup(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "every tenant that it is possible for")
	flags.StringVar(&f.via, "via", viaMicrosoft, "whom the SIEM asks: `microsoft|tributary`")
	flags.StringVar(&f.url, "url", "", "with --via tributary: the `URL` at which the SIEM reaches Tributary")
	flags.StringVar(&f.credentials, "credentials", "", "with --via tributary: the `file` of a pull client's credentials, or - for stdin")
	flags.StringVar(&f.dir, "dir", siem, "the `folder` for the files, with a folder for each tenant in it")
	flags.StringVar(&f.bundle, "bundle", "", "one zip `file` instead, with a folder for each tenant in it")
	flags.BoolVar(&f.force, "force", false, "replace files that are there")
	flags.StringVar(&f.resource, "resource", "", "the audience of the tokens, as an App ID `URI` (default: the cloud's for the SIEM API)")
	if siem == "splunk" {
		flags.DurationVar(&f.interval, "interval", setup.DefaultPollInterval, "how often Splunk asks")
		flags.StringVar(&f.splunk.SourceType, "sourcetype", "_json", "the `sourcetype` of the events")
		flags.StringVar(&f.splunk.Index, "index", "", "the `index` of the events (default: Splunk's)")
		flags.StringVar(&f.splunk.ActivationKey, "activation-key", "", "the `key` that the add-on's maker gave out")
	}
	return cmd
}

// siemSetupRow is what came of one tenant.
type siemSetupRow struct {
	Tenant  string   `json:"tenant"`
	Path    string   `json:"path,omitempty"` // the folder, or the bundle
	Files   []string `json:"files,omitempty"`
	LeftOut string   `json:"left_out,omitempty"` // why --all passed it by
	Problem string   `json:"problem,omitempty"`  // why there are no files
}

func (c *cli) siemSetup(ctx context.Context, f siemSetup, slugs []string) error {
	if err := f.check(slugs); err != nil {
		return &usageError{f.command, err}
	}
	open := c.open
	if f.via == viaTributary {
		if err := c.readPullClient(&f); err != nil {
			return err
		}
		open = c.openStore // no secret of the configuration is needed
	}
	i, err := open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	tenants, err := i.named(ctx, f, slugs)
	if err != nil {
		return err
	}
	if len(tenants) == 0 {
		c.say(noTenant)
	}
	rows, bundle := []siemSetupRow{}, []setup.TenantFiles{}
	var failures []error
	for _, t := range tenants {
		if f.all && f.via == viaMicrosoft && t.Auth == tributary.AuthAppOnly {
			rows = append(rows, siemSetupRow{Tenant: t.Slug, LeftOut: "app-only: there is no refresh token; --via tributary works for it"})
			continue
		}
		row, files, err := i.siemSetupTenant(ctx, f, t)
		if err != nil {
			failures = append(failures, err)
			row.Path, row.Files, row.Problem = "", nil, withoutTenant(err.Error(), t.Slug)
		} else if f.bundle != "" {
			bundle = append(bundle, setup.TenantFiles{Slug: t.Slug, Files: files})
		}
		rows = append(rows, row)
	}
	if err := f.writeBundle(bundle); err != nil {
		return err
	}
	if len(failures) == 1 && len(tenants) == 1 {
		return failures[0]
	}
	for _, err := range failures {
		c.complain(err)
	}
	if err := c.showSIEMSetup(rows); err != nil {
		return err
	}
	if len(failures) > 0 {
		return fmt.Errorf("no files were made for %d of %s", len(failures), count(len(tenants), "tenant"))
	}
	return nil
}

// check reports flags that make no sense together.
func (f *siemSetup) check(slugs []string) error {
	switch {
	case f.all && len(slugs) > 0:
		return errors.New("name tenants, or say --all: not both")
	case !f.all && len(slugs) == 0:
		return errors.New("name at least one tenant, or say --all")
	case f.via != viaMicrosoft && f.via != viaTributary:
		return fmt.Errorf("--via %q: use microsoft or tributary", f.via)
	case f.via == viaMicrosoft && (f.url != "" || f.credentials != ""):
		return errors.New("--url and --credentials belong to --via tributary")
	case f.via == viaTributary && f.url == "":
		return errors.New("--via tributary needs --url, the address at which the SIEM reaches Tributary")
	case f.via == viaTributary && f.credentials == "":
		return errors.New("--via tributary needs --credentials, the file of a pull client's credentials")
	case f.bundle != "" && f.dir != f.siem:
		return errors.New("give --dir or --bundle, not both")
	}
	return nil
}

// named lists the tenants that the command is for, each once.
func (i *instance) named(ctx context.Context, f siemSetup, slugs []string) ([]tributary.Tenant, error) {
	if f.all {
		return i.store.Tenants(ctx)
	}
	var tenants []tributary.Tenant
	for _, slug := range slugs {
		t, _, err := i.tenant(ctx, slug)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(tenants, func(other tributary.Tenant) bool { return other.Slug == slug }) {
			tenants = append(tenants, t)
		}
	}
	return tenants, nil
}

// siemSetupTenant makes one tenant's files, and writes them unless they go
// into a bundle.
func (i *instance) siemSetupTenant(ctx context.Context, f siemSetup, t tributary.Tenant) (siemSetupRow, []setup.File, error) {
	row := siemSetupRow{Tenant: t.Slug, Path: filepath.Join(f.dir, t.Slug)}
	if f.bundle != "" {
		row.Path = f.bundle
	}
	files, err := i.siemSetupFiles(ctx, f, t)
	if err != nil {
		return row, nil, err
	}
	for _, file := range files {
		row.Files = append(row.Files, file.Name)
	}
	// Before anything is written: a record too many is better than none.
	i.audit(ctx, "command", t.Slug, "siem setup revealed", fmt.Sprintf("%s via %s into %s", f.siem, f.via, row.Path))
	if f.bundle == "" {
		if err := setup.Write(row.Path, files, f.force); err != nil {
			if e := tributary.AsError(err); e != nil && e.Tenant == "" {
				e.Tenant = t.Slug
			}
			return row, nil, err
		}
	}
	return row, files, nil
}

// writeBundle writes what was gathered into one file. The folder that it goes
// into is the caller's, so it may be a link.
func (f *siemSetup) writeBundle(tenants []setup.TenantFiles) error {
	if len(tenants) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := setup.Bundle(&b, tenants); err != nil {
		return err
	}
	dir := filepath.Dir(f.bundle)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return setup.Write(dir, []setup.File{{Name: filepath.Base(f.bundle), Body: b.Bytes(), Secret: true}}, f.force)
}

func (c *cli) showSIEMSetup(rows []siemSetupRow) error {
	made := 0
	err := c.print(rows, func(w io.Writer) {
		if len(rows) == 0 {
			return
		}
		row(w, "TENANT", "WRITTEN TO", "NOTE")
		for _, r := range rows {
			row(w, r.Tenant, r.Path, r.LeftOut+r.Problem)
		}
	})
	for _, r := range rows {
		if r.Path != "" {
			made++
		}
	}
	if made > 0 {
		c.say("the files hold secrets in clear: hand them over in a safe way, and delete the copies")
		c.say("next: README.txt in each tenant's folder tells where they go")
	}
	return err
}
