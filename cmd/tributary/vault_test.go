package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary"
	"tributary/config"
	"tributary/connect"
	"tributary/pipeline/stream"
	"tributary/vault"
)

// A change of the key of a real store is cut at each step. Whatever the step,
// the store opens and every grant with it; a grant that is renewed in between
// stays, and a second run completes the change.
func TestVaultRotateCutAtEachStep(t *testing.T) {
	t.Parallel()
	cutShort := errors.New("cut short")
	const steps = 6 // key, both, two grants, alone, promoted
	for cut := 1; cut <= steps; cut++ {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.Store.Dir = t.TempDir()
			cfg.Store.KeyFile = filepath.Join(cfg.Store.Dir, config.DefaultKeyFile)
			cfg.Store.MaxBytes = 64 << 20
			if err := ensureKey(t.Context(), cfg, func(string) {}); err != nil {
				t.Fatal(err)
			}
			withGrants(t, cfg, func(g connect.Grants) {
				for _, name := range []string{"contoso", "fabrikam"} {
					if _, err := g.PutGrant(t.Context(), name, tributary.Grant{RefreshToken: tributary.NewSecret("first of " + name)}, 0); err != nil {
						t.Fatal(err)
					}
				}
			})
			at := 0
			_, err := change(t, cfg, func(string) error {
				if at++; at == cut {
					return cutShort
				}
				return nil
			})
			if !errors.Is(err, cutShort) {
				t.Fatalf("not cut: %v", err)
			}
			withGrants(t, cfg, func(g connect.Grants) {
				if got := token(t, g, "fabrikam"); got != "first of fabrikam" {
					t.Errorf("the grant is %q", got)
				}
				grant, revision, err := g.Grant(t.Context(), "contoso")
				if err != nil {
					t.Fatal(err)
				}
				grant.RefreshToken = tributary.NewSecret("second")
				if _, err := g.PutGrant(t.Context(), "contoso", grant, revision); err != nil {
					t.Fatal(err)
				}
			})
			done, err := change(t, cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(cfg.Store.KeyFile + ".new"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the next key stays: %v", err)
			}
			withGrants(t, cfg, func(g connect.Grants) {
				if g.Vault.ID() != done.KeyID {
					t.Errorf("the key is %s, not %s", g.Vault.ID(), done.KeyID)
				}
				if a, b := token(t, g, "contoso"), token(t, g, "fabrikam"); a != "second" || b != "first of fabrikam" {
					t.Errorf("the grants are %q and %q", a, b)
				}
			})
		})
	}
}

func change(t *testing.T, cfg *config.Config, step func(string) error) (vault.Rotated, error) {
	t.Helper()
	k, err := openKeyring(t.Context(), cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	return rotate(t.Context(), cfg, k, slog.New(slog.DiscardHandler), step)
}

func withGrants(t *testing.T, cfg *config.Config, do func(connect.Grants)) {
	t.Helper()
	v, store, err := openStored(t.Context(), cfg, func(atRest []byte) (*stream.Store, error) {
		return stream.Open(t.Context(), stream.Options{Dir: cfg.Store.Dir, AtRest: atRest, MaxBytes: cfg.Store.MaxBytes, Reserve: 1 << 20})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	do(connect.Grants{Vault: v, Records: store})
}

func token(t *testing.T, g connect.Grants, tenant string) string {
	t.Helper()
	grant, _, err := g.Grant(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return grant.RefreshToken.Reveal()
}

// A sealed record that this version can't name stops a change before it
// begins: under the new key alone it could never be opened again.
func TestVaultRotateKnowsEveryRecord(t *testing.T) {
	t.Parallel()
	for _, known := range []stream.SealedRecord{{Bucket: "GRANTS", Key: "contoso"}, {Bucket: "SETTINGS", Key: "invite.one"}} {
		if name, err := sealedName(known); err != nil || !strings.HasSuffix(name, "/"+strings.TrimPrefix(known.Key, "invite.")) {
			t.Errorf("%s: %q, %v", known.Key, name, err)
		}
	}
	cfg := config.Default()
	cfg.Store.Dir = t.TempDir()
	cfg.Store.KeyFile = filepath.Join(cfg.Store.Dir, config.DefaultKeyFile)
	cfg.Store.MaxBytes = 64 << 20
	if err := ensureKey(t.Context(), cfg, func(string) {}); err != nil {
		t.Fatal(err)
	}
	withGrants(t, cfg, func(g connect.Grants) {
		sealed, err := g.Vault.Seal("something/else", []byte("kept"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Records.PutSealedGrant(t.Context(), "contoso", sealed, 0); err != nil {
			t.Fatal(err)
		}
	})
	before := atRestText(t, cfg)
	if _, err := change(t, cfg, nil); !errors.Is(err, vault.ErrCorrupt) {
		t.Errorf("a record of another name: %v", err)
	}
	if atRestText(t, cfg) != before {
		t.Error("the at-rest key was sealed anew")
	}
	if _, err := sealedName(stream.SealedRecord{Bucket: "SETTINGS", Key: "unheard.of"}); err == nil {
		t.Error("a record that nobody knows has a name")
	}
}

func atRestText(t *testing.T, cfg *config.Config) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cfg.Store.Dir, vault.AtRestFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A key that is changed while a command waits for the store is noticed: what
// the command would seal with the old one could never be opened.
func TestKeyChangedWhileWaiting(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Store.Dir = t.TempDir()
	cfg.Store.KeyFile = filepath.Join(cfg.Store.Dir, config.DefaultKeyFile)
	cfg.Store.MaxBytes = 64 << 20
	if err := ensureKey(t.Context(), cfg, func(string) {}); err != nil {
		t.Fatal(err)
	}
	withGrants(t, cfg, func(connect.Grants) {})
	var done vault.Rotated
	v, store, err := openStored(t.Context(), cfg, func(atRest []byte) (*stream.Store, error) {
		var err error
		if done, err = change(t, cfg, nil); err != nil {
			t.Fatal(err)
		}
		return stream.Open(context.Background(), stream.Options{Dir: cfg.Store.Dir, AtRest: atRest, MaxBytes: cfg.Store.MaxBytes, Reserve: 1 << 20})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if v.ID() != done.KeyID {
		t.Errorf("it seals with %s, and the key is %s", v.ID(), done.KeyID)
	}
}
