package identity

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bodyLimit bounds every form that is read; an assertion with its certificate
// chain is the largest.
const bodyLimit = 64 << 10

// token serves the token endpoint (Entra: v2-oauth2-auth-code-flow,
// v2-oauth2-client-creds-grant-flow).
func (s *Server) token(v version) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, e := s.tokenAnswer(w, r, v)
		if e != nil {
			s.refuse(w, r, e)
			return
		}
		noStore(w.Header())
		w.Header().Set("x-ms-request-id", s.trace(r).id)
		writeJSON(w, http.StatusOK, body)
	}
}

func (s *Server) tokenAnswer(w http.ResponseWriter, r *http.Request, v version) (map[string]any, *Error) {
	if e := readForm(w, r); e != nil {
		return nil, e
	}
	p, e := s.place(r)
	if e != nil {
		return nil, e
	}
	if s.fail != nil && !p.any() {
		if e := s.fail(p.tenant.ID, r); e != nil {
			return nil, e
		}
	}
	if e := s.struckAtToken(r, p); e != nil {
		return nil, e
	}
	if v == v2 && r.PostForm.Has("resource") {
		return nil, AADSTS(901002)
	}
	switch grant := r.PostForm.Get("grant_type"); grant {
	case "":
		return nil, missing("grant_type")
	case "authorization_code":
		return s.redeemCode(r, p, v)
	case "refresh_token":
		return s.refresh(r, p, v)
	case "client_credentials":
		return s.clientCredentials(r, p, v)
	case "urn:ietf:params:oauth:grant-type:device_code", "device_code":
		return s.pollDevice(r, p, v)
	default:
		return nil, AADSTS(70003).say("The grant type '%s' is not supported.", grant)
	}
}

// readForm accepts only a posted form. A token request in the address is
// refused by Entra too.
func readForm(w http.ResponseWriter, r *http.Request) *Error {
	if r.Method != http.MethodPost {
		return AADSTS(900561).say("The endpoint only accepts POST requests. Received a %s request.", r.Method)
	}
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	if err := r.ParseForm(); err != nil {
		return AADSTS(9002313)
	}
	return nil
}

// clientCredentials issues an application its own token.
func (s *Server) clientCredentials(r *http.Request, p place, v version) (map[string]any, *Error) {
	if p.any() {
		return nil, AADSTS(9001023)
	}
	c, e := s.authenticate(r, p, v, forItself)
	if e != nil {
		return nil, e
	}
	if e := s.barred(nil, p.tenant, c.app); e != nil {
		return nil, e
	}
	var q request
	if v == v1 {
		resource := r.PostForm.Get("resource")
		if resource == "" {
			return nil, missing("resource")
		}
		q, e = s.parseResource(resource, p.tenant.DisplayName)
	} else {
		scope := r.PostForm.Get("scope")
		if scope == "" {
			return nil, missing("scope")
		}
		if !onlyDefault(scope) {
			return nil, badScope(scope).with(AADSTS(1002012))
		}
		q, e = s.parseScope(scope, c.app, p.tenant.DisplayName)
	}
	if e != nil {
		return nil, e
	}
	a, e := q.single()
	if e != nil {
		return nil, e
	}
	if s.lacksAPI(p.tenant, a.resource) {
		return nil, noAPI(a, p.tenant)
	}
	token, begins, ends, err := s.accessToken(bearer{
		version: v, base: s.baseURL(r), tenant: p.tenant, app: c.app, proof: c.proof,
		resource: a.resource, grants: s.roles(p.tenant, c.app, a.resource),
	})
	if err != nil {
		return nil, Plain(http.StatusInternalServerError, err.Error(), 0)
	}
	seconds := int64(ends.Sub(s.now().Truncate(time.Second)) / time.Second)
	body := map[string]any{"token_type": "Bearer", "access_token": token, "expires_in": seconds}
	if v == v1 {
		// Numbers here, strings for a person's token: both are seen at v1, so a
		// client has to read both (Entra: v1-oauth2-client-creds-grant-flow;
		// Defender: pull-alerts-using-rest-api).
		body["ext_expires_in"], body["expires_on"], body["not_before"], body["resource"] = 0, ends.Unix(), begins.Unix(), a.as
	} else {
		body["ext_expires_in"] = seconds
	}
	return body, nil
}

// grantee is a person's token request that has been found good.
type grantee struct {
	version version
	client  client
	user    account
	tenant  *Tenant
	request request
	last    refreshToken // what a new refresh token is to remember
	nonce   string
	since   time.Time // when the person signed in
	native  bool      // answered at a redirect URI of a public client
	keep    bool      // give a refresh token
	openID  bool      // give an ID token
}

