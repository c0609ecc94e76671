package entra

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tributary"
)

// The assertion is checked as Entra documents it, for both ways in.
func TestCertificateAssertion(t *testing.T) {
	t.Parallel()
	pemText, cert := keyPair()
	for _, auth := range []tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated} {
		t.Run(string(auth), func(t *testing.T) {
			t.Parallel()
			var b *bench
			b = newBench(t, auth, func(path string, form url.Values) reply {
				if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
					t.Errorf("assertion type %q", form.Get("client_assertion_type"))
				}
				now := b.clock.now()
				options := []jwt.ParserOption{
					jwt.WithValidMethods([]string{"PS256"}), jwt.WithAudience(b.fake.srv.URL + v2token),
					jwt.WithIssuer(clientID), jwt.WithSubject(clientID), jwt.WithExpirationRequired(),
				}
				if auth == tributary.AuthDelegated { // MSAL signs by the real clock
					options = append(options, jwt.WithTimeFunc(func() time.Time { return now }))
				}
				token, err := jwt.Parse(form.Get("client_assertion"), func(*jwt.Token) (any, error) { return cert.PublicKey, nil }, options...)
				if err != nil {
					t.Errorf("the assertion: %v", err)
					return reply{status: 401, body: "{}"}
				}
				sum := sha256.Sum256(cert.Raw)
				thumbprint, _ := token.Header["x5t#S256"].(string)
				if strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(thumbprint), "=") != base64.RawURLEncoding.EncodeToString(sum[:]) {
					t.Errorf("thumbprint %q", thumbprint)
				}
				if claims := token.Claims.(jwt.MapClaims); claims["jti"] == nil || claims["nbf"] == nil {
					t.Errorf("claims: %v", claims)
				}
				return numbered(3599)(path, form)
			})
			// The certificate goes before the secret.
			b.app.Certificate = tributary.NewSecret(pemText)
			b.grants.set("contoso", tributary.Grant{RefreshToken: tributary.NewSecret("refresh-1"), ClientID: clientID})
			b.get(t, graph)
		})
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	t.Parallel()
	pemText, _ := keyPair()
	certOnly := pemText[:strings.Index(pemText, "-----BEGIN PRIVATE")]
	ecCert, ecKey := ecKeyPair(t)
	tests := []struct {
		name   string
		change func(*bench)
		code   string
		says   string
	}{
		{"no credential", func(b *bench) { b.app.ClientSecret = tributary.Secret{} }, tributary.CodeCredential, "neither a secret nor a certificate"},
		{"no PEM", func(b *bench) { b.app.Certificate = tributary.NewSecret("hello") }, tributary.CodeCredential, "certificate"},
		{"no key", func(b *bench) { b.app.Certificate = tributary.NewSecret(certOnly) }, tributary.CodeCredential, "private key"},
		{"key of another kind", func(b *bench) { b.app.Certificate = tributary.NewSecret(certOnly + ecKey) }, tributary.CodeCredential, "not an RSA key"},
		{"key of another certificate", func(b *bench) { b.app.Certificate = tributary.NewSecret(ecCert + pemText[len(certOnly):]) }, tributary.CodeCredential, "doesn't belong to the certificate"},
		{"domain for id", func(b *bench) { b.tenant.ID = "contoso.com" }, CodeSettings, "not a GUID"},
		{"plain http", func(b *bench) {
			b.cfg.Cloud = func(tributary.Tenant) (tributary.Cloud, *http.Client, error) {
				return tributary.Cloud{Login: "http://user:hunter2hunter2@127.0.0.1:1"}, nil, nil
			}
		}, CodeSettings, "https"},
		{"no cloud", func(b *bench) {
			b.cfg.Cloud = func(tributary.Tenant) (tributary.Cloud, *http.Client, error) {
				return tributary.Cloud{}, nil, errors.New("no cloud is called gov")
			}
		}, CodeSettings, "no cloud is called gov"},
		{"no app", func(b *bench) {
			b.cfg.App = func(tributary.Tenant) (tributary.App, error) {
				return tributary.App{}, errors.New("no app is called own")
			}
		}, CodeSettings, "no app is called own"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tributary.AuthAppOnly, numbered(3599))
			tt.change(b)
			e := b.refused(t, graph)
			if e.Code != tt.code || e.Fix != tributary.FixMSSP || !strings.Contains(e.Error(), tt.says) {
				t.Errorf("got %s, %s: %v", e.Code, e.Fix, e)
			}
			if strings.Contains(e.Error(), "hunter2") {
				t.Errorf("the password is shown: %v", e)
			}
			if n := len(b.fake.log.all()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
	b := newBench(t, tributary.AuthAppOnly, numbered(3599))
	b.refused(t, "")
}

// ecKeyPair is a certificate of the kind that Entra doesn't take.
func ecKeyPair(t *testing.T) (cert, private string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(8), NotBefore: time.Unix(1, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
