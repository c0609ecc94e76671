package directory

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tributary"
)

// Certificate is a certificate with its private key.
type Certificate struct {
	X509 *x509.Certificate
	PEM  tributary.Secret // certificate and key, as tributary.App.Certificate takes them
}

// keyBits is above the 2048 that Entra asks for.
const keyBits = 3072

// MakeCertificate makes a self-signed certificate with a new RSA key: Entra
// takes no other keys for an application (Entra: certificate-credentials). It
// is valid from five minutes ago, because clocks differ, for the lifetime.
func MakeCertificate(name string, lifetime time.Duration) (Certificate, error) {
	return makeCertificate(name, lifetime, keyBits, time.Now())
}

func makeCertificate(name string, lifetime time.Duration, bits int, now time.Time) (Certificate, error) {
	fail := func(err error) (Certificate, error) {
		return Certificate{}, fmt.Errorf("make a certificate for %q: %w", name, err)
	}
	if strings.TrimSpace(name) == "" || len(name) > 64 {
		return fail(errors.New("the name must have 1 to 64 bytes")) // X.520 bounds a common name
	}
	if lifetime < time.Hour || lifetime > maxLifetime {
		return fail(fmt.Errorf("a lifetime of %v is not between an hour and two years", lifetime))
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return fail(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return fail(err)
	}
	from := now.UTC().Truncate(time.Second).Add(-5 * time.Minute)
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             from,
		NotAfter:              from.Add(lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		SignatureAlgorithm:    x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return fail(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fail(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail(err)
	}
	var text bytes.Buffer
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: private}} {
		if err := pem.Encode(&text, block); err != nil {
			return fail(err)
		}
	}
	return Certificate{X509: cert, PEM: tributary.NewSecret(text.String())}, nil
}

// Thumbprint is a certificate's SHA-1 in hex, as the Entra admin center shows
// it and finds it by. Nothing rests on its strength.
func Thumbprint(cert *x509.Certificate) string {
	sum := sha1.Sum(cert.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// leaf is the certificate of an application's PEM that belongs to its key.
func leaf(app tributary.App) (*x509.Certificate, error) {
	certs, key, err := azidentity.ParseCertificates([]byte(app.Certificate.Reveal()), nil) // read here, never kept
	if err != nil {
		return nil, errors.New("the application's certificate is not a PEM file with certificate and key")
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the application's key is not an RSA key")
	}
	for _, cert := range certs {
		if public, ok := cert.PublicKey.(*rsa.PublicKey); ok && public.Equal(&private.PublicKey) {
			return cert, nil
		}
	}
	return nil, errors.New("the application's key doesn't belong to its certificate")
}

// checkCertificate reports why Entra wouldn't take a certificate.
func checkCertificate(cert *x509.Certificate, now time.Time) error {
	public, ok := cert.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return errors.New("the certificate's key is not an RSA key, and Entra takes no other")
	case public.N.BitLen() < 2048:
		return fmt.Errorf("the certificate's key has %d bits, and Entra wants 2048 at least", public.N.BitLen())
	case !now.Before(cert.NotAfter):
		return fmt.Errorf("the certificate expired on %s", cert.NotAfter.Format(time.DateOnly))
	}
	return nil
}
