package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"tributary"
)

// Errors that callers branch on.
var (
	// ErrWrongKey: the record was sealed under another vault's key.
	ErrWrongKey = errors.New("sealed with another key")
	// ErrCorrupt: the record was sealed under this key, but it has been cut,
	// changed, or moved to another name since.
	ErrCorrupt = errors.New("the sealed record is damaged")
)

// keySize is the length of a vault key in bytes, as AES-256 needs it.
const keySize = 32

// keyIDSize is enough to tell the keys of one provider apart.
const keyIDSize = 8

// Vault seals and opens records under one key. It is safe for concurrent use
// and prints nothing of the key.
type Vault struct {
	key  *[keySize]byte // a pointer, so that %v of a struct that holds a Vault can't reach the bytes
	id   [keyIDSize]byte
	wrap cipher.AEAD // seals data keys
	also []*Vault    // open what they sealed; during a rotation
}

func newVault(key []byte) (*Vault, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("the key has %d bytes and needs %d", len(key), keySize)
	}
	v := &Vault{key: new([keySize]byte)}
	copy(v.key[:], key)
	// The key itself seals nothing: each use has a key derived from it, so that
	// no use can tell anything about another.
	id, err := v.derive("key id", keyIDSize)
	if err != nil {
		return nil, err
	}
	copy(v.id[:], id)
	wrap, err := v.derive("data keys", keySize)
	if err != nil {
		return nil, err
	}
	if v.wrap, err = gcm(wrap); err != nil {
		return nil, err
	}
	return v, nil
}

// ID names the key without telling anything of it: 16 hexadecimal digits.
// [KeyID] reads the same from a sealed record.
func (v *Vault) ID() string { return hex.EncodeToString(v.id[:]) }

// with returns a vault that seals as v does, and opens what any of these sealed.
func (v *Vault) with(others []*Vault) *Vault {
	both := *v
	both.also = nil
	for _, o := range others {
		if o.id != v.id {
			both.also = append(both.also, o)
		}
	}
	return &both
}

// holder is the one of the vault's keys that has this id, or nil.
func (v *Vault) holder(id []byte) *Vault {
	if bytes.Equal(v.id[:], id) {
		return v
	}
	for _, o := range v.also {
		if bytes.Equal(o.id[:], id) {
			return o
		}
	}
	return nil
}

// Derive returns a key for another purpose, always the same for the same
// vault and purpose: 32 bytes by HKDF-SHA256 (RFC 5869), as 43 characters of
// base64url. Knowing one derived key tells nothing of the others.
func (v *Vault) Derive(purpose string) (tributary.Secret, error) {
	key, err := v.derive("derived: "+purpose, keySize)
	if err != nil {
		return tributary.Secret{}, err
	}
	return tributary.NewSecret(base64.RawURLEncoding.EncodeToString(key)), nil
}

func (v *Vault) derive(info string, size int) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, v.key[:], nil, "tributary vault v1: "+info, size)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}

// gcm is AES-GCM that draws a random nonce for each message and puts it in
// front of it.
func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// String names the vault by its key id.
func (v *Vault) String() string { return "vault " + v.ID() }

// GoString is what %#v prints.
func (v *Vault) GoString() string { return v.String() }

// LogValue is what slog prints.
func (v *Vault) LogValue() slog.Value { return slog.StringValue(v.String()) }
