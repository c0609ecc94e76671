package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// refreshLife is how long a refresh token may lie unused (Entra:
// refresh-tokens).
// Every use gives a new one, so a token's own age is the time it lay unused.
const refreshLife = 90 * 24 * time.Hour

// refreshToken is what a refresh token says. It is bound to a person and an
// application, not to a tenant or a resource; those two are only what it was
// last used for.
type refreshToken struct {
	Client   string `json:"c"`
	User     string `json:"u"`
	Tenant   string `json:"t"`
	Resource string `json:"r,omitempty"` // as asked for at v1
	Scope    string `json:"s,omitempty"` // as asked for at v2
	OpenID   bool   `json:"o,omitempty"` // an ID token comes with it
	Native   bool   `json:"p,omitempty"` // made for a public client's redirect URI
	Issued   int64  `json:"i"`           // Unix seconds
	SignIn   int64  `json:"a,omitempty"` // when the person signed in; Unix seconds
	Number   int64  `json:"n"`
}

// sealer encrypts refresh tokens, so that they carry their own content and
// nothing about them has to be kept.
type sealer struct{ aead cipher.AEAD }

func newSealer(seed uint64) (*sealer, error) {
	key := sha256.Sum256(fmt.Appendf(nil, "refresh tokens of the simulated identity %d", seed))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// refreshPrefix is how Entra's refresh tokens begin.
const refreshPrefix = "1.A"

func (k *sealer) seal(t refreshToken) (string, error) {
	b, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, b, nil)), nil
}

func (k *sealer) open(token string) (refreshToken, bool) {
	text, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok {
		return refreshToken{}, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return refreshToken{}, false
	}
	b, err := k.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return refreshToken{}, false
	}
	var t refreshToken
	if json.Unmarshal(b, &t) != nil {
		return refreshToken{}, false
	}
	return t, true
}

// revoked reports whether the token was ended where it was issued, where it is
// to be used, or at the person's home: that is where a guest's are revoked.
func (s *Server) revoked(t refreshToken, tenants ...string) bool {
	s.revocation.RLock()
	defer s.revocation.RUnlock()
	for _, tenant := range append(tenants, t.Tenant) {
		if t.Number <= s.grantsFrom[tenant] {
			return true
		}
	}
	return false
}
