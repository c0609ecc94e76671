package identity

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// federationTimeout bounds the look at another identity provider.
const federationTimeout = 5 * time.Second

// federated reports whether an assertion is another identity provider's token
// and not one that the application signed itself.
func federated(assertion string) (jwt.RegisteredClaims, bool) {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(assertion, &claims); err != nil {
		return claims, false
	}
	u, err := url.Parse(claims.Issuer)
	return claims, err == nil && u.Host != ""
}

// checkFederated takes another identity provider's token for a credential, if
// the registration says so (Entra: workload-identity-federation). Its keys are
// fetched from the issuer by OpenID discovery.
func (s *Server) checkFederated(ctx context.Context, assertion string, claims jwt.RegisteredClaims, app *App) *Error {
	if !slices.ContainsFunc(app.Federated, func(f FederatedCredential) bool {
		return f.Issuer == claims.Issuer && f.Subject == claims.Subject && slices.Equal([]string(claims.Audience), f.Audiences)
	}) {
		return AADSTS(70021).say("No matching federated identity record found for presented assertion. Assertion Issuer: '%s'. Assertion Subject: '%s'. Assertion Audience: '%s'.",
			claims.Issuer, claims.Subject, strings.Join(claims.Audience, " "))
	}
	keys, err := s.issuerKeys(ctx, claims.Issuer)
	if err != nil {
		return AADSTS(50012).say("The keys of the issuer '%s' can't be read: %s.", claims.Issuer, err)
	}
	_, err = jwt.Parse(assertion, func(t *jwt.Token) (any, error) {
		if key := keys[fmt.Sprint(t.Header["kid"])]; key != nil {
			return key, nil
		}
		return nil, errors.New("the issuer has no key of that id")
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.now), jwt.WithLeeway(leeway), jwt.WithExpirationRequired())
	switch {
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return AADSTS(700024)
	case err != nil:
		return AADSTS(700027).say("The assertion of '%s' failed signature validation.", claims.Issuer)
	}
	return nil
}

// issuerKeys reads an issuer's RSA keys by their ids. Only issuers on this
// machine are asked: a simulator has no business elsewhere.
func (s *Server) issuerKeys(ctx context.Context, issuer string) (map[string]*rsa.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, federationTimeout)
	defer cancel()
	var metadata struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := s.fetch(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &metadata); err != nil {
		return nil, err
	}
	if metadata.Issuer != issuer {
		return nil, errors.New("the metadata speaks of another issuer")
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := s.fetch(ctx, metadata.Keys, &set); err != nil {
		return nil, err
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		if key, ok := k.public(); ok {
			keys[k.KeyID] = key
		}
	}
	return keys, nil
}

// public is an RSA key, if it is one.
func (k jwk) public() (*rsa.PublicKey, bool) {
	n, errN := base64.RawURLEncoding.DecodeString(k.N)
	e, errE := base64.RawURLEncoding.DecodeString(k.E)
	if k.KeyType != "RSA" || errN != nil || errE != nil || len(n) < 256 || len(n) > 1024 || len(e) == 0 || len(e) > 4 {
		return nil, false
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, true
}

func (s *Server) fetch(ctx context.Context, address string, to any) error {
	u, err := url.Parse(address)
	if err != nil || !isLoopback(u.Hostname()) {
		return errors.New("the address is not on this machine")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	client := *s.federation
	// A redirect could lead off this machine.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, bodyLimit)).Decode(to)
}
