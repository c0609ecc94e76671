package entra

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"tributary"
)

// certificate reads an application's PEM: a certificate and its RSA key, as
// Entra takes them. The chain may follow in any order.
func certificate(app tributary.App) ([]*x509.Certificate, *rsa.PrivateKey, error) {
	fail := func(err error) ([]*x509.Certificate, *rsa.PrivateKey, error) {
		return nil, nil, &tributary.Error{
			Code: tributary.CodeCredential, Op: "read the application's certificate", Err: err, Fix: tributary.FixMSSP,
			Next: "give a PEM file that holds the certificate and its RSA key, not encrypted",
		}
	}
	certs, key, err := azidentity.ParseCertificates([]byte(app.Certificate.Reveal()), nil)
	if err != nil {
		return fail(err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return fail(fmt.Errorf("the key is not an RSA key, and Entra takes no other"))
	}
	if signer(certs, private) == nil {
		return fail(errors.New("the key doesn't belong to the certificate"))
	}
	return certs, private, nil
}

// signer finds the key's certificate in a chain.
func signer(certs []*x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	for _, c := range certs {
		if public, ok := c.PublicKey.(*rsa.PublicKey); ok && public.Equal(&key.PublicKey) {
			return c
		}
	}
	return nil
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// prove adds what proves that we are the application: a secret stands in the
// library's configuration already, so here it is the signed assertion of an
// application with a certificate (Entra: certificate-credentials). It is good
// for this token endpoint only, which is a tenant's own.
func prove(v url.Values, app tributary.App, tokenURL string, now time.Time) error {
	if app.Certificate.IsZero() {
		return nil
	}
	certs, key, err := certificate(app)
	if err != nil {
		return err
	}
	thumbprint := sha256.Sum256(signer(certs, key).Raw)
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.RegisteredClaims{
		Audience:  jwt.ClaimStrings{tokenURL},
		Issuer:    app.ClientID,
		Subject:   app.ClientID,
		ID:        uuid.NewString(),
		IssuedAt:  jwt.NewNumericDate(now),
		NotBefore: jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(10 * time.Minute)),
	})
	token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	assertion, err := token.SignedString(key)
	if err != nil {
		return &tributary.Error{
			Code: tributary.CodeCredential, Op: "sign the application's assertion", Err: err, Fix: tributary.FixMSSP,
			Next: "give the application another certificate and key",
		}
	}
	v.Set("client_assertion_type", assertionType)
	v.Set("client_assertion", assertion)
	return nil
}

// secret is the client secret to send: none if a certificate proves us.
func secret(app tributary.App) string {
	if !app.Certificate.IsZero() {
		return ""
	}
	return app.ClientSecret.Reveal() // sent to the cloud's token endpoint
}
