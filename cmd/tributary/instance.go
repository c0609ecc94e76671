package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tributary"
	"tributary/config"
	"tributary/connect"
	"tributary/microsoft/defender"
	"tributary/microsoft/entra"
	"tributary/pipeline/stream"
	"tributary/vault"
)

// instance is the program wired up on one store: what runs, and what the
// commands use.
type instance struct {
	cfg     *config.Config
	log     *slog.Logger
	vault   *vault.Vault
	store   *stream.Store
	tokens  *entra.Client
	connect *connect.Connector

	mu      sync.Mutex
	clients map[string]*http.Client // by cloud
}

// open loads the configuration and joins the store: the running instance's if
// there is one, otherwise it opens the store itself.
func (c *cli) open(ctx context.Context) (*instance, error) {
	return c.openSynced(ctx, config.Load)
}

// openStore is open for a command that needs nothing but the store: it works
// without the variables and files that secrets come from.
func (c *cli) openStore(ctx context.Context) (*instance, error) {
	return c.openSynced(ctx, config.LoadWithoutSecrets)
}

func (c *cli) openSynced(ctx context.Context, load func(string) (*config.Config, error)) (*instance, error) {
	i, err := c.join(ctx, load)
	if err != nil || !i.store.Running() {
		return i, err
	}
	// Nothing runs that has brought the file's tenants into the store.
	if err := i.syncTenants(ctx); err != nil {
		return nil, errors.Join(err, i.close())
	}
	return i, nil
}

func (c *cli) join(ctx context.Context, load func(string) (*config.Config, error)) (*instance, error) {
	cfg, err := load(c.configPath)
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		c.logger().Debug("configuration", "warning", w.String()) // run and config check say it aloud
	}
	err = ensureKey(ctx, cfg, func(file string) { c.say("made %s, the key of the new store: keep a copy in a safe place", file) })
	if err != nil {
		return nil, err
	}
	return openInstance(ctx, cfg, c.logger(), false)
}

// openInstance wires everything on a store. Alone insists on being the one
// instance that has it open.
func openInstance(ctx context.Context, cfg *config.Config, log *slog.Logger, alone bool) (*instance, error) {
	v, store, err := openStored(ctx, cfg, func(atRest []byte) (*stream.Store, error) {
		return acquireStore(ctx, cfg, atRest, log, alone)
	})
	if err != nil {
		return nil, err
	}
	i := &instance{cfg: cfg, log: log, vault: v, store: store, clients: map[string]*http.Client{}}
	grants := connect.Grants{Vault: v, Records: store}
	i.tokens = entra.New(entra.Config{Cloud: i.cloud, App: i.app, Grants: grants, Log: log})
	i.connect = &connect.Connector{Cloud: i.cloud, App: i.app, Grants: grants, Tokens: i.tokens, Log: log}
	return i, nil
}

// Another process may have the store for a moment: a command, or an instance
// that is about to answer or to end.
const (
	openWait  = 3 * time.Second
	openPause = 50 * time.Millisecond
	// An instance looks more often than a command: commands that follow each
	// other closely must not keep it from starting.
	openPauseAlone = 2 * time.Millisecond
)

