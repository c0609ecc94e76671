package sim

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"tributary"
)

// authority is the simulator's own certificate authority. It lives as long as
// the process and its key is kept nowhere.
type authority struct {
	pem  []byte
	pool *x509.CertPool
	leaf tls.Certificate
}

// validity is a span that holds by the simulator's clock and by the machine's:
// a peer's TLS library goes by the machine's, whatever clock a test injects. It
// begins a day early, for clients whose clock is behind.
func validity(now time.Time) (begin, end time.Time) {
	begin, end = time.Now(), time.Now()
	if now.Before(begin) {
		begin = now
	}
	if now.After(end) {
		end = now
	}
	return begin.Add(-24 * time.Hour), end.Add(2 * 365 * 24 * time.Hour)
}

// newAuthority makes the authority and the server's certificate for the local
// machine.
func newAuthority(now time.Time) (*authority, error) {
	begin, end := validity(now)
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority's key: %w", err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Simulated Microsoft CA"},
		NotBefore: begin, NotAfter: end, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the server's key: %w", err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: begin, NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("make the server's certificate: %w", err)
	}
	a := &authority{
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		pool: x509.NewCertPool(),
		leaf: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}
	a.pool.AppendCertsFromPEM(a.pem)
	return a, nil
}

// newAppCertificate makes the application's credential: a self-signed
// certificate with an RSA key, the only kind that Entra and its libraries take.
// The text is PEM, certificate and key.
func newAppCertificate(now time.Time) (*x509.Certificate, tributary.Secret, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, tributary.Secret{}, fmt.Errorf("make the application's key: %w", err)
	}
	begin, end := validity(now)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "SIEM MSSP Connector"},
		NotBefore: begin, NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), crypto.Signer(key))
	if err != nil {
		return nil, tributary.Secret{}, fmt.Errorf("make the application's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, tributary.Secret{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, tributary.Secret{}, err
	}
	var text bytes.Buffer
	for _, b := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := pem.Encode(&text, b); err != nil {
			return nil, tributary.Secret{}, err
		}
	}
	return cert, tributary.NewSecret(text.String()), nil
}
