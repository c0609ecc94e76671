package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is defined as a SHA-1 thumbprint
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// signingKey signs every token of the server.
type signingKey struct {
	private *rsa.PrivateKey
	cert    []byte // DER, self-signed: what `x5c` and `x5t` speak of
	kid     string // the certificate's thumbprint, as Entra's key ids are
}

func newSigningKey(now time.Time) (*signingKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.Unix()),
		Subject:      pkix.Name{CommonName: "simulated accounts.accesscontrol.windows.net"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.AddDate(5, 0, 0),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum(cert)
	return &signingKey{private: private, cert: cert, kid: base64.RawURLEncoding.EncodeToString(sum[:])}, nil
}

func (k *signingKey) sign(claims jwt.MapClaims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"], t.Header["x5t"] = k.kid, k.kid
	return t.SignedString(k.private)
}

// jwk is the public half as JWKS has it.
type jwk struct {
	KeyType string   `json:"kty"`
	Use     string   `json:"use"`
	KeyID   string   `json:"kid"`
	X5T     string   `json:"x5t"`
	N       string   `json:"n"`
	E       string   `json:"e"`
	X5C     []string `json:"x5c"`
	Issuer  string   `json:"issuer,omitempty"` // v2 only
}

func (k *signingKey) jwk() jwk {
	return jwk{
		KeyType: "RSA", Use: "sig", KeyID: k.kid, X5T: k.kid,
		N:   base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
		E:   base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.private.E)).Bytes()),
		X5C: []string{base64.StdEncoding.EncodeToString(k.cert)},
	}
}
