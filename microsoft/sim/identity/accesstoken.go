package identity

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what an API reads out of a good access token.
type Claims struct {
	TenantID string
	Audience string // App ID URI of the resource
	ClientID string
	User     string   // user principal name; empty for an application's own token
	ObjectID string   // of the user, or of the application's service principal
	Roles    []string // application permissions
	Scopes   []string // delegated permissions
	Expires  time.Time
}

// Why an access token is refused.
var (
	ErrTokenExpired = errors.New("the access token has expired")
	ErrTokenInvalid = errors.New("the access token is not one of ours or was changed")
)

// bearer is whom and what an access token is for.
type bearer struct {
	version  version
	base     string
	tenant   *Tenant
	app      *App
	proof    string   // how the application proved itself: "0" not at all, "1" secret, "2" certificate
	user     *account // nil: the application itself
	resource string
	grants   []string // scopes of a person, roles of an application
	nonce    string
}

// leeway is how far before its issue a token claims to begin, as Entra's do,
// so that an API whose clock is a little behind takes it.
const leeway = 5 * time.Minute

// appTokenLife is what Microsoft's documents show for app-only tokens.
const appTokenLife = 3599 * time.Second

// life draws how long a token lives.
func (s *Server) life(b bearer) time.Duration {
	if s.lifetime > 0 {
		return s.lifetime
	}
	if b.user == nil {
		return appTokenLife
	}
	draw := splitmix(s.seed + s.draws.Add(1))
	return time.Hour + time.Duration(draw%1800)*time.Second
}

// splitmix spreads a number's bits (the SplitMix64 finaliser).
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// accessToken signs an access token. It returns when the token begins and ends.
func (s *Server) accessToken(b bearer) (token string, begins, ends time.Time, err error) {
	number := s.issued.Add(1)
	now := s.now().Truncate(time.Second)
	begins, ends = now.Add(-leeway), now.Add(s.life(b))
	claims := jwt.MapClaims{
		"aud": b.resource,
		"iss": b.version.issuer(b.base, b.tenant.ID),
		"iat": begins.Unix(),
		"nbf": begins.Unix(),
		"exp": ends.Unix(),
		"tid": b.tenant.ID,
		"uti": tokenID(number),
	}
	if b.version == v1 {
		claims["ver"], claims["appid"], claims["appidacr"] = "1.0", b.app.ClientID, b.proof
		claims["app_displayname"] = b.app.DisplayName
	} else {
		claims["ver"], claims["azp"], claims["azpacr"] = "2.0", b.app.ClientID, b.proof
	}
	if b.user == nil {
		id := objectID(b.tenant.ID, "app:"+b.app.ClientID)
		claims["oid"], claims["sub"], claims["idtyp"] = id, id, "app"
		if len(b.grants) > 0 {
			claims["roles"] = b.grants
		}
	} else {
		claims["idtyp"] = "user"
		claims["scp"] = strings.Join(b.grants, " ")
		person(claims, b)
	}
	token, err = s.key.sign(claims)
	return token, begins, ends, err
}

// idToken signs what the application may know of the person.
func (s *Server) idToken(b bearer, begins, ends time.Time) (string, error) {
	claims := jwt.MapClaims{
		"aud": b.app.ClientID,
		"iss": b.version.issuer(b.base, b.tenant.ID),
		"iat": begins.Unix(),
		"nbf": begins.Unix(),
		"exp": ends.Unix(),
		"tid": b.tenant.ID,
		"ver": map[version]string{v1: "1.0", v2: "2.0"}[b.version],
		"uti": tokenID(s.issued.Add(1)),
	}
	if b.nonce != "" {
		claims["nonce"] = b.nonce
	}
	person(claims, b)
	return s.key.sign(claims)
}

