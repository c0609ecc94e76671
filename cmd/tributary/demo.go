package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/config"
	"tributary/connect"
	"tributary/microsoft/sim"
	"tributary/vault"
)

// demoFlags are those of the demo command.
type demoFlags struct {
	simFlags
	once bool
	out  string
}

// demoMemory is the soft limit of the whole demo, the simulated Microsoft
// included: above it the collector of garbage works harder.
const demoMemory = 384 << 20

func (c *cli) demoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See everything work against a simulated Microsoft: no account, no configuration",
		Long: `Demo starts a simulated Microsoft with some customers, connects every one of
them through the real flows, collects a day of their alerts and then live ones,
and delivers them to NDJSON files and to an HTTP Event Collector inside the demo.
Ctrl-C ends it.

With --once it delivers what the simulated Microsoft holds, lets some alerts
change and some come late, delivers those too, compares both ends version by
version, and exits: 0 if nothing is missing and nothing came twice.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.once, "once", false, "deliver what there is, compare, and exit")
	flags.IntVar(&f.tenants, "tenants", 25, "how many customers")
	flags.IntVar(&f.alerts, "alerts", 5000, "how many alerts at the start, over all customers")
	flags.Uint64Var(&f.seed, "seed", 1, "what everything is made from; the same seed gives the same alerts")
	flags.DurationVar(&f.past, "past", 24*time.Hour, "the period in which the first alerts lie")
	flags.Float64Var(&f.live, "live", 120, "alerts a minute that come live, over all customers; not with --once")
	flags.BoolVar(&f.faults, "faults", false, "all of Microsoft's faults at once: 429, 500, slow, cut and invalid answers, expired tokens, a wrong clock")
	flags.StringVar(&f.out, "out", "", "the `folder` for the delivered files; with --once also truth.ndjson and delivered.ndjson (default: a temporary one)")
	flags.StringSliceVar(&f.replay, "replay", nil, "`files` of recorded API pages or NDJSON to serve as one customer's alerts")
	flags.StringVar(&f.replayTenant, "replay-tenant", "", "the customer that has the recorded alerts (default: the first)")
	return cmd
}

// demo is one run of the demonstration.
type demo struct {
	flags     demoFlags
	cli       *cli
	dir       string // the folder of the delivered files and the store
	microsoft *sim.Server
	receiver  *demoReceiver
	instance  *instance
	connected int
	begun     time.Time
}

func (c *cli) demo(ctx context.Context, f demoFlags) error {
	debug.SetMemoryLimit(demoMemory)
	d := &demo{flags: f, cli: c, begun: time.Now()}
	dir, cleanup, err := demoFolder(f.out)
	if err != nil {
		return err
	}
	defer cleanup()
	d.dir = dir
	if err := d.start(ctx); err != nil {
		return err
	}
	defer d.stop()
	if err := d.connectAll(ctx); err != nil {
		return err
	}
	if f.once {
		return d.once(ctx)
	}
	return d.live(ctx)
}

// demoFolder is where the demo writes; a temporary one goes with it.
func demoFolder(out string) (dir string, cleanup func(), err error) {
	if out != "" {
		if err := os.MkdirAll(out, 0o750); err != nil {
			return "", nil, fmt.Errorf("make the folder %s: %w", out, err)
		}
		// A store of an earlier demo belongs to another simulated Microsoft.
		for _, old := range []string{"store", "alerts"} {
			if err := os.RemoveAll(filepath.Join(out, old)); err != nil {
				return "", nil, fmt.Errorf("remove what an earlier demo left: %w", err)
			}
		}
		return out, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "tributary-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// start brings up the simulated Microsoft, the collector inside the demo, and
// an instance that is configured for both.
func (d *demo) start(ctx context.Context) (err error) {
	o := d.flags.options()
	o.Still = d.flags.once
	if len(d.flags.replay) > 0 {
		// What was recorded is old; the demo asks far enough back for it.
		o.Replay.Tenant = d.flags.replayTenant
	}
	if d.microsoft, err = sim.New(o); err != nil {
		return err
	}
	if err := d.microsoft.Start("127.0.0.1:0"); err != nil {
		return err
	}
	if d.receiver, err = startReceiver(); err != nil {
		return err
	}
	cfg, err := d.config()
	if err != nil {
		return err
	}
	if err := vault.CreateKey(cfg.Store.KeyFile); err != nil {
		return err
	}
	log := d.cli.logger()
	if d.cli.logLevel == "info" {
		log = slog.New(slog.DiscardHandler) // the table tells it
	}
	d.instance, err = openInstance(ctx, cfg, log, true)
	return err
}

func (d *demo) stop() {
	if d.instance != nil {
		_ = d.instance.close() // the store goes with the demo
	}
	if d.receiver != nil {
		d.receiver.close()
	}
	if d.microsoft != nil {
		_ = d.microsoft.Close() // nothing is kept there
	}
}

// Names of the demo's parts in the configuration.
const (
	demoArchive     = "archive"
	demoSOC         = "soc"
	demoCertificate = "with-certificate"
)

func (d *demo) config() (*config.Config, error) {
	cfg := config.Default()
	withCertificate, err := d.microsoft.AppWithCertificate()
	if err != nil {
		return nil, err
	}
	cfg.Clouds = map[string]config.Cloud{"": {Cloud: d.microsoft.Cloud(), Transport: config.Transport{CA: d.microsoft.CA()}}}
	cfg.Apps = map[string]config.App{"": d.microsoft.App(), demoCertificate: withCertificate}
	cfg.Store = config.Store{
		Dir: filepath.Join(d.dir, "store"), KeyFile: filepath.Join(d.dir, "store", config.DefaultKeyFile),
		Retention: config.DefaultRetention, MaxBytes: 4 << 30,
	}
	if err := os.MkdirAll(cfg.Store.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the demo's store: %w", err)
	}
	// A commit makes JetStream load the block with the feed's last cursor, and
	// keep it for ten seconds: hundreds of customers all changing within two
	// would hold the whole stream in memory.
	cfg.Collect.Interval = max(2*time.Second, time.Duration(d.flags.tenants)*100*time.Millisecond)
	// All of the past, however long the connecting takes.
	cfg.Collect.Backfill = d.flags.past + time.Hour
	if len(d.flags.replay) > 0 {
		cfg.Collect.Backfill = replayBackfill
	}
	cfg.Destinations = []config.Destination{
		config.File{Common: config.Common{Name: demoArchive, Format: "raw"}, Dir: filepath.Join(d.dir, "alerts")},
		config.Splunk{Common: config.Common{Name: demoSOC, Format: "ecs"}, URL: d.receiver.url, Token: d.receiver.token},
	}
	if len(d.flags.replay) > 0 {
		// Compared member by member, so Microsoft's own.
		cfg.Destinations[1] = config.Splunk{Common: config.Common{Name: demoSOC, Format: "raw"}, URL: d.receiver.url, Token: d.receiver.token}
	}
	return cfg, nil
}

// replayBackfill reaches recordings of the SIEM API's first years.
const replayBackfill = 12 * 365 * 24 * time.Hour

// demoTenant is how the n-th customer is connected: some in each way.
func demoTenant(n int, t sim.Tenant, replay bool) tributary.Tenant {
	tenant := tributary.Tenant{
		Slug: t.Slug, ID: t.ID, Name: t.Name, Auth: tributary.AuthAppOnly,
		Sources: []tributary.Source{tributary.SourceGraph}, Labels: map[string]string{"tier": "gold"},
	}
	switch n % 5 {
	case 1:
		tenant.App = demoCertificate
	case 2:
		tenant.Sources = []tributary.Source{tributary.SourceEndpoint}
	case 3:
		tenant.Auth, tenant.Sources = tributary.AuthDelegated, []tributary.Source{tributary.SourceSIEM}
	case 4:
		tenant.Auth = tributary.AuthDelegated
	}
	if replay {
		// Whichever API it was recorded from.
		tenant.Sources = []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint, tributary.SourceSIEM}
	}
	return tenant
}

// connectAll connects every customer through the real flows, several at once.
func (d *demo) connectAll(ctx context.Context) error {
	d.cli.say("connecting %d customers of the simulated Microsoft at %s", len(d.microsoft.Tenants()), d.microsoft.URL())
	var mu sync.Mutex
	var errs []error
	var working sync.WaitGroup
	free := make(chan struct{}, 8)
	for n, t := range d.microsoft.Tenants() {
		free <- struct{}{}
		working.Go(func() {
			defer func() { <-free }()
			replay := len(d.flags.replay) > 0 && (t.Slug == d.flags.replayTenant || d.flags.replayTenant == "" && n == 0)
			err := d.connectOne(ctx, demoTenant(n, t, replay))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			} else {
				d.connected++
			}
		})
	}
	working.Wait()
	return errors.Join(errs...)
}

func (d *demo) connectOne(ctx context.Context, t tributary.Tenant) error {
	admin := d.microsoft.Admin(t.Slug)
	visit := func(address string) error {
		_, err := admin.Visit(ctx, address)
		return err
	}
	// A simulated fault may strike the sign-in: a person would try again.
	var err error
	for range 10 {
		if t.Auth == tributary.AuthDelegated {
			_, err = d.instance.connect.Delegated(ctx, t, connect.SignIn{V1: t.Sources[0] == tributary.SourceSIEM, Open: visit})
		} else {
			err = d.instance.connect.Consent(ctx, t, visit)
		}
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("connect %s: %w", t.Slug, err)
	}
	for _, s := range t.Sources {
		if s == tributary.SourceSIEM {
			if err := d.microsoft.Authorise(ctx, t.ID, d.microsoft.App().ClientID, d.microsoft.Provider().TenantID); err != nil {
				return err
			}
		}
	}
	_, err = d.instance.store.PutTenant(ctx, t, 0)
	return err
}

// running runs the instance until the function returns.
func (d *demo) running(ctx context.Context, while func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	destinations, err := d.cli.destinations(d.instance)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- d.instance.run(ctx, destinations, nil) }()
	err = while(ctx)
	cancel()
	return errors.Join(err, <-done)
}

// listenLoopback takes a free port of this machine.
func listenLoopback() (net.Listener, *url.URL, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen on this machine: %w", err)
	}
	return l, &url.URL{Scheme: "http", Host: l.Addr().String()}, nil
}
