package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync/atomic"
	"time"
)

// code is an authorization code and all that it is bound to.
type code struct {
	version         version
	client          string
	tenant          *Tenant
	user            account
	redirect        string // where it was sent
	redirectNamed   bool   // by the request, not chosen by us
	native          bool   // registered for a public client, not for the web
	resource, scope string // as asked for at v1, v2
	nonce           string
	since           time.Time // when the person signed in
	challenge       string    // PKCE; empty: none
	plain           bool      // the challenge is the verifier itself
	expires         time.Time
	used            atomic.Bool
}

// newCode keeps a code for the flow and returns its name.
func (s *Server) newCode(f *flow) string {
	name := "1.A" + random(48)
	s.codes.put(name, &code{
		version: f.version, client: f.app.ClientID, tenant: f.tenant, user: *f.user, redirect: f.redirect, redirectNamed: f.sentRedirect != "", native: f.app.native(f.redirect),
		resource: f.resource, scope: f.scope, nonce: f.nonce, since: f.since, challenge: f.challenge, plain: f.plain,
		expires: s.now().Add(codeLife),
	})
	return name
}

// redeemCode is the authorization_code grant.
func (s *Server) redeemCode(r *http.Request, p place, v version) (map[string]any, *Error) {
	name := r.PostForm.Get("code")
	if name == "" {
		return nil, missing("code")
	}
	c, ok := s.codes.get(name)
	whose := forPerson
	if ok && c.native {
		whose = forNative
	}
	cl, e := s.authenticate(r, p, v, whose)
	if e != nil {
		return nil, e
	}
	if !ok || c.client != cl.app.ClientID || c.version != v {
		return nil, AADSTS(70000).say("The provided value for the 'code' parameter is not valid.")
	}
	if s.reaches(p, c.user).ID != c.tenant.ID {
		return nil, AADSTS(700005).say("The provided authorization code is intended to be used against another tenant: it was issued in '%s'.", c.tenant.ID)
	}
	if sent := r.PostForm.Get("redirect_uri"); sent == "" && c.redirectNamed {
		return nil, missing("redirect_uri")
	} else if sent != "" && !sameRedirect(sent, c.redirect, false) {
		return nil, AADSTS(500112).say("The reply address '%s' does not match the reply address '%s' given when the code was requested.", sent, c.redirect)
	}
	if e := c.checkVerifier(r.PostForm.Get("code_verifier")); e != nil {
		return nil, e
	}
	if sent := r.PostForm.Get("resource"); sent != "" && c.resource != "" && apiKey(sent) != apiKey(c.resource) {
		return nil, AADSTS(70000).say("The resource '%s' is not the one that the code was requested for.", sent)
	}
	q, last, e := s.want(r, v, cl.app, c.tenant, c.resource, c.scope)
	if e != nil {
		return nil, e
	}
	if !s.now().Before(c.expires) {
		return nil, s.expiredGrant(v)
	}
	if c.used.Swap(true) {
		return nil, AADSTS(54005)
	}
	first, e := s.consented(v, cl.app, c.tenant, c.scope)
	if e != nil {
		return nil, e
	}
	return s.personTokens(r, grantee{
		version: v, client: cl, user: c.user, tenant: c.tenant, request: q, last: last, nonce: c.nonce, since: c.since, native: c.native,
		keep:   v == v1 || first.wants("offline_access") || q.wants("offline_access"),
		openID: v == v1 || first.wants("openid") || q.wants("openid"),
	})
}

// consented reads the OpenID scopes of the authorization request.
func (s *Server) consented(v version, app *App, tenant *Tenant, scope string) (request, *Error) {
	if v == v1 || scope == "" {
		return request{}, nil
	}
	return s.parseScope(scope, app, tenant.DisplayName)
}

// reaches is the tenant that a path means for a person: the one it names, or
// their home.
func (s *Server) reaches(p place, user account) *Tenant {
	if p.any() {
		return s.tenant(user.home.ID)
	}
	return p.tenant
}

