package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writePair writes a certificate and its key, as a renewal does.
func writePair(t *testing.T, cert, key string, serial int64, at time.Time) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "connect.example.com"},
		NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour), DNSNames: []string{"connect.example.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCertificateRenewed exchanges the files under the running listener.
func TestCertificateRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := &certificateFiles{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), log: slog.New(slog.DiscardHandler)}
	if _, err := f.get(nil); err == nil {
		t.Fatal("there are no files yet")
	}
	serial := func() int64 {
		t.Helper()
		f.looked = time.Time{} // as if it were long ago
		pair, err := f.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.Int64()
	}
	now := time.Now()
	writePair(t, f.cert, f.key, 1, now)
	if got := serial(); got != 1 {
		t.Errorf("certificate %d", got)
	}
	writePair(t, f.cert, f.key, 2, now.Add(time.Minute))
	if got := serial(); got != 2 {
		t.Errorf("certificate %d after the renewal", got)
	}
	// Half of a renewal: the old one stays, and the other half is waited for.
	if err := os.WriteFile(f.cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 {
		t.Errorf("certificate %d while the files don't fit", got)
	}
	writePair(t, f.cert, f.key, 3, now.Add(2*time.Minute))
	if got := serial(); got != 3 {
		t.Errorf("certificate %d in the end", got)
	}
}