// acquireStore opens the store, or joins the instance that has it open.
func acquireStore(ctx context.Context, cfg *config.Config, atRest []byte, log *slog.Logger, alone bool) (*stream.Store, error) {
	until, pause := time.Now().Add(openWait), openPause
	if alone {
		pause = openPauseAlone
	}
	for {
		store, err := stream.Open(ctx, stream.Options{Dir: cfg.Store.Dir, AtRest: atRest, MaxBytes: cfg.Store.MaxBytes, Log: log})
		if errors.Is(err, stream.ErrInUse) && !alone {
			// Joining needs no key, but what this command would seal with another
			// one could never be opened by the instance.
			if err = stream.ProveKey(cfg.Store.Dir, atRest); err == nil {
				store, err = stream.Connect(ctx, cfg.Store.Dir, log)
			}
		}
		if !errors.Is(err, stream.ErrInUse) && !errors.Is(err, stream.ErrNotRunning) || time.Now().After(until) {
			return store, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// storeError says what to do about a store that can't be opened.
func storeError(cfg *config.Config, err error) error {
	e := &tributary.Error{Code: "store", Op: "open the store " + cfg.Store.Dir, Fix: tributary.FixMSSP}
	switch {
	case errors.Is(err, context.Canceled):
		return err // somebody has stopped us
	case errors.Is(err, stream.ErrInUse):
		e.Err = stream.ErrInUse
		e.Next = "stop the other instance or command (its process id stands in " + filepath.Join(cfg.Store.Dir, "running.json") + "), or use another store.dir"
	case errors.Is(err, stream.ErrWrongKey), errors.Is(err, vault.ErrWrongKey):
		e.Err = stream.ErrWrongKey
		e.Next = wrongKey(cfg)
	case tributary.AsError(err) != nil:
		return err // it says who and what next
	case errors.Is(err, stream.ErrNotRunning):
		e.Err = errors.New("another process holds it but does not answer")
		e.Next = "wait a moment and repeat, or stop that process"
	default:
		e.Err = reason(err)
		if e.Err == err {
			e.Err = errors.New(strings.TrimPrefix(err.Error(), e.Op+": ")) // Op names the store already
		}
		e.Next = "check store.dir in " + cfg.Path + ", and that this user may write there; if files in it are damaged, put them back from a backup"
	}
	return e
}

func (i *instance) close() error { return i.store.Close() }

// cloud is where a tenant lives, and the client that reaches it. One client
// serves all tenants of a cloud, so that they share connections.
func (i *instance) cloud(t tributary.Tenant) (tributary.Cloud, *http.Client, error) {
	cloud, err := i.cfg.Cloud(t.Cloud)
	if err != nil {
		return tributary.Cloud{}, nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	client := i.clients[cloud.Name]
	if client == nil {
		if client, err = cloud.Transport.Client(); err != nil {
			return tributary.Cloud{}, nil, fmt.Errorf("reach the cloud %s: %w", cloud.Name, err)
		}
		i.clients[cloud.Name] = client
	}
	return cloud.Cloud, client, nil
}

func (i *instance) app(t tributary.Tenant) (tributary.App, error) { return i.cfg.App(t.App) }

// reader makes the reader of a tenant's source. It is asked again whenever
// the tenant's record has changed, as after it has been connected anew, so
// refusals that are remembered no longer count.
func (i *instance) reader(t tributary.Tenant, s tributary.Source) (tributary.Reader, error) {
	i.tokens.Forget(t)
	cloud, client, err := i.cloud(t)
	if err != nil {
		return nil, err
	}
	return defender.New(defender.Config{
		Tenant: t, Source: s, Cloud: cloud, Tokens: i.tokens, Client: client, Log: i.log, UserAgent: userAgent(),
	})
}

// tenant reads one tenant, with a next step where there is none.
func (i *instance) tenant(ctx context.Context, slug string) (tributary.Tenant, uint64, error) {
	t, revision, err := i.store.Tenant(ctx, slug)
	if !errors.Is(err, tributary.ErrNotFound) {
		return t, revision, err
	}
	e := &tributary.Error{
		Code: "tenant-unknown", Op: "find the tenant", Tenant: slug, Err: errors.New("there is no tenant of that name"),
		Fix: tributary.FixMSSP, Next: "tributary tenant list shows the names, tributary tenant add adds a customer",
	}
	if i.fromFile(slug) {
		e.Err = errors.New("the running instance does not know it yet")
		e.Next = "stop tributary run and start it again, so that it reads " + i.cfg.Path
	}
	return t, 0, e
}

// fromFile reports whether the configuration file names the tenant.
func (i *instance) fromFile(slug string) bool {
	return slices.ContainsFunc(i.cfg.Tenants, func(t tributary.Tenant) bool { return t.Slug == slug })
}

// audit keeps who did what. It never stops what was asked for.
func (i *instance) audit(ctx context.Context, actor, tenant, action, detail string) {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	err := i.store.Audit(ctx, stream.AuditRecord{
		At: time.Now().UTC(), Actor: actor, User: name, Tenant: tenant, Action: action, Detail: detail,
	})
	if err != nil {
		i.log.Error("keep the audit record", "action", action, "tenant", tenant, "err", err)
	}
}
