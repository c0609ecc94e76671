package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"tributary"
)

const (
	checkName    = "check record"
	checkText    = "this store belongs to this key"
	checkComment = "Tributary check record: proves that a vault key belongs to this store. It holds no secret."
)

// WriteCheck writes a new store's check record. It never overwrites one: the
// error then wraps fs.ErrExist.
func (v *Vault) WriteCheck(path string) error {
	sealed, err := v.Seal(checkName, []byte(checkText))
	if err == nil {
		err = writeNew(path, encodeText(checkComment, sealed))
	}
	if err != nil {
		return &tributary.Error{
			Code: CodeCheck, Op: "write the check record " + path, Err: err,
			Fix: tributary.FixMSSP, Next: "name a directory that is new and that this user may write to",
		}
	}
	return nil
}

// Check proves by a store's check record that this is the store's key. It
// changes nothing. Every error is a *[tributary.Error]; it wraps
// fs.ErrNotExist, [ErrWrongKey] or [ErrCorrupt].
func (v *Vault) Check(path string) error {
	fail := func(code string, err error, next string) error {
		return &tributary.Error{Code: code, Op: "prove the vault key by " + path, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	const restore = "put the check record back from a backup of the store"
	text, err := readText(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(CodeCheck, fmt.Errorf("there is no such file: %w", fs.ErrNotExist), restore)
	}
	if err != nil {
		return fail(CodeCheck, err, "run as the user who owns the store")
	}
	sealed, err := decodeText(text)
	if err != nil {
		return fail(CodeCheck, fmt.Errorf("%w: %w", ErrCorrupt, err), restore)
	}
	plain, err := v.Open(checkName, sealed)
	if errors.Is(err, ErrWrongKey) {
		return fail(CodeKeyWrong, err, "give the key that this store was made with, or another store directory")
	}
	if err == nil && string(plain) != checkText {
		err = ErrCorrupt
	}
	if err != nil {
		return fail(CodeCheck, err, restore)
	}
	return nil
}

func readText(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText))
	return string(text), err
}
