package stream

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nkeys"
)

// Small files beside JetStream's own.
const (
	markerFile   = "store.json"   // the store has been made; proves the key
	instanceFile = "running.json" // where the running instance listens
	nkeyFile     = "command.nkey" // the way in for our own commands, 0600
)

// marker says whether a store has been made, and with which key. JetStream
// with a wrong key only warns and then deletes the files of a stream that is
// created, so the key is proved here first.
type marker struct {
	Format   int       `json:"format"`
	Made     time.Time `json:"made"`
	KeyProof string    `json:"key_proof"`
	Ready    bool      `json:"ready"` // every stream has been made
}

func keyProof(atRest []byte) string {
	mac := hmac.New(sha256.New, atRest)
	mac.Write([]byte("tributary store, at-rest key"))
	return hex.EncodeToString(mac.Sum(nil))
}

// Used reports whether a folder holds a store, made or half made.
func Used(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, markerFile))
	return err == nil
}

// readMarker reports whether the store has been made. In a new directory it
// leaves the marker that proves the key, before JetStream writes anything.
func readMarker(dir string, atRest []byte) (ready bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, writeMarker(dir, atRest, false)
	}
	if err != nil {
		return false, err
	}
	var m marker
	if err := json.Unmarshal(text, &m); err != nil {
		return false, fmt.Errorf("%s is damaged: %w", markerFile, err)
	}
	if m.Format != 1 {
		return false, fmt.Errorf("%s has format %d, which this version does not know: use a newer tributary", markerFile, m.Format)
	}
	if !hmac.Equal([]byte(m.KeyProof), []byte(keyProof(atRest))) {
		return false, ErrWrongKey
	}
	return m.Ready, nil
}

func writeMarker(dir string, atRest []byte, ready bool) error {
	text, err := json.MarshalIndent(marker{Format: 1, Made: time.Now().UTC(), KeyProof: keyProof(atRest), Ready: ready}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, markerFile), append(text, '\n'), 0o600)
}

type instance struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

func writeInstance(dir, url string) error {
	text, err := json.Marshal(instance{URL: url, PID: os.Getpid()})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, instanceFile), append(text, '\n'), 0o600)
}

func readInstance(dir string) (url string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, instanceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNotRunning
	}
	if err != nil {
		return "", fmt.Errorf("find the running instance: %w", err)
	}
	var i instance
	if err := json.Unmarshal(text, &i); err != nil {
		return "", fmt.Errorf("find the running instance: %s is damaged: %w", instanceFile, err)
	}
	return i.URL, nil
}

// commandKey reads the key that our own commands sign in with, and makes it
// in a new store. Who can't read the store can't connect.
func commandKey(dir string) (nkeys.KeyPair, error) {
	path := filepath.Join(dir, nkeyFile)
	seed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		pair, err := nkeys.CreateUser()
		if err != nil {
			return nil, fmt.Errorf("make the command key: %w", err)
		}
		if seed, err = pair.Seed(); err != nil {
			return nil, fmt.Errorf("make the command key: %w", err)
		}
		if err := writeFile(path, seed, 0o600); err != nil {
			return nil, fmt.Errorf("make the command key: %w", err)
		}
		return pair, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the command key: %w", err)
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("read the command key %s: %w", path, err)
	}
	return pair, nil
}

// writeFile replaces a file so that a crash leaves the old one or the new one.
func writeFile(path string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing to remove
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
