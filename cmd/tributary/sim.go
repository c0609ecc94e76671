package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tributary/microsoft/sim"
)

// simFlags are those of the sim command, and in part of demo.
type simFlags struct {
	listen, caFile  string
	tenants, alerts int
	seed            uint64
	past            time.Duration
	live            float64
	faults          bool
	replay          []string
	replayTenant    string
	replayMove      bool
}

func (c *cli) simCommand() *cobra.Command {
	var f simFlags
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Run the simulated Microsoft alone",
		Long: `Sim runs Microsoft in a box: Entra ID, the Defender portal and the alert APIs of
any number of customers, over TLS, with alerts made from a seed. It prints what
to put into a configuration to use it.

Faults can be had with --faults, or changed while it runs:
  curl --cacert ca.pem -d '[{"kind":"500","probability":0.1}]' https://127.0.0.1:8443/control/faults`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.sim(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8443", "the `address` to serve on")
	flags.StringVar(&f.caFile, "ca-file", "ca.pem", "where to write the certificate authority to trust")
	flags.IntVar(&f.tenants, "tenants", 25, "how many customers")
	flags.IntVar(&f.alerts, "alerts", 5000, "how many alerts at the start, over all customers")
	flags.Uint64Var(&f.seed, "seed", 1, "what everything is made from; the same seed gives the same alerts")
	flags.DurationVar(&f.past, "past", 24*time.Hour, "the period in which the first alerts lie")
	flags.Float64Var(&f.live, "live", 30, "alerts a minute that come by themselves, over all customers")
	flags.BoolVar(&f.faults, "faults", false, "all faults at once: 429, 500, slow, cut and invalid answers, expired tokens, a wrong clock")
	flags.StringSliceVar(&f.replay, "replay", nil, "`files` of recorded API pages or NDJSON to serve as one customer's alerts")
	flags.StringVar(&f.replayTenant, "replay-tenant", "", "the customer that has the recorded alerts (default: the first)")
	flags.BoolVar(&f.replayMove, "replay-move", false, "move the recorded alerts into the past period")
	return cmd
}

func (f simFlags) options() sim.Options {
	o := sim.Defaults()
	o.Tenants, o.Alerts, o.Seed, o.Past, o.Live = f.tenants, f.alerts, f.seed, f.past, f.live
	if f.faults {
		o.Faults = sim.AllFaults()
	}
	o.Replay = sim.Replay{Files: f.replay, Tenant: f.replayTenant, Move: f.replayMove}
	return o
}

func (c *cli) sim(ctx context.Context, f simFlags) error {
	o := f.options()
	o.Log = c.logger()
	server, err := sim.New(o)
	if err != nil {
		return err
	}
	if err := server.Start(f.listen); err != nil {
		return err
	}
	defer server.Close()
	if err := os.WriteFile(f.caFile, server.CA(), 0o644); err != nil {
		return fmt.Errorf("write the certificate authority: %w", err)
	}
	c.printSimConfig(server, f.caFile)
	<-ctx.Done()
	return nil
}

// printSimConfig prints a configuration for the simulated Microsoft. Its
// secrets open nothing else.
func (c *cli) printSimConfig(server *sim.Server, caFile string) {
	cloud, app := server.Cloud(), server.App()
	out := func(format string, args ...any) { _, _ = fmt.Fprintf(c.stdout, format+"\n", args...) }
	out("# The simulated Microsoft serves on %s. Put this into tributary.yaml:", server.URL())
	out("cloud:")
	out("  login: %s", cloud.Login)
	out("  graph: %s", cloud.Graph)
	out("  endpoint: %s", cloud.Endpoint)
	out("  xdr: %s", cloud.XDR)
	out("  siem: %s", cloud.SIEM)
	out("  portal: %s", cloud.Portal)
	out("  ca_file: %s", caFile)
	out("app: { client_id: %s, client_secret: %q }", app.ClientID, app.ClientSecret.Reveal())
	out("tenants:")
	for _, t := range server.Tenants() {
		out("  - { slug: %s, tenant_id: %s, auth: app-only, sources: [graph] }", t.Slug, t.ID)
	}
	out("")
	out("# Who signs in, to consent or in the delegated flow:")
	for _, t := range server.Tenants() {
		out("#   %-20s %-40s %s", t.Slug, t.Admin, t.AdminPassword)
	}
	out("# Your analyst, a guest of every customer: %s %s", server.Provider().Analyst, server.Provider().AnalystPassword)
	out("# For the SIEM API, authorise the application at %s/settings/siem/mssp?tid=<tenant id>", cloud.Portal)
	out("#   application id %s, your tenant id %s", app.ClientID, server.Provider().TenantID)
}
