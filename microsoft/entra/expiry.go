package entra

import (
	"time"

	"tributary"
)

// CertificateEnd is when an application's certificate stops being good. An
// application without one gives the zero time. The end of a client secret is
// known to the directory alone.
func CertificateEnd(app tributary.App) (time.Time, error) {
	if app.Certificate.IsZero() {
		return time.Time{}, nil
	}
	certs, key, err := certificate(app)
	if err != nil {
		return time.Time{}, err
	}
	return signer(certs, key).NotAfter, nil
}