// expiredGrant words an expired code: v1 has two numbers in one body.
func (s *Server) expiredGrant(v version) *Error {
	if v == v1 {
		return AADSTS(70002).named(invalidGrant).with(AADSTS(70008)).status(http.StatusBadRequest)
	}
	return AADSTS(70008)
}

// checkVerifier is PKCE's proof (RFC 7636). A verifier without a challenge is
// refused as well: somebody stripped the challenge from the first request.
func (c *code) checkVerifier(verifier string) *Error {
	if c.challenge == "" {
		if verifier != "" {
			return AADSTS(50148)
		}
		return nil
	}
	got := verifier
	if !c.plain {
		sum := sha256.Sum256([]byte(verifier))
		got = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if !validVerifier(verifier) || subtle.ConstantTimeCompare([]byte(got), []byte(c.challenge)) != 1 {
		return AADSTS(501481)
	}
	return nil
}

// validVerifier reports whether text has the form that RFC 7636 4.1 and 4.2
// give verifiers and challenges.
func validVerifier(text string) bool {
	if len(text) < 43 || len(text) > 128 {
		return false
	}
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// refresh is the refresh_token grant. The old token stays good.
func (s *Server) refresh(r *http.Request, p place, v version) (map[string]any, *Error) {
	sent := r.PostForm.Get("refresh_token")
	if sent == "" {
		return nil, missing("refresh_token")
	}
	t, ok := s.sealer.open(sent)
	whose := forPerson
	if ok && t.Native {
		whose = forNative
	}
	cl, e := s.authenticate(r, p, v, whose)
	if e != nil {
		return nil, e
	}
	if !ok {
		return nil, AADSTS(70000).say("The provided value for the input parameter 'refresh_token' is not valid.")
	}
	if t.Client != cl.app.ClientID {
		e := AADSTS(70000).say("The refresh token was issued to another application.")
		e.Suberror = "client_mismatch"
		return nil, e
	}
	user, ok := s.find(t.User)
	if !ok {
		return nil, AADSTS(50034)
	}
	tenant := s.reaches(p, user)
	if s.revoked(t, tenant.ID, user.home.ID) {
		return nil, AADSTS(50173).say("The provided grant has expired because it was revoked; a fresh sign-in is needed. The grant was issued on '%s'.", time.Unix(t.Issued, 0).UTC().Format(time.RFC3339))
	}
	if s.now().Sub(time.Unix(t.Issued, 0)) >= refreshLife {
		return nil, AADSTS(700082).say("The refresh token has expired due to inactivity. It was issued on %s and was inactive for 90.00:00:00.", time.Unix(t.Issued, 0).UTC().Format(time.RFC3339))
	}
	if s.member(user, tenant) == nil {
		return nil, s.stranger(user, tenant, cl.app, r)
	}
	since := time.Unix(t.SignIn, 0)
	if t.SignIn == 0 {
		since = time.Unix(t.Issued, 0) // made before tokens said when
	}
	if every, due := s.signInDue(tenant, since); due {
		return nil, AADSTS(70043).say("The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access. The token was issued on %s and the maximum allowed lifetime for this request is %d.",
			since.UTC().Format(time.RFC3339), int64(every/time.Second))
	}
	q, last, e := s.want(r, v, cl.app, tenant, t.Resource, t.Scope)
	if e != nil {
		return nil, e
	}
	return s.personTokens(r, grantee{
		version: v, client: cl, user: user, tenant: tenant, request: q, last: last, since: since, native: t.Native,
		keep: true, openID: v == v1 || t.OpenID || q.wants("openid"),
	})
}

// stranger refuses a person who is not in the tenant.
func (s *Server) stranger(user account, tenant *Tenant, app *App, r *http.Request) *Error {
	return AADSTS(50020).say("User account '%s' from identity provider '%s' does not exist in tenant '%s' and can't access the application '%s' (%s) in it. The account must be added as an external user in the tenant first.",
		user.name, v1.issuer(s.baseURL(r), user.home.ID), tenant.DisplayName, app.ClientID, app.DisplayName)
}