// personTokens answers with a person's tokens, if the consent covers what is asked.
func (s *Server) personTokens(r *http.Request, g grantee) (map[string]any, *Error) {
	a, e := g.request.single()
	if e != nil {
		return nil, e
	}
	app := g.client.app
	if e := s.barred(&g.user, g.tenant, app); e != nil {
		return nil, e
	}
	if p, _ := s.place(r); p.any() || isDevice(r.PostForm.Get("grant_type")) {
		if e := s.struck(AtToken, g.tenant, app.ClientID, ForPerson); e != nil {
			return nil, e
		}
	}
	if s.lacksAPI(g.tenant, a.resource) {
		return nil, noAPI(a, g.tenant)
	}
	scopes := s.scopes(g.tenant, app, g.user, a.resource)
	covered := s.installed(g.tenant, app) && (a.names != nil || len(scopes) > 0)
	for _, name := range a.names {
		covered = covered && slices.Contains(scopes, name)
	}
	if !covered && s.listed(g.user, g.tenant) == nil {
		return nil, notPreconsented(app, g.tenant)
	}
	if !covered {
		return nil, AADSTS(65001).say("The user or administrator has not consented to use the application with id '%s' named '%s'. Send an interactive authorization request for this user and resource.", app.ClientID, app.DisplayName)
	}
	if len(scopes) == 0 {
		scopes = g.request.oidc
	}
	b := bearer{
		version: g.version, base: s.baseURL(r), tenant: g.tenant, app: app, proof: g.client.proof,
		user: &g.user, resource: a.resource, grants: scopes, nonce: g.nonce,
	}
	access, begins, ends, err := s.accessToken(b)
	if err != nil {
		return nil, Plain(http.StatusInternalServerError, err.Error(), 0)
	}
	body := map[string]any{"token_type": "Bearer", "access_token": access, "scope": g.request.granted(g.version, a, scopes)}
	seconds := int64(ends.Sub(s.now().Truncate(time.Second)) / time.Second)
	if g.version == v1 {
		text := strconv.FormatInt(seconds, 10)
		body["expires_in"], body["ext_expires_in"] = text, text
		body["expires_on"], body["not_before"] = strconv.FormatInt(ends.Unix(), 10), strconv.FormatInt(begins.Unix(), 10)
		body["resource"] = a.as
	} else {
		body["expires_in"], body["ext_expires_in"] = seconds, seconds
	}
	if g.openID {
		if body["id_token"], err = s.idToken(b, begins, ends); err != nil {
			return nil, Plain(http.StatusInternalServerError, err.Error(), 0)
		}
	}
	if g.keep {
		rt := g.last
		rt.Client, rt.User, rt.Tenant, rt.OpenID, rt.Native = app.ClientID, g.user.name, g.tenant.ID, g.openID, g.native
		rt.Issued, rt.Number, rt.SignIn = s.now().Unix(), s.issued.Add(1), g.since.Unix()
		if body["refresh_token"], err = s.sealer.seal(rt); err != nil {
			return nil, Plain(http.StatusInternalServerError, err.Error(), 0)
		}
	}
	if r.PostForm.Get("client_info") == "1" {
		body["client_info"] = clientInfo(g.user)
	}
	return body, nil
}

// noAPI refuses a token for an API that the tenant doesn't have.
func noAPI(a ask, t *Tenant) *Error {
	return AADSTS(500011).say("The resource principal named %s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.", a.resource, t.DisplayName)
}

// want reads what a token request of a person asks for: its own `resource` or
// `scope`, or else what the grant was for.
func (s *Server) want(r *http.Request, v version, app *App, tenant *Tenant, resource, scope string) (request, refreshToken, *Error) {
	var q request
	var e *Error
	if v == v1 {
		if sent := r.PostForm.Get("resource"); sent != "" {
			resource = sent
		} else if resource == "" && scope != "" {
			// The grant comes from v2.
			if q, e = s.parseScope(scope, app, tenant.DisplayName); e == nil && len(q.asks) > 0 {
				resource = q.asks[0].resource
			}
		}
		if resource == "" {
			return request{}, refreshToken{}, missing("resource")
		}
		q, e = s.parseResource(resource, tenant.DisplayName)
		return q, refreshToken{Resource: resource}, e
	}
	sent := r.PostForm.Get("scope")
	if sent != "" {
		scope = sent
	} else if scope == "" && resource != "" {
		scope = resource + "/.default openid offline_access" // the grant comes from v1
	}
	q, e = s.parseScope(scope, app, tenant.DisplayName)
	if e == nil && sent == "" && len(q.asks) > 1 {
		// Consent may span several APIs; without a choice the first is meant.
		q.asks = q.asks[:1]
	}
	return q, refreshToken{Scope: scope}, e
}

// onlyDefault reports whether a scope names whole resources only, as an
// application must. OpenID scopes, which MSAL always adds, mean nothing here.
func onlyDefault(scope string) bool {
	found := false
	for _, word := range strings.Fields(strings.ToLower(scope)) {
		switch {
		case slices.Contains(oidcScopes, word):
		case word == ".default" || strings.HasSuffix(word, "/.default"):
			found = true
		default:
			return false
		}
	}
	return found
}
