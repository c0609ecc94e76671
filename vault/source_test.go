package vault

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tributary"
)

// service is a key service in memory: it seals with a key of its own.
type service struct {
	key  *Vault
	down error
}

func (s service) Encrypt(_ context.Context, plain []byte) ([]byte, error) {
	if s.down != nil {
		return nil, s.down
	}
	return s.key.Seal("at the service", plain)
}

func (s service) Decrypt(_ context.Context, sealed []byte) ([]byte, error) {
	if s.down != nil {
		return nil, s.down
	}
	return s.key.Open("at the service", sealed)
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	e := tributary.AsError(err)
	if e == nil || e.Next == "" || e.Fix == "" {
		t.Fatalf("says too little: %v", err)
	}
	return e.Code
}

func TestKeyFileWithService(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys", "key")
	f := KeyFile{Path: path, Keeper: service{key: testVault(t, 9)}}
	if _, err := f.Keys(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no key: %v", err)
	}
	if err := f.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Create(t.Context()); codeOf(t, err) != CodeKeyExists {
		t.Errorf("a second key: %v", err)
	}
	keys, err := f.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	data, err := readKey(path)
	if err != nil || bytes.Contains(data, keys[0].key[:]) {
		t.Errorf("the key lies in the clear, or %v", err)
	}
	if _, err := OpenKey(path); codeOf(t, err) != CodeKeyBad || !strings.Contains(tributary.AsError(err).Next, "store.key_service") {
		t.Errorf("without the service: %v", err)
	}
	other := KeyFile{Path: path, Keeper: service{key: testVault(t, 8)}}
	if _, err := other.Keys(t.Context()); codeOf(t, err) != CodeKeyService {
		t.Errorf("another key of the service: %v", err)
	}
	down := KeyFile{Path: path, Keeper: service{down: errors.New("no way there")}}
	if _, err := down.Keys(t.Context()); codeOf(t, err) != CodeKeyService || !strings.Contains(err.Error(), "no way there") {
		t.Errorf("the service is down: %v", err)
	}
	if _, err := down.Next(t.Context()); codeOf(t, err) != CodeKeyService || Exists(path+".new") {
		t.Errorf("a next key while the service is down: %v", err)
	}
}

// A key in the clear is refused where a service should have sealed it, but for
// the rotation that moves it there.
func TestKeyFileInTheClear(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	if err := CreateKey(path); err != nil {
		t.Fatal(err)
	}
	f := KeyFile{Path: path, Keeper: service{key: testVault(t, 9)}}
	if _, err := f.Keys(t.Context()); codeOf(t, err) != CodeKeyOpen {
		t.Errorf("%v", err)
	}
	f.Clear = true
	if keys, err := f.Keys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("%v, %v", keys, err)
	}
	next, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if data, err := readKey(path + ".new"); err != nil || len(data) == keySize {
		t.Errorf("the next key lies in the clear, or %v", err)
	}
	if err := f.Promote(); err != nil {
		t.Fatal(err)
	}
	f.Clear = false
	if keys, err := f.Keys(t.Context()); err != nil || len(keys) != 1 || keys[0].ID() != next.ID() {
		t.Errorf("%v, %v", keys, err)
	}
}

func TestKeyVariable(t *testing.T) {
	t.Parallel()
	env := map[string]string{}
	v := KeyVariable{Name: "KEY", Lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok }}
	if _, err := v.Keys(t.Context()); codeOf(t, err) != CodeKeyMissing || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	if err := v.Create(t.Context()); codeOf(t, err) != CodeKeyMissing {
		t.Errorf("made one: %v", err)
	}
	env["KEY"] = "hunter2"
	if _, err := v.Keys(t.Context()); codeOf(t, err) != CodeKeyBad || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("not a key: %v", err)
	}
	env["KEY"] = NewKey().Reveal()
	keys, err := v.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	if _, err := v.Next(t.Context()); codeOf(t, err) != CodeKeyMissing || !strings.Contains(err.Error(), "KEY_NEW") {
		t.Errorf("no next: %v", err)
	}
	env["KEY_NEW"] = env["KEY"]
	if keys, err = v.Keys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("the same twice: %v, %v", keys, err)
	}
	env["KEY_NEW"] = NewKey().Reveal()
	if keys, err = v.Keys(t.Context()); err != nil || len(keys) != 2 {
		t.Errorf("two: %v, %v", keys, err)
	}
}
