package connect_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
	"tributary/connect"
)

// certificateUntil is an application's PEM whose certificate ends then.
func certificateUntil(t *testing.T, end time.Time) tributary.Secret {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tributary"}, NotBefore: end.Add(-365 * 24 * time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tributary.NewSecret(string(append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)))
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		c, _, store, _ := newKeeper(t)
		var tenants []tributary.Tenant
		for n, idle := range []time.Duration{95 * day, 0, 84 * day, 61 * day, 40 * day, -1} {
			tenant := customer(t, c, store, n, idle, tributary.AuthDelegated)
			if n == 1 {
				tenant.App = "gov"
			}
			tenants = append(tenants, tenant)
		}
		tenants = append(tenants, customer(t, c, store, 9, -1, tributary.AuthAppOnly))
		apps := []tributary.App{
			{Name: "", ClientSecret: tributary.NewSecret("s")},
			{Name: "gov", Certificate: certificateUntil(t, time.Now().Add(30*day+time.Second))},
			{Name: "none"},
		}
		list, err := c.Calendar(t.Context(), apps, tenants, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range list {
			got = append(got, fmt.Sprintf("%s|%s|%s|%d|%d|%s|%v|%s", e.Kind, e.App, e.Tenant, e.Tenants, e.Days, e.Urgency, e.Ends.IsZero(), e.Next))
		}
		const use = "tributary run uses it every few days; see with tributary tenant check "
		want := []string{
			"refresh token||t-0|1|-5|expired|false|sign in again: tributary tenant connect t-0",
			"refresh token||t-2|1|6|urgent|false|" + use + "t-2 whether it still works",
			"refresh token||t-3|1|29|soon|false|" + use + "t-3 whether it still works",
			"certificate|gov||1|30|ahead|false|add a new one in the Entra admin center, change certificate_file, then remove the old one",
			"refresh token||t-4|1|50|ahead|false|" + use + "t-4 whether it still works",
			"refresh token|gov|t-1|1|90|fine|false|",
			"client secret|||6|0|unknown|true|look in the Entra admin center, Certificates & secrets",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		_, err = c.Calendar(t.Context(), []tributary.App{{Certificate: tributary.NewSecret("no PEM")}}, nil, time.Now())
		if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeCredential {
			t.Errorf("a certificate that can't be read: %v", err)
		}
	})
}

var _ connect.Tenants = (*shelf)(nil)
