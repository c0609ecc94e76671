package identity

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	l.Consent(adatum, multiApp)
	ask := func(tenant string) string {
		t.Helper()
		return l.good(l.appOnly(tenant, "client_id", multiApp, "client_secret", secret)).text("access_token")
	}
	token := ask(contoso)
	for _, form := range []string{token, "Bearer " + token, "bearer " + token} {
		if _, err := l.Verify(form); err != nil {
			t.Errorf("%v", err)
		}
	}
	parts := strings.Split(token, ".")
	other := strings.Split(ask(adatum), ".")
	stranger, err := newSigningKey(l.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{"aud": graph, "exp": l.clock.Now().Add(time.Hour).Unix(), "tid": contoso, "uti": tokenID(1 << 60), "idtyp": "app"}
	foreign, err := stranger.sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	renamed := *stranger
	renamed.kid = l.key.kid
	forged, err := renamed.sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty": "", "garbage": "x", "another's payload": parts[0] + "." + other[1] + "." + parts[2],
		"foreign key": foreign, "foreign key under our name": forged, "unsigned": unsigned, "cut": token[:len(token)-5], "basic": "Basic " + token,
	} {
		if _, err := l.Verify(bad); !errors.Is(err, ErrTokenInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}

	l.clock.Add(appTokenLife - time.Second)
	if _, err := l.Verify(token); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	l.clock.Add(2 * time.Second)
	if _, err := l.Verify(token); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("after its end: %v", err)
	}
}

func TestExpireTokens(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	l.Consent(adatum, multiApp)
	ask := func(tenant string) string {
		t.Helper()
		return l.good(l.appOnly(tenant, "client_id", multiApp, "client_secret", secret)).text("access_token")
	}
	before, elsewhere := ask(contoso), ask(adatum)
	l.ExpireTokens(contoso)
	l.ExpireTokens("nowhere.example")
	after := ask(contoso)
	if _, err := l.Verify(before); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("before: %v", err)
	}
	for _, token := range []string{elsewhere, after} {
		if _, err := l.Verify(token); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	token := l.refreshToken(bob, contoso)
	seen := map[time.Duration]bool{}
	for range 20 {
		left := l.claims(l.refresh(contoso, token)).Expires.Sub(l.clock.Now().Truncate(time.Second))
		if left < time.Hour || left >= 90*time.Minute {
			t.Errorf("a person's token lives %v", left)
		}
		seen[left] = true
	}
	if len(seen) < 10 {
		t.Errorf("%d different lifetimes of 20", len(seen))
	}
	short := newLab(t, func(o *Options) { o.TokenLifetime = time.Minute })
	short.Consent(contoso, multiApp)
	a := short.good(short.appOnly(contoso, "client_id", multiApp, "client_secret", secret))
	if got := short.claims(a).Expires.Sub(short.clock.Now().Truncate(time.Second)); got != time.Minute {
		t.Errorf("configured: %v", got)
	}
}

func BenchmarkClientCredentials(b *testing.B) {
	o := options()
	o.Now = time.Now
	s, err := newServer(o, signing())
	if err != nil {
		b.Fatal(err)
	}
	s.Consent(contoso, multiApp)
	form := values("grant_type", "client_credentials", "client_id", multiApp, "client_secret", secret, "scope", graph+"/.default").Encode()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/"+contoso+"/oauth2/v2.0/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
