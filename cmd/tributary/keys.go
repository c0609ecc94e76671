package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tributary"
	"tributary/config"
	"tributary/pipeline/stream"
	"tributary/vault"
	"tributary/vault/keyservice"
)

// keyring is where a store's keys come from.
type keyring struct {
	vault.Source
	atRest  string              // the path of the sealed at-rest key
	service *keyservice.Service // nil without one
}

// openKeyring finds the key of the configuration. Clear accepts one that lies
// in the clear although a key service should have sealed it.
func openKeyring(ctx context.Context, cfg *config.Config, clear bool) (*keyring, error) {
	k := &keyring{atRest: filepath.Join(cfg.Store.Dir, vault.AtRestFile)}
	if cfg.Store.KeyEnv != "" {
		k.Source = vault.KeyVariable{Name: cfg.Store.KeyEnv, Lookup: os.LookupEnv}
		return k, nil
	}
	file := vault.KeyFile{Path: cfg.Store.KeyFile, Clear: clear}
	if cfg.Store.KeyService != "" {
		service, err := keyservice.Open(ctx, cfg.Store.KeyService)
		if err != nil {
			return nil, err
		}
		k.service, file.Keeper = service, service
	}
	k.Source = file
	return k, nil
}

func (k *keyring) close() {
	if k.service != nil {
		_ = k.service.Close() // nothing is kept there
	}
}

// open proves the keys by the store's sealed at-rest key, which a new store is
// given here. It changes nothing in a store that has been used.
func (k *keyring) open(ctx context.Context, cfg *config.Config) (*vault.Vault, tributary.Secret, error) {
	used := stream.Used(cfg.Store.Dir) // first: another process may be making the store just now
	keys, err := k.Keys(ctx)
	if err != nil {
		return nil, tributary.Secret{}, err
	}
	if !used && !vault.Exists(k.atRest) {
		if err := keys[0].CreateAtRest(k.atRest); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, tributary.Secret{}, storeError(cfg, reason(err))
		}
	}
	v, atRest, err := vault.OpenAtRest(k.atRest, keys...)
	if err != nil {
		return nil, tributary.Secret{}, storeError(cfg, err)
	}
	return v, atRest, nil
}

// openStored opens the store with the keys of the configuration.
func openStored(ctx context.Context, cfg *config.Config, open func(atRest []byte) (*stream.Store, error)) (*vault.Vault, *stream.Store, error) {
	k, err := openKeyring(ctx, cfg, false)
	if err != nil {
		return nil, nil, err
	}
	defer k.close()
	_, atRest, err := k.open(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	store, err := open([]byte(atRest.Reveal()))
	if err != nil {
		return nil, nil, storeError(cfg, err)
	}
	// While this process waited for the store, another may have changed the
	// key: what is sealed with the old one now is lost.
	v, _, err := k.open(ctx, cfg)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return v, store, nil
}

// ensureKey makes a key for a store that has never been used, and tells its
// file. A store that has been used is worth nothing with another key, so there
// it must be the old one.
func ensureKey(ctx context.Context, cfg *config.Config, made func(file string)) error {
	used := isUsed(cfg) // first: another process may be making both just now
	if cfg.Store.KeyEnv != "" || vault.Exists(cfg.Store.KeyFile) {
		return nil // whatever is wrong with it, opening it says
	}
	if used {
		return keyLost(cfg)
	}
	err := makeKey(ctx, cfg)
	if e := tributary.AsError(err); e != nil && e.Code == vault.CodeKeyExists {
		return nil // the other process was first
	}
	if err == nil {
		made(cfg.Store.KeyFile)
	}
	return err
}

// isUsed reports whether a key belongs to the store's folder already.
func isUsed(cfg *config.Config) bool {
	return stream.Used(cfg.Store.Dir) || vault.Exists(filepath.Join(cfg.Store.Dir, vault.AtRestFile))
}

// keyLost is for a store without the key that it was made with.
func keyLost(cfg *config.Config) error {
	return &tributary.Error{
		Code: vault.CodeKeyMissing, Op: "open the store " + cfg.Store.Dir, Fix: tributary.FixMSSP,
		Err:  fmt.Errorf("its key %s is missing", cfg.Store.KeyFile),
		Next: "put the key back from its safe copy; the store can't be read without it",
	}
}

// makeKey makes a new key, and the folder that it lies in.
func makeKey(ctx context.Context, cfg *config.Config) error {
	if folder := filepath.Dir(cfg.Store.KeyFile); cfg.Store.KeyEnv == "" {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return &tributary.Error{
				Code: "store", Op: "make " + folder + ", the folder of the key", Err: reason(err), Fix: tributary.FixMSSP,
				Next: "check store.dir and store.key_file in the configuration, and that this user may write there",
			}
		}
	}
	k, err := openKeyring(ctx, cfg, false)
	if err != nil {
		return err
	}
	defer k.close()
	return k.Create(ctx)
}

// wrongKey says what to do about a key that is another store's.
func wrongKey(cfg *config.Config) string {
	if cfg.Store.KeyEnv != "" {
		return "set " + cfg.Store.KeyEnv + " to the key that belongs to this store; nothing has been changed"
	}
	return "put the key file back that belongs to this store (" + cfg.Store.KeyFile + "); nothing has been changed"
}
