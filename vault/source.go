package vault

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tributary"
)

// Source is where a vault's key comes from. Every error is a
// *[tributary.Error].
type Source interface {
	// Keys are the key and, during a rotation, the one that takes its place.
	// Where there is no key the error wraps fs.ErrNotExist.
	Keys(ctx context.Context) ([]*Vault, error)
	// Create makes the first key. It never overwrites one.
	Create(ctx context.Context) error
	// Next is the key that a rotation changes to. A rotation that was cut short
	// finds the one it had.
	Next(ctx context.Context) (*Vault, error)
	// Promote puts Next in the place of the key.
	Promote() error
	// String says where the key is, for people.
	String() string
}

// Keeper is a key service, which seals a key with one that never leaves it.
type Keeper interface {
	Encrypt(ctx context.Context, plain []byte) ([]byte, error)
	Decrypt(ctx context.Context, sealed []byte) ([]byte, error)
}

// KeyFile keeps the key in a file, 0600. The next key of a rotation lies
// beside it, in a file whose name ends with .new.
type KeyFile struct {
	Path string
	// Keeper seals the key in the file; nil: it lies there in the clear.
	Keeper Keeper
	// Clear accepts a key that lies in the clear although there is a Keeper:
	// for the rotation that moves it there.
	Clear bool
}

var _ Source = KeyFile{}

func (f KeyFile) String() string { return f.Path }

func (f KeyFile) next() string { return f.Path + ".new" }

// Keys reads the next key first: the other order could miss both while a
// rotation renames it.
func (f KeyFile) Keys(ctx context.Context) ([]*Vault, error) {
	next, err := f.open(ctx, f.next())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := f.open(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	if next == nil || next.ID() == key.ID() {
		return []*Vault{key}, nil
	}
	return []*Vault{key, next}, nil
}

func (f KeyFile) open(ctx context.Context, path string) (*Vault, error) {
	if f.Keeper == nil {
		return OpenKey(path)
	}
	data, err := readKey(path)
	if err != nil {
		return nil, err
	}
	fail := func(code string, err error, next string) (*Vault, error) {
		return nil, &tributary.Error{Code: code, Op: "unseal the vault key " + path, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	if len(data) == keySize {
		if !f.Clear {
			return fail(CodeKeyOpen, errors.New("it lies there in the clear, and store.key_service says that it is sealed"),
				"run: tributary vault rotate, which makes a new key and seals it")
		}
		return newVault(data)
	}
	key, err := f.Keeper.Decrypt(ctx, data)
	if err != nil {
		return fail(CodeKeyService, fmt.Errorf("the key service: %w", err),
			"look at store.key_service, at this machine's rights there and at the way to it")
	}
	v, err := newVault(key)
	if err != nil {
		return fail(CodeKeyBad, err, "put the file back from its safe copy")
	}
	return v, nil
}

// Create makes the key.
func (f KeyFile) Create(ctx context.Context) error { return f.create(ctx, f.Path) }

func (f KeyFile) create(ctx context.Context, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return &tributary.Error{
			Code: CodeKeyMissing, Op: "create the vault key " + path, Err: err,
			Fix: tributary.FixMSSP, Next: "name a directory that this user may write to",
		}
	}
	if f.Keeper == nil {
		return CreateKey(path)
	}
	key := make([]byte, keySize)
	rand.Read(key)
	sealed, err := f.Keeper.Encrypt(ctx, key)
	if err != nil {
		return &tributary.Error{
			Code: CodeKeyService, Op: "seal the new vault key " + path, Err: fmt.Errorf("the key service: %w", err),
			Fix: tributary.FixMSSP, Next: "look at store.key_service, at this machine's rights there and at the way to it",
		}
	}
	return createKey(path, keyServiceComment, sealed)
}

// Next makes the next key, unless a rotation has done so.
func (f KeyFile) Next(ctx context.Context) (*Vault, error) {
	if err := f.create(ctx, f.next()); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	sealed := f
	sealed.Clear = false // what is made here is sealed
	return sealed.open(ctx, f.next())
}

// Promote renames the next key's file. The old key is then on this machine no
// more.
func (f KeyFile) Promote() error {
	err := os.Rename(f.next(), f.Path)
	if err == nil {
		err = syncDir(filepath.Dir(f.Path))
	}
	if err != nil {
		return &tributary.Error{
			Code: CodeKeyMissing, Op: "put the new vault key in the place of " + f.Path, Err: err,
			Fix: tributary.FixMSSP, Next: "see that this user may write there, and run tributary vault rotate again",
		}
	}
	return nil
}

// KeyVariable has the key in a variable of the environment, and the next one
// of a rotation in the variable whose name ends with _NEW.
type KeyVariable struct {
	Name   string
	Lookup func(name string) (string, bool) // os.LookupEnv
}

var _ Source = KeyVariable{}

func (e KeyVariable) String() string { return "$" + e.Name }

func (e KeyVariable) next() string { return e.Name + "_NEW" }

// Keys reads both variables.
func (e KeyVariable) Keys(context.Context) ([]*Vault, error) {
	key, err := e.open(e.Name)
	if err != nil {
		return nil, err
	}
	next, err := e.open(e.next())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if next == nil || next.ID() == key.ID() {
		return []*Vault{key}, nil
	}
	return []*Vault{key, next}, nil
}

func (e KeyVariable) open(name string) (*Vault, error) {
	fail := func(code string, err error, next string) (*Vault, error) {
		return nil, &tributary.Error{Code: code, Op: "read the vault key from the variable " + name, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	text, ok := e.Lookup(name)
	if !ok || text == "" {
		return fail(CodeKeyMissing, fmt.Errorf("the environment doesn't have it: %w", fs.ErrNotExist),
			"set it for this process; tributary vault new-key prints a new key")
	}
	v, err := parse(text)
	if err != nil {
		return fail(CodeKeyBad, err, "give the text of a key; tributary vault new-key prints a new one")
	}
	return v, nil
}

// Create refuses: a program can't set its own environment for the next start.
func (e KeyVariable) Create(context.Context) error {
	_, err := e.open(e.Name)
	return err
}

// Next is the key of the second variable.
func (e KeyVariable) Next(context.Context) (*Vault, error) { return e.open(e.next()) }

// Promote leaves it to whoever sets the variables.
func (e KeyVariable) Promote() error { return nil }

// NewKey is the text of a new key, for a variable of the environment.
func NewKey() tributary.Secret {
	key := make([]byte, keySize)
	rand.Read(key)
	return tributary.NewSecret(base64.StdEncoding.EncodeToString(key))
}
