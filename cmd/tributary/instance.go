package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
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

// atRestPurpose names the key that JetStream encrypts its files with, derived
// from the vault's.
const atRestPurpose = "jetstream at rest"

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
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	return openInstance(ctx, cfg, c.logger(), false)
}

func (c *cli) load() (*config.Config, error) {
	cfg, err := config.Load(c.configPath)
	if err != nil {
		return nil, err
	}
	log := c.logger()
	for _, w := range cfg.Warnings {
		log.Warn("configuration", "where", w.String())
	}
	return cfg, nil
}

// openInstance wires everything on a store. Alone insists on being the one
// instance that has it open.
func openInstance(ctx context.Context, cfg *config.Config, log *slog.Logger, alone bool) (*instance, error) {
	v, err := openVault(cfg, log)
	if err != nil {
		return nil, err
	}
	atRest, err := v.Derive(atRestPurpose)
	if err != nil {
		return nil, err
	}
	store, err := stream.Open(ctx, stream.Options{
		Dir: cfg.Store.Dir, AtRest: []byte(atRest.Reveal()), MaxBytes: cfg.Store.MaxBytes, Log: log,
	})
	if errors.Is(err, stream.ErrInUse) && !alone {
		store, err = stream.Connect(ctx, cfg.Store.Dir, log)
	}
	if err != nil {
		return nil, storeError(cfg, err)
	}
	i := &instance{cfg: cfg, log: log, vault: v, store: store, clients: map[string]*http.Client{}}
	grants := connect.Grants{Vault: v, Records: store}
	i.tokens = entra.New(entra.Config{Cloud: i.cloud, App: i.app, Grants: grants, Log: log})
	i.connect = &connect.Connector{Cloud: i.cloud, App: i.app, Grants: grants, Tokens: i.tokens, Log: log}
	return i, nil
}

// openVault reads the key. A store that has never been used gets one; a store
// that has been used is worth nothing with another key, so there it must be
// the old one.
func openVault(cfg *config.Config, log *slog.Logger) (*vault.Vault, error) {
	v, err := vault.OpenKey(cfg.Store.KeyFile)
	if e := tributary.AsError(err); e == nil || e.Code != vault.CodeKeyMissing || stream.Used(cfg.Store.Dir) {
		return v, err
	}
	if err := makeKey(cfg.Store.KeyFile); err != nil {
		return nil, err
	}
	log.Info("made a key for the new store: keep a copy in a safe place", "file", cfg.Store.KeyFile)
	return vault.OpenKey(cfg.Store.KeyFile)
}

// makeKey makes a new key, and the folder that it lies in.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the key: %w", err)
	}
	return vault.CreateKey(path)
}

// storeError says what to do about a store that can't be opened.
func storeError(cfg *config.Config, err error) error {
	e := &tributary.Error{Code: "store", Op: "open the store", Err: err, Fix: tributary.FixMSSP}
	switch {
	case errors.Is(err, stream.ErrInUse):
		e.Next = "stop the other instance (its process id stands in " + cfg.Store.Dir + "/running.json), or use another store.dir"
	case errors.Is(err, stream.ErrWrongKey):
		e.Next = "put the key file back that belongs to this store (" + cfg.Store.KeyFile + "); nothing has been changed"
	case errors.Is(err, stream.ErrNotRunning):
		e.Next = "another process holds the store but does not answer: wait a moment and repeat, or stop it"
	default:
		return fmt.Errorf("open the store %s: %w", cfg.Store.Dir, err)
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
	if errors.Is(err, tributary.ErrNotFound) {
		return t, 0, &tributary.Error{
			Code: "tenant-unknown", Op: "find the tenant", Tenant: slug, Err: errors.New("there is no tenant of that name"),
			Fix: tributary.FixMSSP, Next: "tributary tenant list, or tributary tenant add",
		}
	}
	return t, revision, err
}

// syncTenants brings the tenants that the file manages into the store, and
// takes out those that it managed and no longer names. Their alerts stay.
func (i *instance) syncTenants(ctx context.Context) error {
	stored, err := i.store.Tenants(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, t := range i.cfg.Tenants {
		wanted[t.Slug] = true
		if err := i.putFromFile(ctx, t); err != nil {
			return err
		}
	}
	for _, t := range stored {
		if t.FromFile && !wanted[t.Slug] {
			if err := i.store.RemoveTenant(ctx, t.Slug); err != nil {
				return err
			}
			i.audit(ctx, "system", t.Slug, "tenant removed", "no longer in "+i.cfg.Path)
		}
	}
	return nil
}

func (i *instance) putFromFile(ctx context.Context, t tributary.Tenant) error {
	have, revision, err := i.store.Tenant(ctx, t.Slug)
	if err != nil && !errors.Is(err, tributary.ErrNotFound) {
		return err
	}
	if err == nil {
		t.Paused = have.Paused // paused by a command, which the file can't say
		if sameTenant(have, t) {
			return nil
		}
	}
	if _, err := i.store.PutTenant(ctx, t, revision); err != nil {
		return err
	}
	i.audit(ctx, "system", t.Slug, "tenant set", "by "+i.cfg.Path)
	return nil
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
