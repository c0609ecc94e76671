package invite

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"tributary"
)

const (
	idSize    = 10 // bytes; 16 characters of base32
	nonceSize = 16
	macSize   = sha256.Size
)

var (
	// Strict, so that one token has one spelling.
	tokenText = base64.RawURLEncoding.Strict()
	idText    = base32.StdEncoding.WithPadding(base32.NoPadding)
)

func newID() string {
	b := make([]byte, idSize)
	rand.Read(b)
	return idText.EncodeToString(b)
}

// signer makes and reads what travels through the customer's mail and browser.
type signer struct{ key []byte }

// ticket is what an invitation's link holds: enough to refuse it without
// asking the store.
type ticket struct {
	id       string
	tenantID string // GUID
	way      tributary.AuthMethod
	expires  time.Time
}

// What is signed begins with what it is for, so that a state can't stand in
// for a link.
const (
	forLink  = "tributary invitation link 1\n"
	forState = "tributary invitation state 1\n"
)

// An app-only and a delegated link differ in one byte.
var ways = []tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated}

var errForged = errors.New("not one of ours")

func (s signer) mac(purpose string, payload []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(purpose))
	h.Write(payload)
	return h.Sum(nil)
}

func (s signer) seal(purpose string, payload []byte) string {
	return tokenText.EncodeToString(append(payload, s.mac(purpose, payload)...))
}

func (s signer) open(purpose, text string, size int) ([]byte, error) {
	if len(text) > tokenText.EncodedLen(size+macSize) {
		return nil, errForged
	}
	b, err := tokenText.DecodeString(text)
	if err != nil || len(b) != size+macSize || !hmac.Equal(b[size:], s.mac(purpose, b[:size])) {
		return nil, errForged
	}
	return b[:size], nil
}

const linkSize = idSize + 16 + 1 + 8

// link writes a ticket:
//
//	id         10 bytes
//	tenant id  16 bytes
//	way         1 byte
//	expires     8 bytes   seconds since 1970, big endian
//	HMAC       32 bytes   SHA-256 over the above
func (s signer) link(t ticket) (string, error) {
	id, err := idText.DecodeString(t.id)
	if err != nil || len(id) != idSize {
		return "", fmt.Errorf("sign the invitation: %q is not an id", t.id)
	}
	guid, err := hex.DecodeString(strings.ReplaceAll(t.tenantID, "-", ""))
	if err != nil || len(guid) != 16 {
		return "", fmt.Errorf("sign the invitation: %q is not a tenant id", t.tenantID)
	}
	way := byte(len(ways))
	for i, w := range ways {
		if w == t.way {
			way = byte(i)
		}
	}
	if int(way) == len(ways) {
		return "", fmt.Errorf("sign the invitation: %q is not a way in", t.way)
	}
	payload := append(append(id, guid...), way)
	payload = binary.BigEndian.AppendUint64(payload, uint64(t.expires.Unix()))
	return s.seal(forLink, payload), nil
}

// readLink reads a link's token if its signature is ours. It may have expired.
func (s signer) readLink(text string) (ticket, error) {
	b, err := s.open(forLink, text, linkSize)
	if err != nil {
		return ticket{}, err
	}
	guid := b[idSize : idSize+16]
	way := int(b[idSize+16])
	if way >= len(ways) {
		return ticket{}, errForged
	}
	return ticket{
		id:       idText.EncodeToString(b[:idSize]),
		tenantID: fmt.Sprintf("%x-%x-%x-%x-%x", guid[:4], guid[4:6], guid[6:8], guid[8:10], guid[10:]),
		way:      ways[way],
		expires:  time.Unix(int64(binary.BigEndian.Uint64(b[idSize+17:])), 0).UTC(),
	}, nil
}

const stateSize = idSize + nonceSize

// newState is the OAuth state of one attempt of an invitation. Its nonce is
// what the record keeps.
func (s signer) newState(id string) (state, nonce string, err error) {
	b, err := idText.DecodeString(id)
	if err != nil || len(b) != idSize {
		return "", "", fmt.Errorf("begin an attempt: %q is not an id", id)
	}
	random := make([]byte, nonceSize)
	rand.Read(random)
	return s.seal(forState, append(b, random...)), hex.EncodeToString(random), nil
}

func (s signer) readState(text string) (id, nonce string, err error) {
	b, err := s.open(forState, text, stateSize)
	if err != nil {
		return "", "", err
	}
	return idText.EncodeToString(b[:idSize]), hex.EncodeToString(b[idSize:]), nil
}