// person adds who signed in. The subject differs from application to
// application; the object id from tenant to tenant.
func person(claims jwt.MapClaims, b bearer) {
	claims["oid"] = b.user.objectID(b.tenant)
	claims["sub"] = objectID(b.tenant.ID, "sub:"+b.app.ClientID+":"+strings.ToLower(b.user.name))
	claims["name"], _, _ = strings.Cut(b.user.name, "@")
	if b.version == v1 {
		claims["upn"], claims["unique_name"] = b.user.name, b.user.name
		claims["amr"] = []string{"pwd"}
	} else {
		claims["preferred_username"] = b.user.name
	}
	if b.user.home.ID != b.tenant.ID {
		claims["idp"] = b.version.issuer(b.base, b.user.home.ID) // a guest
	}
}

// clientInfo is what MSAL names an account by: the person at home.
func clientInfo(user account) string {
	text := `{"uid":"` + user.objectID(user.home) + `","utid":"` + user.home.ID + `"}`
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// tokenID writes a token's number as a `uti`, which is as long as Entra's.
func tokenID(number int64) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(number))
	// Read never fails (crypto/rand).
	_, _ = rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func tokenNumber(id string) (int64, bool) {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) != 16 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b[:8])), true
}

// accessClaims is an access token's content.
type accessClaims struct {
	jwt.RegisteredClaims
	TenantID string   `json:"tid"`
	AppID    string   `json:"appid"`
	AZP      string   `json:"azp"`
	Kind     string   `json:"idtyp"`
	Scope    string   `json:"scp"`
	Roles    []string `json:"roles"`
	UPN      string   `json:"upn"`
	Username string   `json:"preferred_username"`
	UTI      string   `json:"uti"`
	OID      string   `json:"oid"`
}

// Verify checks an access token ("Bearer " in front of it is allowed): our
// signature, its time by the server's clock, and that [Server.ExpireTokens] has
// not ended it. The error is [ErrTokenExpired] or [ErrTokenInvalid].
func (s *Server) Verify(bearer string) (Claims, error) {
	c, err := s.verify(bearer)
	if err != nil {
		return Claims{}, err
	}
	out := Claims{
		TenantID: c.TenantID, Audience: c.Audience[0], ClientID: c.AppID + c.AZP, User: c.UPN + c.Username,
		ObjectID: c.OID, Roles: c.Roles, Scopes: strings.Fields(c.Scope), Expires: c.ExpiresAt.Time,
	}
	return out, nil
}

func (s *Server) verify(bearer string) (accessClaims, error) {
	if scheme, rest, ok := strings.Cut(bearer, " "); ok && strings.EqualFold(scheme, "Bearer") {
		bearer = rest
	}
	var c accessClaims
	_, err := jwt.ParseWithClaims(bearer, &c, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != s.key.kid {
			return nil, ErrTokenInvalid
		}
		return s.key.private.Public(), nil
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.now), jwt.WithExpirationRequired())
	if errors.Is(err, jwt.ErrTokenExpired) {
		return accessClaims{}, ErrTokenExpired
	}
	// Only access tokens say what kind they are: an ID token opens no API.
	number, ok := tokenNumber(c.UTI)
	if err != nil || !ok || len(c.Audience) != 1 || c.Kind == "" {
		return accessClaims{}, ErrTokenInvalid
	}
	s.revocation.RLock()
	defer s.revocation.RUnlock()
	if number <= s.tokensFrom[c.TenantID] {
		return accessClaims{}, ErrTokenExpired
	}
	return c, nil
}

// ExpireTokens ends every access token issued for the tenant so far: the APIs
// refuse them as expired, while the client still believes them good.
func (s *Server) ExpireTokens(tenantID string) {
	if t := s.tenant(tenantID); t != nil {
		s.revocation.Lock()
		defer s.revocation.Unlock()
		s.tokensFrom[t.ID] = s.issued.Load()
	}
}

// RevokeGrants ends every refresh token that was issued in the tenant so far,
// as an administrator's "revoke sessions" does: using one is AADSTS50173.
func (s *Server) RevokeGrants(tenantID string) {
	if t := s.tenant(tenantID); t != nil {
		s.revocation.Lock()
		defer s.revocation.Unlock()
		s.grantsFrom[t.ID] = s.issued.Load()
	}
}

// random returns an unguessable name.
func random(bytes int) string {
	b := make([]byte, bytes)
	// Read never fails (crypto/rand).
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
