package config_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/config"
)

// authority is a CA of its own and one certificate that it gave.
type authority struct {
	pem       []byte
	cert, key []byte // of a server on 127.0.0.1, in PEM
}

var newAuthority = sync.OnceValue(func() authority {
	must := func(data []byte, err error) []byte {
		if err != nil {
			panic(err)
		}
		return data
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := func(name string, ca bool) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: ca, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
	}
	ca := template("test CA", true)
	caDER := must(x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	leaf := must(x509.CreateCertificate(rand.Reader, template("test server", false), ca, key.Public(), caKey))
	return authority{
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}),
	}
})

func testCA(t *testing.T) []byte {
	t.Helper()
	return newAuthority().pem
}

// selfSigned is a certificate and its key in one PEM file, as an application
// registration uses it.
func selfSigned(key crypto.Signer) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// newAppCertificate is the certificate file of an application.
var newAppCertificate = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return selfSigned(key)
})

func TestCertificateFile(t *testing.T) {
	t.Parallel()
	otherKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := newAppCertificate()
	cert, key, _ := strings.Cut(good, "-----BEGIN PRIVATE KEY")
	_, foreign, _ := strings.Cut(selfSigned(otherKey), "-----BEGIN PRIVATE KEY")
	key, foreign = "-----BEGIN PRIVATE KEY"+key, "-----BEGIN PRIVATE KEY"+foreign
	for _, c := range []struct {
		name, pem, err string
	}{
		{"certificate and key", good, ""},
		{"key first", key + cert, ""},
		{"no key", cert, "does not hold a certificate and its key"},
		{"no certificate", key, "does not hold a certificate and its key"},
		{"another's key", cert + foreign, "private key does not match public key"},
		{"elliptic curve", selfSigned(ecKey), "not an RSA key"},
		{"encrypted key", cert + strings.ReplaceAll(key, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "the key is encrypted"},
		{"old encrypted key", cert + strings.Replace(key, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1), "the key is encrypted"},
	} {
		got, err := config.Parse("tributary.yaml", []byte("app: { client_id: "+clientID+", certificate_file: app.pem }"), noEnv,
			func(string) ([]byte, error) { return []byte(c.pem), nil })
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if app, _ := got.App(""); app.Certificate.Reveal() != c.pem {
			t.Errorf("%s: certificate is not the file's", c.name)
		}
	}
}
