package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"tributary"
)

// AtRestFile is the name of the file beside a store that holds its at-rest
// key, sealed.
const AtRestFile = "at-rest.sealed"

const (
	atRestName    = "at-rest key"
	atRestComment = "Tributary at-rest key: what the store's files are encrypted with, sealed under the vault key. The store can't be read without this file."
)

// ErrHalfRotated: a rotation was cut short and one of its two keys is missing.
var ErrHalfRotated = errors.New("a change of the vault key was cut short, and one of its two keys is missing")

// CreateAtRest makes the key of a new store and writes it to a file, sealed:
// 32 random bytes as 43 characters of base64url. It never overwrites one: the
// error then wraps fs.ErrExist.
func (v *Vault) CreateAtRest(path string) error {
	key := make([]byte, keySize)
	rand.Read(key)
	text, err := sealAtRest(tributary.NewSecret(base64.RawURLEncoding.EncodeToString(key)), v)
	if err == nil {
		err = writeNew(path, text)
	}
	if err != nil {
		return &tributary.Error{
			Code: CodeAtRest, Op: "write the at-rest key " + path, Err: err,
			Fix: tributary.FixMSSP, Next: "name a directory that is new and that this user may write to",
		}
	}
	return nil
}

// OpenAtRest opens a store's at-rest key, and so proves that the keys are the
// store's. It changes nothing. During a rotation the file holds the at-rest
// key twice, sealed under the old key and under the new one, and both keys are
// wanted. The vault that it returns opens what any of the keys sealed, and
// seals with the one that the file names last.
//
// Every error is a *[tributary.Error]; it wraps fs.ErrNotExist, [ErrWrongKey],
// [ErrHalfRotated] or [ErrCorrupt].
func OpenAtRest(path string, keys ...*Vault) (*Vault, tributary.Secret, error) {
	fail := func(code string, err error, next string) (*Vault, tributary.Secret, error) {
		return nil, tributary.Secret{}, &tributary.Error{Code: code, Op: "prove the vault key by " + path, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	const restore = "put the file back from a backup of the store; without it the store can't be read"
	records, err := readAtRest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(CodeAtRest, fmt.Errorf("there is no such file: %w", fs.ErrNotExist), restore)
	case errors.Is(err, ErrCorrupt):
		return fail(CodeAtRest, err, restore)
	case err != nil:
		return fail(CodeAtRest, err, "run as the user who owns the store")
	}
	var seals *Vault
	var secret tributary.Secret
	var missing []string
	for _, sealed := range records {
		id, err := KeyID(sealed)
		if err != nil {
			return fail(CodeAtRest, err, restore)
		}
		v := byID(keys, id)
		if v == nil {
			missing = append(missing, id)
			continue
		}
		plain, err := v.Open(atRestName, sealed)
		if err != nil {
			return fail(CodeAtRest, err, restore)
		}
		one := tributary.NewSecret(string(plain))
		if seals != nil && one.Reveal() != secret.Reveal() {
			return fail(CodeAtRest, fmt.Errorf("%w: its lines hold different keys", ErrCorrupt), restore)
		}
		seals, secret = v, one
	}
	if seals == nil {
		return fail(CodeKeyWrong, fmt.Errorf("%w: it needs key %s and this is %s", ErrWrongKey, strings.Join(missing, " and "), names(keys)),
			"give the key that this store was made with, or another store directory")
	}
	if len(missing) > 0 {
		return fail(CodeHalfRotated, fmt.Errorf("%w: key %s", ErrHalfRotated, strings.Join(missing, " and ")),
			"give both keys, the old one and the new one, and run: tributary vault rotate")
	}
	return seals.with(keys), secret, nil
}

// writeAtRest replaces a store's sealed at-rest key by one sealed under these.
func writeAtRest(path string, secret tributary.Secret, under ...*Vault) error {
	text, err := sealAtRest(secret, under...)
	if err != nil {
		return err
	}
	return replace(path, text)
}

func sealAtRest(secret tributary.Secret, under ...*Vault) ([]byte, error) {
	text := []byte("# " + atRestComment + "\n")
	for _, v := range under {
		sealed, err := v.Seal(atRestName, []byte(secret.Reveal()))
		if err != nil {
			return nil, err
		}
		text = append(text, base64.StdEncoding.EncodeToString(sealed)+"\n"...)
	}
	return text, nil
}

// readAtRest returns the sealed records of the file: one, or two during a
// rotation.
func readAtRest(path string) ([][]byte, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	records, err := decodeLines(text)
	if err == nil && len(records) > 2 {
		err = fmt.Errorf("it has %d lines beside comments", len(records))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return records, nil
}

// sealedUnder lists the ids of the keys that the file is sealed under.
func sealedUnder(path string) ([]string, error) {
	records, err := readAtRest(path)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, sealed := range records {
		id, err := KeyID(sealed)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func byID(keys []*Vault, id string) *Vault {
	for _, v := range keys {
		if v.ID() == id {
			return v
		}
	}
	return nil
}

func names(keys []*Vault) string {
	var ids []string
	for _, v := range keys {
		ids = append(ids, v.ID())
	}
	return "key " + strings.Join(ids, " and ")
}

// Exists reports whether there is a file of this name, whatever it holds.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
