package directory

import (
	"crypto/x509"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tributary/microsoft/sim/identity"
)

// proofAudience is what a proof of possession is for: Azure AD Graph, whatever
// the API that takes it (Graph: application-rollkey-prooftoken).
const proofAudience = "00000002-0000-0000-c000-000000000000"

// proofLife is how long a proof may say that it lives.
const proofLife = 10 * time.Minute

// clockLeeway is by how much a caller's clock may differ.
const clockLeeway = 5 * time.Minute

// proved reports whether the body's proof shows that the caller holds the key
// of one of the application's valid certificates. Where it returns false it has
// answered.
func (c *call) proved(a identity.App, f fields) bool {
	var proof string
	if err := f.to("proof", &proof); err != nil || proof == "" {
		c.bad("A value is required for property 'proof'.")
		return false
	}
	now := c.Now()
	for _, k := range a.Keys {
		if now.Before(k.Start) || !now.Before(k.End) {
			continue
		}
		if proves(proof, k.Certificate, a.ObjectID, now) {
			return true
		}
	}
	c.refuse(http.StatusUnauthorized, "Authentication_MissingOrMalformed", "Access Token missing or malformed.")
	return false
}

func proves(proof string, cert *x509.Certificate, objectID string, now time.Time) bool {
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(proof, &claims, func(*jwt.Token) (any, error) { return cert.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256", "PS256"}), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithLeeway(clockLeeway),
		jwt.WithExpirationRequired(), jwt.WithIssuer(objectID))
	return err == nil && slices.Equal(claims.Audience, jwt.ClaimStrings{proofAudience}) &&
		claims.NotBefore != nil && claims.ExpiresAt.Sub(claims.NotBefore.Time) <= proofLife
}
