package directory

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"tributary"
)

func TestMakeCertificate(t *testing.T) {
	t.Parallel()
	made, err := MakeCertificate("Fabrikam alerts", 180*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", made.PEM, made.PEM, made.PEM), "KEY") {
		t.Error("the key is printed")
	}
	// The pair is one that a TLS stack, and so every reader of PEM, takes.
	text := []byte(made.PEM.Reveal())
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		t.Fatal(err)
	}
	cert := pair.Leaf
	if !cert.Equal(made.X509) || cert.Subject.CommonName != "Fabrikam alerts" || cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil {
		t.Errorf("the certificate is %+v", cert.Subject)
	}
	now := time.Now()
	if cert.NotBefore.After(now.Add(-4*time.Minute)) || cert.NotAfter.Sub(cert.NotBefore) != 180*24*time.Hour || checkCertificate(cert, now) != nil || cert.SerialNumber.Sign() <= 0 {
		t.Errorf("valid from %v to %v, serial %v", cert.NotBefore, cert.NotAfter, cert.SerialNumber)
	}
	if found, err := leaf(tributary.App{Certificate: made.PEM}); err != nil || !found.Equal(cert) {
		t.Errorf("its own reader: %v", err)
	}
	for name, lifetime := range map[string]time.Duration{"": time.Hour, strings.Repeat("x", 65): time.Hour, "short": time.Minute, "long": 3 * 365 * 24 * time.Hour} {
		if _, err := MakeCertificate(name, lifetime); err == nil {
			t.Errorf("%q for %v was made", name, lifetime)
		}
	}
}

func TestCertificatesThatEntraDoesNotTake(t *testing.T) {
	t.Parallel()
	weak, err := makeCertificate("weak", time.Hour, 1024, noon)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: noon.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	for name, cert := range map[string]*x509.Certificate{"1024 bits": weak.X509, "elliptic": curve} {
		if checkCertificate(cert, noon) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if checkCertificate(testCertificate().X509, noon.AddDate(1, 0, 0)) == nil {
		t.Error("an expired one is taken")
	}
	for _, text := range []string{"", "nonsense " + secretPart, strings.Split(testCertificate().PEM.Reveal(), "-----BEGIN PRIVATE")[0]} {
		if _, err := leaf(tributary.App{Certificate: tributary.NewSecret(text)}); err == nil || strings.Contains(err.Error(), secretPart) {
			t.Errorf("a PEM without a pair: %v", err)
		}
	}
}

// TestThumbprintOf reads the forms that customKeyIdentifier is found in.
func TestThumbprintOf(t *testing.T) {
	t.Parallel()
	want := Thumbprint(testCertificate().X509)
	sum, err := hex.DecodeString(want)
	if err != nil || len(sum) != 20 {
		t.Fatal(want)
	}
	for _, text := range []string{base64.StdEncoding.EncodeToString(sum), want, strings.ToLower(want), base64.StdEncoding.EncodeToString([]byte(want))} {
		if got := thumbprintOf(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	for _, text := range []string{"", "AAAA", "a name", base64.StdEncoding.EncodeToString([]byte("a name"))} {
		if got := thumbprintOf(text); got != "" {
			t.Errorf("%s: %s", text, got)
		}
	}
}
