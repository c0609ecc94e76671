package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"tributary"
)

// Codes of the conditions that this package reports.
const (
	CodeKeyMissing = "vault-key-missing" // no key where one is expected
	CodeKeyOpen    = "vault-key-open"    // others may read the key
	CodeKeyBad     = "vault-key-bad"     // not a key, or a damaged one
	CodeKeyExists  = "vault-key-exists"  // a key would be overwritten
	CodeKeyWrong   = "vault-key-wrong"   // a key, but not this store's
	CodeKeyService = "vault-key-service" // the key service doesn't seal or unseal
	CodeAtRest     = "vault-at-rest"     // the store's sealed at-rest key is missing or damaged
	// CodeHalfRotated: a rotation was cut short and one of its keys is missing.
	CodeHalfRotated = "vault-half-rotated"
	CodeRotate      = "vault-rotate" // a rotation can't go on
)

const (
	keyComment        = "Tributary vault key. Whoever has it can read the customers' refresh tokens: keep a copy in a safe place."
	keyServiceComment = "Tributary vault key, sealed by the key service of store.key_service. Without that service it is worth nothing: keep a copy with the store's backups."
)

// maxText bounds what is read of a key or check file.
const maxText = 64 << 10

// CreateKey makes a new key and writes it to a file that only its owner can
// read (0600). It never overwrites: if there is a file already, the error
// wraps fs.ErrExist. The key is on the disk when it returns.
func CreateKey(path string) error {
	key := make([]byte, keySize)
	rand.Read(key)
	return createKey(path, keyComment, key)
}

func createKey(path, comment string, key []byte) error {
	err := writeNew(path, encodeText(comment, key))
	if errors.Is(err, fs.ErrExist) {
		return &tributary.Error{
			Code: CodeKeyExists, Op: "create the vault key " + path, Err: fmt.Errorf("the file is there already: %w", fs.ErrExist),
			Fix: tributary.FixMSSP, Next: "keep it: what was sealed with it can't be read without it",
		}
	}
	if err != nil {
		return &tributary.Error{
			Code: CodeKeyMissing, Op: "create the vault key " + path, Err: err,
			Fix: tributary.FixMSSP, Next: "name a directory that this user may write to",
		}
	}
	return nil
}

// OpenKey reads a key file. It refuses one that others may read (on Unix, any
// right for group or others). A missing file's error wraps fs.ErrNotExist.
// Every error is a *[tributary.Error].
func OpenKey(path string) (*Vault, error) {
	data, err := readKey(path)
	if err != nil {
		return nil, err
	}
	v, err := newVault(data)
	if err != nil {
		next := "put the key back from its safe copy"
		if len(data) > keySize {
			next = "if a key service has sealed it, name the service in store.key_service; otherwise " + next
		}
		return nil, &tributary.Error{Code: CodeKeyBad, Op: "read the vault key " + path, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	return v, nil
}

// readKey reads the bytes of a key file.
func readKey(path string) ([]byte, error) {
	fail := func(code string, err error, next string) ([]byte, error) {
		return nil, &tributary.Error{Code: code, Op: "read the vault key " + path, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(CodeKeyMissing, fmt.Errorf("there is no such file: %w", fs.ErrNotExist),
			"put the key back from its safe copy, or run tributary init if this is a new installation")
	}
	if err != nil {
		return fail(CodeKeyMissing, err, "run as the user who owns the key file")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fail(CodeKeyMissing, err, "look at the disk")
	}
	if !info.Mode().IsRegular() {
		return fail(CodeKeyBad, errors.New("it is not a file"), "give the path of the key file itself")
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fail(CodeKeyOpen, fmt.Errorf("its permissions %#o let other users read it", mode),
			"run: chmod 600 "+path+", and replace the key if others use this machine")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxText))
	if err != nil {
		return fail(CodeKeyBad, err, "look at the disk")
	}
	data, err := decodeText(string(text))
	if err != nil {
		return fail(CodeKeyBad, err, "put the key back from its safe copy")
	}
	return data, nil
}

// ParseKey reads a key from text, such as an environment variable: what a key
// file holds, with or without its comment line.
func ParseKey(text string) (*Vault, error) {
	v, err := parse(text)
	if err != nil {
		return nil, &tributary.Error{
			Code: CodeKeyBad, Op: "read the vault key", Err: err,
			Fix: tributary.FixMSSP, Next: "give the text of the key file: its last line is enough",
		}
	}
	return v, nil
}

func parse(text string) (*Vault, error) {
	key, err := decodeText(text)
	if err != nil {
		return nil, err
	}
	return newVault(key)
}

// encodeText writes bytes as a small text file: a comment that tells people
// what it is, then base64.
func encodeText(comment string, data []byte) []byte {
	return []byte("# " + comment + "\n" + base64.StdEncoding.EncodeToString(data) + "\n")
}

// decodeText reads what encodeText wrote.
func decodeText(text string) ([]byte, error) {
	lines, err := decodeLines(text)
	if err == nil && len(lines) > 1 {
		err = errors.New("it has more than one line beside comments")
	}
	if err != nil {
		return nil, err
	}
	return lines[0], nil
}

// decodeLines reads one line of base64 or more, beside comments. The errors
// never quote the text: it may be most of a key.
func decodeLines(text string) ([][]byte, error) {
	var list [][]byte
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		data, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil {
			var at base64.CorruptInputError
			if errors.As(err, &at) {
				return nil, fmt.Errorf("it is not base64: wrong at character %d of %d", int64(at)+1, len(line))
			}
			return nil, errors.New("it is not base64")
		}
		list = append(list, data)
	}
	if len(list) == 0 {
		return nil, errors.New("it is empty")
	}
	return list, nil
}
