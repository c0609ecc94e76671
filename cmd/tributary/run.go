package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/config"
	"tributary/pipeline/collect"
	"tributary/pipeline/deliver"
)

func (c *cli) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Collect and deliver until stopped",
		Long: `Run polls every tenant, delivers to every destination, and goes on until it is
stopped (Ctrl-C, SIGTERM). It may be stopped or killed at any moment: nothing is
lost, and a destination sees at most the batch under way twice.

GET /healthz on the listen address answers while it runs, /readyz when every
tenant and destination is well.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
}

func (c *cli) run(ctx context.Context) error {
	cfg, err := config.Load(c.configPath)
	if err != nil {
		return err
	}
	log := c.logger()
	for _, w := range cfg.Warnings {
		log.Warn("configuration", "file", w.File, "line", w.Line, "key", w.Key, "warning", w.Text, "next", w.Next)
	}
	err = ensureKey(ctx, cfg, func(file string) {
		log.Info("made a key for the new store: keep a copy in a safe place", "file", file)
	})
	if err != nil {
		return err
	}
	i, err := openInstance(ctx, cfg, log, true)
	if err != nil {
		return err
	}
	defer i.close()
	if err := i.syncTenants(ctx); err != nil {
		return err
	}
	destinations, err := c.destinations(i)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return &tributary.Error{
			Code: "listen", Op: "listen on " + cfg.Listen, Err: reason(err), Fix: tributary.FixMSSP,
			Next: "stop the program that uses the port, or change listen in " + c.configPath,
		}
	}
	tenants, err := i.store.Tenants(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	log.Info("running", "version", thisBuild().Version, "store", cfg.Store.Dir, "listen", listener.Addr().String(),
		"tenants", len(tenants), "destinations", len(destinations))
	if len(tenants) == 0 {
		log.Warn(noTenant)
	}
	if len(destinations) == 0 {
		log.Warn("no destination is configured: alerts wait in the stream", "next", "add one to "+c.configPath+" and start again")
	}
	err = i.run(ctx, destinations, listener)
	log.Info("stopped")
	return err
}

// run collects and delivers until ctx ends.
func (i *instance) run(ctx context.Context, destinations []deliver.Destination, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &parts{cancel: cancel}
	var lanes []*deliver.Lane
	for _, d := range destinations {
		lane := deliver.NewLane(i.store, d, nil, i.log)
		lanes = append(lanes, lane)
		p.start("deliver to "+d.Name, func() error { return errors.Join(lane.Run(ctx), d.Sender.Close()) })
	}
	collector := collect.New(collect.Config{
		Store: i.store, Reader: i.reader, Log: i.log,
		Interval: i.cfg.Collect.Interval, Overlap: i.cfg.Collect.Overlap,
		Backfill: i.cfg.Collect.Backfill, Lateness: i.cfg.Collect.Lateness,
	})
	p.start("collect", func() error { return collector.Run(ctx) })
	trimmer := &deliver.Trimmer{Store: i.store, Lanes: lanes, Retention: i.cfg.Store.Retention, Log: i.log}
	p.start("trim", func() error { return trimmer.Run(ctx) })
	p.start("keep alive", func() error { return i.connect.KeepAlive(ctx, i.store) })
	if listener != nil {
		p.start("listen", func() error { return serve(ctx, listener, i.health(lanes), i.log) })
	}
	if i.cfg.Public.On() {
		p.start("customers' pages", func() error { return i.servePublic(ctx) })
	}
	p.running.Wait()
	return errors.Join(p.errs...)
}

// parts runs what belongs together: when one fails, all stop.
type parts struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

func (p *parts) start(name string, run func() error) {
	p.running.Go(func() {
		if err := run(); err != nil {
			p.mu.Lock()
			p.errs = append(p.errs, fmt.Errorf("%s: %w", name, err))
			p.mu.Unlock()
			p.cancel()
		}
	})
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = server.Shutdown(last) // what doesn't end in time is cut off by the process's end
	}()
	err := server.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		<-stopped
		return nil
	}
	return err
}

// health answers whether the process lives and whether all is well.
func (i *instance) health(lanes []*deliver.Lane) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("alive\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		rows, err := tenantRows(r.Context(), i.store)
		if err != nil {
			http.Error(w, "the stream does not answer", http.StatusServiceUnavailable)
			return
		}
		trouble := map[string]string{}
		for _, row := range rows {
			if row.Problem != nil {
				trouble["tenant "+row.Slug] = row.Problem.Code
			}
		}
		for _, lane := range lanes {
			if st := lane.Status(r.Context()); st.Problem != nil {
				trouble["destination "+st.Destination] = st.Problem.Code
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if len(trouble) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"well": len(trouble) == 0, "problems": trouble})
	})
	return mux
}
