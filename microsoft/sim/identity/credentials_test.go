package identity

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// appOnly asks for an application's own token over v2.
func (l *lab) appOnly(tenant string, more ...string) answer {
	l.t.Helper()
	return l.post("/"+tenant+"/oauth2/v2.0/token", append([]string{"grant_type", "client_credentials", "scope", graph + "/.default"}, more...)...)
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	bySecret := []string{"client_id", multiApp, "client_secret", secret}
	a := l.good(l.appOnly(contoso, bySecret...))
	if a.body["refresh_token"] != nil || a.body["scope"] != nil || a.body["expires_in"] != json.Number("3599") || a.body["ext_expires_in"] != json.Number("3599") {
		t.Errorf("%v", a.body)
	}
	p := payload(t, a.text("access_token"))
	if p["azp"] != multiApp || p["idtyp"] != "app" || p["azpacr"] != "1" || p["ver"] != "2.0" || p["oid"] == nil || p["scp"] != nil || p["upn"] != nil {
		t.Errorf("%v", p)
	}
	if c := l.claims(a); !slices.Equal(c.Roles, []string{"SecurityAlert.Read.All", "SecurityIncident.Read.All"}) || len(c.Scopes) != 0 || !c.Expires.Equal(l.clock.Now().Truncate(time.Second).Add(3599*time.Second)) {
		t.Errorf("%+v", c)
	}

	// HTTP Basic, with the secret form-encoded as RFC 6749 has it.
	req := l.request("/"+contoso+"/oauth2/v2.0/token", "grant_type", "client_credentials", "scope", graph+"/.default")
	req.SetBasicAuth(url.QueryEscape(multiApp), url.QueryEscape(secret))
	l.claims(l.do(req))

	// MSAL adds OpenID scopes; they mean nothing here.
	l.claims(l.appOnly(contoso, append(bySecret, "scope", "openid")...))
	// v1 writes numbers.
	a = l.good(l.post("/"+contoso+"/oauth2/token", append(bySecret, "grant_type", "client_credentials", "resource", siemResource)...))
	for _, name := range []string{"expires_in", "ext_expires_in", "expires_on", "not_before"} {
		if _, ok := a.body[name].(json.Number); !ok {
			t.Errorf("%s is %T", name, a.body[name])
		}
	}
	if c := l.claims(a); a.text("resource") != siemResource || c.Audience != siemResource || len(c.Roles) != 0 {
		t.Errorf("%v %+v", a.body, c)
	}
	// A token without any role is a token: the API has to refuse it.
	l.Consent(contoso, bareApp)
	a = l.good(l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", bareApp, "client_secret", secret, "scope", defender+"/.default"))
	if _, has := payload(t, a.text("access_token"))["roles"]; has {
		t.Error("roles without any")
	}
}

func TestClientCredentialsRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	ok := []string{"client_id", multiApp, "client_secret", secret}
	at := "/" + contoso + "/oauth2/v2.0/token"
	for name, tc := range map[string]struct {
		answer      answer
		code, error string
	}{
		"wrong secret":        {l.appOnly(contoso, "client_id", multiApp, "client_secret", "x"), "7000215", "invalid_client"},
		"raw plus":            {l.appOnly(contoso, "client_id", multiApp, "client_secret", "s3cret /=& ~value"), "7000215", "invalid_client"},
		"no secret":           {l.appOnly(contoso, "client_id", multiApp), "7000218", "invalid_client"},
		"no client":           {l.appOnly(contoso), "900144", "invalid_request"},
		"unknown client":      {l.appOnly(contoso, "client_id", "cccccccc-0000-4000-8000-000000000009", "client_secret", secret), "700016", "unauthorized_client"},
		"public with secret":  {l.post(at, "grant_type", "refresh_token", "refresh_token", "x", "client_id", pubApp, "client_secret", secret), "700025", "invalid_client"},
		"public for itself":   {l.appOnly(mssp, "client_id", pubApp), "7000218", "invalid_client"},
		"no consent":          {l.appOnly(adatum, ok...), "700016", "unauthorized_client"},
		"no consent, wrong":   {l.appOnly(adatum, "client_id", multiApp, "client_secret", "x"), "700016", "unauthorized_client"},
		"single tenant":       {l.appOnly(adatum, "client_id", ownApp, "client_secret", secret), "700016", "unauthorized_client"},
		"common":              {l.appOnly("common", ok...), "9001023", "invalid_request"},
		"unknown tenant":      {l.appOnly("dddddddd-0000-4000-8000-000000000009", ok...), "90002", "invalid_request"},
		"named scope":         {l.post(at, append(ok, "grant_type", "client_credentials", "scope", graph+"/SecurityAlert.Read.All")...), "70011", "invalid_scope"},
		"openid only":         {l.post(at, append(ok, "grant_type", "client_credentials", "scope", "openid")...), "1002012", "invalid_scope"},
		"two resources":       {l.post(at, append(ok, "grant_type", "client_credentials", "scope", graph+"/.default "+defender+"/.default")...), "70011", "invalid_scope"},
		"no scope":            {l.post(at, append(ok, "grant_type", "client_credentials")...), "900144", "invalid_request"},
		"unknown resource":    {l.post(at, append(ok, "grant_type", "client_credentials", "scope", "https://nowhere.example/.default")...), "500011", "invalid_resource"},
		"resource at v2":      {l.appOnly(contoso, append(ok, "resource", graph)...), "901002", "invalid_request"},
		"no resource at v1":   {l.post("/"+contoso+"/oauth2/token", append(ok, "grant_type", "client_credentials", "scope", graph+"/.default")...), "900144", "invalid_request"},
		"password grant":      {l.post(at, append(ok, "grant_type", "password", "username", bob, "password", password)...), "70003", "unsupported_grant_type"},
		"no grant type":       {l.post(at, ok...), "900144", "invalid_request"},
		"unknown v1 resource": {l.post("/"+contoso+"/oauth2/token", append(ok, "grant_type", "client_credentials", "resource", "https://nowhere.example")...), "500011", "invalid_resource"},
		"get":                 {l.get(l.url + at), "900561", "invalid_request"},
		"assertion type":      {l.appOnly(contoso, "client_id", multiApp, "client_assertion", "x", "client_assertion_type", "y"), "50027", "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) { l.refused(tc.answer, tc.code, tc.error) })
	}
}

// A rotated secret works beside the old one until that is removed.
func TestSecretRotation(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	for _, s := range []string{"an older one", secret} {
		l.claims(l.appOnly(contoso, "client_id", multiApp, "client_secret", s))
	}
	app := options().Apps[0]
	app.Secrets = []string{"newest"}
	if err := l.AddApp(app); err != nil {
		t.Fatal(err)
	}
	l.refused(l.appOnly(contoso, "client_id", multiApp, "client_secret", secret), "7000215", "invalid_client")
	if c := l.claims(l.appOnly(contoso, "client_id", multiApp, "client_secret", "newest")); len(c.Roles) != 2 {
		t.Errorf("consent was lost: %+v", c)
	}
}

// A permission that is added to the registration waits for the next consent.
func TestConsentIsASnapshot(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	app := options().Apps[0]
	app.Roles[graph] = append(app.Roles[graph], "SecurityEvents.Read.All")
	if err := l.AddApp(app); err != nil {
		t.Fatal(err)
	}
	ask := func() []string {
		return l.claims(l.appOnly(contoso, "client_id", multiApp, "client_secret", secret)).Roles
	}
	if got := ask(); slices.Contains(got, "SecurityEvents.Read.All") {
		t.Errorf("before consent: %v", got)
	}
	l.Consent(contoso, multiApp)
	if got := ask(); !slices.Contains(got, "SecurityEvents.Read.All") {
		t.Errorf("after consent: %v", got)
	}
	l.RevokeConsent(contoso, multiApp)
	l.refused(l.appOnly(contoso, "client_id", multiApp, "client_secret", secret), "700016", "unauthorized_client")
}

func TestClientAssertion(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	cert, key := appKeyPair()
	sum1, sum256 := sha1.Sum(cert.Raw), sha256.Sum256(cert.Raw)
	now := l.clock.Now()
	endpoint := l.url + "/" + contoso + "/oauth2/v2.0/token"
	type jwtParts struct {
		method jwt.SigningMethod
		header map[string]any
		claims jwt.MapClaims
	}
	good := func() jwtParts {
		return jwtParts{jwt.SigningMethodPS256, map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum256[:])}, jwt.MapClaims{
			"aud": endpoint, "iss": multiApp, "sub": multiApp, "jti": "1", "nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		}}
	}
	sign := func(change func(*jwtParts)) string {
		p := good()
		change(&p)
		tok := jwt.NewWithClaims(p.method, p.claims)
		for k, v := range p.header {
			tok.Header[k] = v
		}
		s, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ask := func(assertion string, more ...string) answer {
		return l.appOnly(contoso, append([]string{"client_assertion_type", assertionType, "client_assertion", assertion}, more...)...)
	}
	withID := []string{"client_id", multiApp}
	for name, change := range map[string]func(*jwtParts){
		"PS256, base64url":        func(*jwtParts) {},
		"PS256, padded base64":    func(p *jwtParts) { p.header["x5t#S256"] = base64.StdEncoding.EncodeToString(sum256[:]) },
		"PS256, padded base64url": func(p *jwtParts) { p.header["x5t#S256"] = base64.URLEncoding.EncodeToString(sum256[:]) },
		"RS256, x5t": func(p *jwtParts) {
			p.method, p.header = jwt.SigningMethodRS256, map[string]any{"x5t": base64.RawURLEncoding.EncodeToString(sum1[:])}
		},
		"RS256, padded x5t": func(p *jwtParts) {
			p.method, p.header = jwt.SigningMethodRS256, map[string]any{"x5t": base64.StdEncoding.EncodeToString(sum1[:])}
		},
		"aud by list":          func(p *jwtParts) { p.claims["aud"] = []string{"https://elsewhere.example", endpoint} },
		"a little early":       func(p *jwtParts) { p.claims["nbf"] = now.Add(4 * time.Minute).Unix() },
		"expired a moment ago": func(p *jwtParts) { p.claims["exp"] = now.Add(-4 * time.Minute).Unix() },
	} {
		a := ask(sign(change), withID...)
		if c := l.claims(a); c.ClientID != multiApp || payload(t, a.text("access_token"))["azpacr"] != "2" {
			t.Errorf("%s: %+v", name, c)
		}
	}
	l.claims(ask(sign(func(*jwtParts) {}))) // the assertion names the client
	byDomain := l.post("/contoso.example/oauth2/v2.0/token", "grant_type", "client_credentials", "scope", graph+"/.default",
		"client_id", multiApp, "client_assertion_type", assertionType, "client_assertion", sign(func(*jwtParts) {}))
	l.claims(byDomain)

	tampered := sign(func(*jwtParts) {})
	tampered = tampered[:len(tampered)-8] + "AAAAAAAA"
	for name, tc := range map[string]struct{ assertion, code string }{
		"tampered":       {tampered, "700027"},
		"unknown key":    {sign(func(p *jwtParts) { p.header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum1[:]) }), "700027"},
		"no thumbprint":  {sign(func(p *jwtParts) { p.header = nil }), "700027"},
		"not a JWT":      {"x.y.z", "50027"},
		"expired":        {sign(func(p *jwtParts) { p.claims["exp"] = now.Add(-6 * time.Minute).Unix() }), "700024"},
		"not yet":        {sign(func(p *jwtParts) { p.claims["nbf"] = now.Add(6 * time.Minute).Unix() }), "700024"},
		"for ever":       {sign(func(p *jwtParts) { delete(p.claims, "exp") }), "700024"},
		"v1's audience":  {sign(func(p *jwtParts) { p.claims["aud"] = l.url + "/" + contoso + "/oauth2/token" }), "700023"},
		"other tenant's": {sign(func(p *jwtParts) { p.claims["aud"] = l.url + "/" + adatum + "/oauth2/v2.0/token" }), "700023"},
		"no audience":    {sign(func(p *jwtParts) { delete(p.claims, "aud") }), "700023"},
		"other issuer":   {sign(func(p *jwtParts) { p.claims["iss"] = ownApp }), "700021"},
		"other subject":  {sign(func(p *jwtParts) { p.claims["sub"] = ownApp }), "700021"},
		"weak algorithm": {sign(func(p *jwtParts) { p.method = jwt.SigningMethodRS512 }), "700027"},
		"no subject":     {sign(func(p *jwtParts) { delete(p.claims, "sub") }), "700021"},
	} {
		t.Run(name, func(t *testing.T) { l.refused(ask(tc.assertion, withID...), tc.code, "invalid_client") })
	}
	// An application that has no certificate takes none.
	p := good()
	p.claims["iss"], p.claims["sub"] = bareApp, bareApp
	tok := jwt.NewWithClaims(p.method, p.claims)
	tok.Header["x5t#S256"] = p.header["x5t#S256"]
	s, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	l.Consent(contoso, bareApp)
	l.refused(ask(s, "client_id", bareApp), "700027", "invalid_client")
}
