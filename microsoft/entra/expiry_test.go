package entra

import (
	"testing"
	"time"

	"tributary"
)

func TestCertificateEnd(t *testing.T) {
	t.Parallel()
	text, cert := keyPair()
	got, err := CertificateEnd(tributary.App{Certificate: tributary.NewSecret(text)})
	if err != nil || !got.Equal(cert.NotAfter) || !got.Equal(time.Unix(1<<33, 0)) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := CertificateEnd(tributary.App{ClientSecret: tributary.NewSecret("s")}); err != nil || !got.IsZero() {
		t.Errorf("a secret: %v, %v", got, err)
	}
	_, err = CertificateEnd(tributary.App{Certificate: tributary.NewSecret("no PEM")})
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeCredential {
		t.Errorf("no certificate: %v", err)
	}
}
