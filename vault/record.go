package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
)

// A sealed record:
//
//	magic      3 bytes   "TRV"
//	version    1 byte    1
//	key id     8 bytes   which vault key sealed the data key
//	data key  60 bytes   nonce 12, data key 32 sealed, tag 16
//	body       n bytes   nonce 12, plain text sealed, tag 16
//
// The data key is bound to the header and the name, the body to all that and
// to the data key's bytes: no part can be exchanged alone.
const (
	magic      = "TRV"
	version    = 1
	overhead   = 12 + 16 // nonce and tag of one AES-GCM message
	headerSize = len(magic) + 1 + keyIDSize
	keyEnd     = headerSize + keySize + overhead
	recordMin  = keyEnd + overhead
)

// Seal seals a record under its name, which must not be empty. Sealing the
// same twice gives different bytes.
func (v *Vault) Seal(name string, plain []byte) ([]byte, error) {
	if name == "" {
		return nil, errors.New("seal a record: it has no name")
	}
	sealed := make([]byte, 0, recordMin+len(plain))
	sealed = append(sealed, magic...)
	sealed = append(sealed, version)
	sealed = append(sealed, v.id[:]...)

	dataKey := make([]byte, keySize)
	rand.Read(dataKey) // never fails: the runtime ends the program rather than give weak bytes
	sealed = v.wrap.Seal(sealed, nil, dataKey, bound(sealed, name))
	body, err := gcm(dataKey)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", name, err)
	}
	return body.Seal(sealed, nil, plain, bound(sealed, name)), nil
}

// Open opens a record that was sealed under this name. The error wraps
// [ErrWrongKey] if another key sealed it, and [ErrCorrupt] if it has been cut,
// changed or renamed. A record whose key id itself was changed can't be told
// from one that another key sealed.
func (v *Vault) Open(name string, sealed []byte) ([]byte, error) {
	if err := checkHeader(sealed); err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	header, wrapped := sealed[:headerSize], sealed[headerSize:keyEnd]
	holder := v.holder(header[headerSize-keyIDSize:])
	if holder == nil {
		return nil, fmt.Errorf("open %s: %w: it needs key %x and this is key %s", name, ErrWrongKey, header[headerSize-keyIDSize:], v.ID())
	}
	dataKey, err := holder.wrap.Open(nil, nil, wrapped, bound(header, name))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w, or belongs to another name", name, ErrCorrupt)
	}
	body, err := gcm(dataKey)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	plain, err := body.Open(nil, nil, sealed[keyEnd:], bound(sealed[:keyEnd], name))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, ErrCorrupt)
	}
	return plain, nil
}

// KeyID tells which key sealed a record, as [Vault.ID] writes it, so that
// records under an old key can be found and sealed again.
func KeyID(sealed []byte) (string, error) {
	if err := checkHeader(sealed); err != nil {
		return "", err
	}
	return hex.EncodeToString(sealed[headerSize-keyIDSize : headerSize]), nil
}

// IsSealed reports whether bytes begin as a sealed record does.
func IsSealed(data []byte) bool { return checkHeader(data) == nil }

func checkHeader(sealed []byte) error {
	if len(sealed) < len(magic)+1 || string(sealed[:len(magic)]) != magic {
		return fmt.Errorf("%w: it doesn't begin as a sealed record", ErrCorrupt)
	}
	if got := sealed[len(magic)]; got != version {
		return fmt.Errorf("%w: it is of version %d and this program knows version %d", ErrCorrupt, got, version)
	}
	if len(sealed) < recordMin {
		return fmt.Errorf("%w: it has %d bytes, and the shortest has %d", ErrCorrupt, len(sealed), recordMin)
	}
	return nil
}

// bound is the associated data of a message: all that stands before it in the
// record, whose length is fixed, and then the name.
func bound(before []byte, name string) []byte {
	return append(bytes.Clone(before), name...)
}
