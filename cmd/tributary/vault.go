package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/config"
	"tributary/connect"
	"tributary/pipeline/stream"
	"tributary/vault"
)

func (c *cli) vaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "Look after the key that seals every secret",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "rotate",
			Short: "Make a new key and seal everything under it",
			Long: `Rotate makes a new key, seals every customer's grant, every invitation and the
store's at-rest key under it, and puts it in the place of the old one. What is
in the stream is not rewritten. Stop the running instance first.

It may be cut short at any moment: the store stays usable with the keys that lie
there, and a second run completes it.

With store.key_env it reads the new key from the variable of that name with _NEW
at its end. With store.key_service it makes a key that the service seals, and so
moves a key there that lay in the clear before.`,
			Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.rotateVault(cmd.Context()) },
		},
		&cobra.Command{
			Use:   "new-key",
			Short: "Print a new key, for a variable of the environment",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := fmt.Fprintln(c.stdout, vault.NewKey().Reveal()) // it belongs to nothing yet
				return err
			},
		},
	)
	return cmd
}

// rotated is what vault rotate prints.
type rotated struct {
	Key    string `json:"key"`
	Sealed int    `json:"sealed"`
}

func (c *cli) rotateVault(ctx context.Context) error {
	cfg, err := config.LoadWithoutSecrets(c.configPath)
	if err != nil {
		return err
	}
	if !stream.Used(cfg.Store.Dir) {
		return &tributary.Error{
			Code: vault.CodeRotate, Op: "change the vault key", Err: fmt.Errorf("there is no store in %s yet", cfg.Store.Dir), Fix: tributary.FixMSSP,
			Next: "nothing to do: the first key seals nothing yet",
		}
	}
	if cfg.Store.KeyEnv == "" && !vault.Exists(cfg.Store.KeyFile) {
		return keyLost(cfg)
	}
	k, err := openKeyring(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer k.close()
	done, err := rotate(ctx, cfg, k, c.logger(), nil)
	if err != nil {
		return err
	}
	err = c.print(rotated{done.KeyID, done.Sealed}, func(w io.Writer) {
		row(w, "sealed "+count(done.Sealed, "record")+" and the at-rest key under the new key "+done.KeyID)
	})
	if cfg.Store.KeyEnv != "" {
		c.say("next: set %[1]s to what %[1]s_NEW has, and unset %[1]s_NEW", cfg.Store.KeyEnv)
	} else {
		c.say("next: keep a copy of %s in a safe place; the old key opens only backups that were made before", k)
	}
	return err
}

// rotate changes the key of a store that nobody else uses.
func rotate(ctx context.Context, cfg *config.Config, k *keyring, log *slog.Logger, step func(string) error) (vault.Rotated, error) {
	_, atRest, err := k.open(ctx, cfg)
	if err != nil {
		return vault.Rotated{}, err
	}
	store, err := stream.Open(ctx, stream.Options{
		Dir: cfg.Store.Dir, AtRest: []byte(atRest.Reveal()), MaxBytes: cfg.Store.MaxBytes, Alone: true, Log: log,
	})
	if err != nil {
		return vault.Rotated{}, storeError(cfg, err)
	}
	i := &instance{cfg: cfg, log: log, store: store}
	done, err := vault.Rotation{
		Source: k, AtRest: k.atRest, Records: i.sealedRecords,
		Step: func(what string) error {
			log.Debug("change of the vault key", "step", what)
			if step == nil {
				return nil
			}
			return step(what)
		},
	}.Run(ctx)
	if err == nil {
		i.audit(ctx, "command", "", "vault key changed", fmt.Sprintf("key %s, %s", done.KeyID, count(done.Sealed, "record")))
	}
	return done, errors.Join(err, store.Close())
}

// sealedRecords lists everything in the store that the vault has sealed.
func (i *instance) sealedRecords(ctx context.Context) ([]vault.Record, error) {
	stored, err := i.store.SealedRecords(ctx, vault.IsSealed)
	if err != nil {
		return nil, err
	}
	var list []vault.Record
	for _, one := range stored {
		name, err := sealedName(one)
		if err != nil {
			return nil, err
		}
		list = append(list, vault.Record{Name: name, Sealed: one.Value, Put: func(ctx context.Context, sealed []byte) error {
			return i.store.PutSealedRecord(ctx, one, sealed)
		}})
	}
	return list, nil
}

// sealedName is the name that a record was sealed under. A record that nobody
// knows stops a change of the key before it begins: it would be lost.
func sealedName(r stream.SealedRecord) (string, error) {
	if r.Bucket == "GRANTS" {
		return connect.GrantName(r.Key), nil
	}
	if id, ok := strings.CutPrefix(r.Key, "invite."); ok && r.Bucket == "SETTINGS" {
		return "invite/" + id, nil
	}
	return "", fmt.Errorf("this version of tributary doesn't know the sealed record %s of %s: use a newer one", r.Key, r.Bucket)
}
