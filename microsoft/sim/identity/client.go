package identity

import (
	"crypto/sha1" //nolint:gosec // x5t is defined as a SHA-1 thumbprint
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// client is the application of a token request, and how it proved itself.
type client struct {
	app   *App
	proof string // "0" not at all, "1" secret, "2" certificate: appidacr and azpacr
}

// credentials are what a token request sends to prove the application.
type credentials struct {
	id, secret, assertion, assertionType string
}

// credentialsOf reads them from the form, or from HTTP Basic, whose parts are
// form-encoded themselves (RFC 6749 2.3.1).
func credentialsOf(r *http.Request) credentials {
	f := r.PostForm
	c := credentials{
		id: f.Get("client_id"), secret: f.Get("client_secret"),
		assertion: f.Get("client_assertion"), assertionType: f.Get("client_assertion_type"),
	}
	if user, password, ok := r.BasicAuth(); ok {
		if id, err := url.QueryUnescape(user); err == nil && c.id == "" {
			c.id = id
		}
		if secret, err := url.QueryUnescape(password); err == nil && c.secret == "" {
			c.secret = secret
		}
	}
	if c.id == "" && c.assertion != "" {
		// The assertion names the client too; what it says is proved below.
		var claims jwt.RegisteredClaims
		if _, _, err := jwt.NewParser().ParseUnverified(c.assertion, &claims); err == nil {
			c.id = claims.Subject
		}
	}
	return c
}

// grantFor is on whose behalf an application asks for a token, which decides
// about the credential that it needs.
type grantFor int

const (
	forPerson grantFor = iota
	forItself          // the application must have a credential, and be in the tenant already
	forNative          // a person who was answered at a redirect URI of a public client
)

// authenticate finds the application of a token request and checks its
// credential. For a person, consent is looked at later.
func (s *Server) authenticate(r *http.Request, p place, v version, whose grantFor) (client, *Error) {
	c := credentialsOf(r)
	if c.id == "" {
		return client{}, missing("client_id")
	}
	app := s.app(c.id)
	if app == nil {
		return client{}, notFound(c.id, p)
	}
	if p.any() && !app.MultiTenant {
		return client{}, AADSTS(50194).say("Application '%s' is not configured as a multi-tenant application. Use its own tenant's endpoint.", app.ClientID)
	}
	if !p.any() && !app.MultiTenant && p.tenant.ID != app.HomeTenant {
		return client{}, notFound(c.id, p)
	}
	if whose == forItself && !s.installed(p.tenant, app) {
		return client{}, notFound(c.id, p)
	}
	switch {
	case c.secret == "" && c.assertion == "":
		if whose == forItself || whose == forPerson && !app.Public {
			return client{}, AADSTS(7000218).say("The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
		}
		return client{app, "0"}, nil
	case whose == forNative, whose == forPerson && !app.hasCredential() && app.Public:
		return client{}, AADSTS(700025)
	case c.assertion != "":
		if c.assertionType != assertionType {
			return client{}, AADSTS(50027).say("The client_assertion_type is not %s.", assertionType)
		}
		e := (*Error)(nil)
		if claims, ok := federated(c.assertion); ok {
			e = s.checkFederated(r.Context(), c.assertion, claims, app)
		} else {
			e = s.checkAssertion(c.assertion, app, s.audiences(r, v))
		}
		if e != nil {
			return client{}, e
		}
		return client{app, "2"}, nil
	}
	if e := app.checkSecret(c.secret, s.now()); e != nil {
		return client{}, e
	}
	return client{app, "1"}, nil
}

func notFound(clientID string, p place) *Error {
	directory := p.name
	if p.tenant != nil && p.tenant.DisplayName != "" {
		directory = p.tenant.DisplayName
	}
	return AADSTS(700016).say("Application with identifier '%s' was not found in the directory '%s'. The application may not have been installed by the tenant's administrator or consented to by a user of the tenant, or the request went to the wrong tenant.", clientID, directory)
}

// audiences are the names of the token endpoint that was called: by the path as
// called, and by the tenant's id where the path has its domain.
func (s *Server) audiences(r *http.Request, v version) []string {
	base := s.baseURL(r)
	list := []string{base + r.URL.Path}
	if t := s.tenant(r.PathValue("tenant")); t != nil {
		list = append(list, base+"/"+t.ID+v.path("token"))
	}
	return list
}

// checkAssertion verifies a client assertion (Entra:
// certificate-credentials).
func (s *Server) checkAssertion(assertion string, app *App, audiences []string) *Error {
	var claims jwt.RegisteredClaims
	var noKey string
	_, err := jwt.ParseWithClaims(assertion, &claims, func(t *jwt.Token) (any, error) {
		cert, problem := app.key(t.Header, s.now())
		if noKey = problem; noKey != "" {
			return nil, errors.New(noKey)
		}
		return cert.PublicKey, nil
	}, jwt.WithValidMethods([]string{"PS256", "RS256"}), jwt.WithTimeFunc(s.now), jwt.WithLeeway(leeway), jwt.WithExpirationRequired())
	switch {
	case noKey != "":
		return AADSTS(700027).say("The certificate with identifier used to sign the client assertion is not usable on application '%s'. [Reason - %s]", app.ClientID, noKey)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return AADSTS(700027)
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued),
		errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return AADSTS(700024)
	case err != nil:
		return AADSTS(50027)
	}
	if !strings.EqualFold(claims.Subject, app.ClientID) || !strings.EqualFold(claims.Issuer, app.ClientID) {
		return AADSTS(700021)
	}
	for _, aud := range claims.Audience {
		for _, ours := range audiences {
			if strings.EqualFold(aud, ours) {
				return nil
			}
		}
	}
	return AADSTS(700023)
}

// namesCertificate compares a JWT header's thumbprint with a certificate's.
// Entra takes base64url and plain base64, padded or not: MSAL sends the latter.
func namesCertificate(header map[string]any, cert *x509.Certificate) bool {
	if text, ok := header["x5t#S256"].(string); ok {
		sum := sha256.Sum256(cert.Raw)
		return sameThumbprint(text, sum[:])
	}
	if text, ok := header["x5t"].(string); ok {
		sum := sha1.Sum(cert.Raw)
		return sameThumbprint(text, sum[:])
	}
	return false
}

var toURLAlphabet = strings.NewReplacer("+", "-", "/", "_")

func sameThumbprint(text string, sum []byte) bool {
	got, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(toURLAlphabet.Replace(text), "="))
	return err == nil && subtle.ConstantTimeCompare(got, sum) == 1
}
