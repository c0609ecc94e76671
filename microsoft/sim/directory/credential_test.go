package directory_test

import (
	"crypto/sha1" //nolint:gosec // a certificate's thumbprint in the directory is SHA-1
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"tributary/microsoft/sim/directory"
	"tributary/microsoft/sim/identity"
)

// tokenError wants a token refused with that AADSTS number.
func (l *lab) tokenError(a answer, code float64) {
	l.Helper()
	if codes, _ := a.at("error_codes").([]any); a.status == http.StatusOK || !slices.Contains(codes, any(code)) {
		l.Errorf("HTTP %d %s, want AADSTS%v", a.status, a.raw, code)
	}
}

// ready registers a connector that its own tenant has.
func (l *lab) ready() (objectID, appID string) {
	l.Helper()
	objectID, appID = l.register(connector("Fabrikam Connector"))
	l.good(l.call(mssp, http.MethodPost, "servicePrincipals", m{"appId": appID}), http.StatusCreated)
	return objectID, appID
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	l := start(t)
	id, appID := l.ready()
	end := l.clock.Now().Add(48 * time.Hour).UTC()
	a := l.good(l.call(mssp, http.MethodPost, "applications/"+id+"/addPassword", m{
		"passwordCredential": m{"displayName": "first", "endDateTime": end.Format(time.RFC3339)},
	}), http.StatusOK)
	text := a.text("secretText")
	if len(text) != 40 || a.text("hint") != text[:3] || len(a.text("keyId")) != 36 || a.text("endDateTime") != end.Format(time.RFC3339) || a.text("displayName") != "first" {
		t.Errorf("password: %s", a.raw)
	}
	// Without a body's say it lives for two years.
	b := l.good(l.call(mssp, http.MethodPost, "applications(appId='"+appID+"')/addPassword", m{}), http.StatusOK)
	if got, want := b.text("endDateTime"), l.clock.Now().UTC().AddDate(2, 0, 0).Format(time.RFC3339); got != want {
		t.Errorf("ends %s, want %s", got, want)
	}
	l.good(l.appOnly(mssp, appID, text, graph), http.StatusOK)
	l.good(l.appOnly(mssp, appID, b.text("secretText"), graph), http.StatusOK)
	l.tokenError(l.appOnly(mssp, appID, a.text("keyId"), graph), 7000215)

	shown := l.good(l.call(mssp, http.MethodGet, "applications/"+id, nil), http.StatusOK)
	if list := shown.at("passwordCredentials").([]any); len(list) != 2 || shown.at("passwordCredentials.0.secretText") != nil || shown.text("passwordCredentials.0.hint") != text[:3] {
		t.Errorf("the secret is shown again: %s", shown.raw)
	}

	// In the tokens' hour nothing else has expired.
	l.clock.add(49 * time.Hour)
	l.tokens = map[string]string{}
	l.tokenError(l.appOnly(mssp, appID, text, graph), 7000222)
	l.good(l.appOnly(mssp, appID, b.text("secretText"), graph), http.StatusOK)

	l.good(l.call(mssp, http.MethodPost, "applications/"+id+"/removePassword", m{"keyId": b.text("keyId")}), http.StatusNoContent)
	l.tokenError(l.appOnly(mssp, appID, b.text("secretText"), graph), 7000215)
	l.refused(l.call(mssp, http.MethodPost, "applications/"+id+"/removePassword", m{"keyId": b.text("keyId")}), http.StatusBadRequest, "Request_BadRequest", "keyId")
	l.refused(l.call(mssp, http.MethodPost, "applications/"+id+"/addPassword", m{
		"passwordCredential": m{"endDateTime": l.clock.Now().Add(-time.Hour).Format(time.RFC3339)},
	}), http.StatusBadRequest, "CredentialInvalidEndDate", "")
	l.refused(l.call(mssp, http.MethodPost, "applications/"+appID+"/addPassword", m{}), http.StatusNotFound, "Request_ResourceNotFound", appID)
	l.refused(l.call(mssp, http.MethodPost, "applications/"+id+"/addPassword", m{"passwordCredential": m{"secretText": "mine"}}), http.StatusBadRequest, "Request_BadRequest", "secretText")
}

func keyOf(p pair) m {
	return m{"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.StdEncoding.EncodeToString(p.cert.Raw), "displayName": "CN=connector"}
}

// assertion signs a client assertion for a tenant.
func (l *lab) assertion(p pair, tenant, appID string) answer {
	l.Helper()
	now := l.clock.Now()
	at := "/" + tenant + "/oauth2/v2.0/token"
	sum := sha256.Sum256(p.cert.Raw)
	tok := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
		"aud": l.url + at, "iss": appID, "sub": appID, "jti": uuid.NewString(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	tok.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
	text, err := tok.SignedString(p.key)
	if err != nil {
		l.Fatal(err)
	}
	return l.post(at, "grant_type", "client_credentials", "client_id", appID, "scope", graph+"/.default",
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", text)
}

func TestCertificatesAreReplacedAsAList(t *testing.T) {
	t.Parallel()
	l := start(t)
	id, appID := l.ready()
	first, second := pairs()[0], pairs()[1]
	l.tokenError(l.assertion(first, mssp, appID), 700027)
	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []m{keyOf(first)}}), http.StatusNoContent)
	l.good(l.assertion(first, mssp, appID), http.StatusOK)

	a := l.good(l.call(mssp, http.MethodGet, "applications/"+id, nil), http.StatusOK)
	sum := sha1.Sum(first.cert.Raw)
	if a.at("keyCredentials.0.key") != nil || a.text("keyCredentials.0.customKeyIdentifier") != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("keys: %s", a.raw)
	}
	whole := l.good(l.call(mssp, http.MethodGet, "applications/"+id+"?$select=keyCredentials", nil), http.StatusOK)
	if whole.text("keyCredentials.0.key") != base64.StdEncoding.EncodeToString(first.cert.Raw) || len(whole.body) != 2 {
		t.Errorf("keys selected: %s", whole.raw)
	}
	// The one that stays is named by its id; then both work, then the new one alone.
	old := a.at("keyCredentials.0").(m)
	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []any{old, keyOf(second)}}), http.StatusNoContent)
	l.good(l.assertion(first, mssp, appID), http.StatusOK)
	l.good(l.assertion(second, mssp, appID), http.StatusOK)
	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []any{keyOf(second)}}), http.StatusNoContent)
	l.tokenError(l.assertion(first, mssp, appID), 700027)
	l.good(l.assertion(second, mssp, appID), http.StatusOK)

	bad := keyOf(first)
	bad["endDateTime"] = first.cert.NotAfter.Add(time.Hour).UTC().Format(time.RFC3339)
	l.refused(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []m{bad}}), http.StatusBadRequest, "KeyCredentialsInvalidEndDate", "end date is invalid")
	for property, value := range map[string]any{"type": "Symmetric", "usage": "Sign", "key": "AAAA", "thumbprint": "x"} {
		bad := keyOf(first)
		bad[property] = value
		l.refused(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []m{bad}}), http.StatusBadRequest, "Request_BadRequest", property)
	}
	changed := keyOf(first)
	changed["keyId"] = l.good(l.call(mssp, http.MethodGet, "applications/"+id, nil), http.StatusOK).text("keyCredentials.0.keyId")
	l.refused(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []m{changed}}), http.StatusBadRequest, "Request_BadRequest", "is not allowed")
	l.good(l.assertion(second, mssp, appID), http.StatusOK)
}

func TestACertificateEndsWithItsEntry(t *testing.T) {
	t.Parallel()
	l := start(t)
	id, appID := l.ready()
	k := keyOf(pairs()[0])
	k["endDateTime"] = l.clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []m{k}}), http.StatusNoContent)
	l.good(l.assertion(pairs()[0], mssp, appID), http.StatusOK)
	l.clock.add(time.Hour)
	a := l.assertion(pairs()[0], mssp, appID)
	l.tokenError(a, 700027)
}

func TestCredentialsTakeTheirTime(t *testing.T) {
	t.Parallel()
	l := start(t, func(o *identity.Options, _ *directory.Options) { o.CredentialDelay = time.Minute })
	id, appID := l.ready()
	a := l.good(l.call(mssp, http.MethodPost, "applications/"+id+"/addPassword", m{}), http.StatusOK)
	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []m{keyOf(pairs()[0])}}), http.StatusNoContent)
	l.tokenError(l.appOnly(mssp, appID, a.text("secretText"), graph), 7000215)
	l.tokenError(l.assertion(pairs()[0], mssp, appID), 700027)
	l.clock.add(time.Minute)
	l.good(l.appOnly(mssp, appID, a.text("secretText"), graph), http.StatusOK)
	l.good(l.assertion(pairs()[0], mssp, appID), http.StatusOK)
	// An unrelated change doesn't start it anew.
	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"notes": "x"}), http.StatusNoContent)
	l.good(l.assertion(pairs()[0], mssp, appID), http.StatusOK)
}

// proof shows that the caller holds a key.
func (l *lab) proof(p pair, change func(jwt.MapClaims)) string {
	l.Helper()
	now := l.clock.Now()
	claims := jwt.MapClaims{"aud": "00000002-0000-0000-c000-000000000000", "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
	change(claims)
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(p.key)
	if err != nil {
		l.Fatal(err)
	}
	return text
}

// An application rolls its own certificate and needs no permission for it.
func TestRollingTheOwnKey(t *testing.T) {
	t.Parallel()
	l := start(t)
	id, appID := l.ready()
	first, second := pairs()[0], pairs()[1]
	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": []m{keyOf(first)}}), http.StatusNoContent)
	own := l.good(l.assertion(first, mssp, appID), http.StatusOK).text("access_token")
	add := func(proof string) answer {
		return l.callWith(own, http.MethodPost, "applications/"+id+"/addKey", m{"keyCredential": keyOf(second), "passwordCredential": nil, "proof": proof})
	}
	mine := func(c jwt.MapClaims) { c["iss"] = id }
	for name, proof := range map[string]string{
		"no proof":         "x",
		"another key":      l.proof(second, mine),
		"the client id":    l.proof(first, func(c jwt.MapClaims) { c["iss"] = appID }),
		"another audience": l.proof(first, func(c jwt.MapClaims) { mine(c); c["aud"] = graph }),
		"too long":         l.proof(first, func(c jwt.MapClaims) { mine(c); c["exp"] = l.clock.Now().Add(time.Hour).Unix() }),
		"too old":          l.proof(first, func(c jwt.MapClaims) { mine(c); c["nbf"] = 1; c["exp"] = 601 }),
		"no begin":         l.proof(first, func(c jwt.MapClaims) { mine(c); delete(c, "nbf") }),
	} {
		t.Run(name, func(t *testing.T) {
			l := *l
			l.T = t
			l.refused(add(proof), http.StatusUnauthorized, "Authentication_MissingOrMalformed", "")
		})
	}
	a := l.good(add(l.proof(first, mine)), http.StatusOK)
	if len(a.text("keyId")) != 36 || a.at("key") != nil {
		t.Errorf("addKey: %s", a.raw)
	}
	l.good(l.assertion(second, mssp, appID), http.StatusOK)
	old := l.good(l.call(mssp, http.MethodGet, "applications/"+id, nil), http.StatusOK).text("keyCredentials.0.keyId")
	remove := m{"keyId": old, "proof": l.proof(second, mine)}
	l.good(l.callWith(own, http.MethodPost, "applications/"+id+"/removeKey", remove), http.StatusNoContent)
	l.tokenError(l.assertion(first, mssp, appID), 700027)
	l.refused(l.callWith(own, http.MethodPost, "applications/"+id+"/removeKey", remove), http.StatusBadRequest, "Request_BadRequest", "No credentials")
	// Nobody else rolls it, and it may do nothing else.
	l.refused(l.callWith(l.token(mssp, reader), http.MethodPost, "applications/"+id+"/addKey", m{}), http.StatusForbidden, "Authorization_RequestDenied", "")
	l.refused(l.callWith(own, http.MethodPatch, "applications/"+id, m{"notes": "x"}), http.StatusForbidden, "Authorization_RequestDenied", "")
}

func TestFederatedCredentials(t *testing.T) {
	t.Parallel()
	l := start(t)
	id, _ := l.ready()
	path := "applications/" + id + "/federatedIdentityCredentials"
	body := func(change ...any) m {
		b := m{"name": "cluster-1", "issuer": "https://oidc.example", "subject": "system:serviceaccount:tributary", "audiences": []string{"api://AzureADTokenExchange"}}
		for i := 0; i < len(change); i += 2 {
			b[change[i].(string)] = change[i+1]
		}
		return b
	}
	a := l.good(l.call(mssp, http.MethodPost, path, body()), http.StatusCreated)
	if a.text("name") != "cluster-1" || len(a.text("id")) != 36 || a.at("description") != nil || a.text("audiences.0") != "api://AzureADTokenExchange" {
		t.Errorf("made: %s", a.raw)
	}
	for says, b := range map[string]m{
		"'name'":      body("name", "-x", "subject", "y"),
		"'audiences'": body("name", "cluster-2", "audiences", []string{"a", "b"}),
		"'issuer'":    body("issuer", ""),
	} {
		l.refused(l.call(mssp, http.MethodPost, path, b), http.StatusBadRequest, "Request_BadRequest", says)
	}
	for says, b := range map[string]m{"already exists": body("subject", "y"), "same issuer and subject": body("name", "cluster-2")} {
		l.refused(l.call(mssp, http.MethodPost, path, b), http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", says)
	}
	l.good(l.call(mssp, http.MethodPatch, path+"/cluster-1", m{"description": "the first", "issuer": "https://other.example"}), http.StatusNoContent)
	if got := l.good(l.call(mssp, http.MethodGet, path+"/cluster-1", nil), http.StatusOK); got.text("description") != "the first" || got.text("issuer") != "https://other.example" || got.text("subject") == "" {
		t.Errorf("changed: %s", got.raw)
	}
	l.refused(l.call(mssp, http.MethodPatch, path+"/cluster-1", m{"name": "cluster-9"}), http.StatusBadRequest, "Request_BadRequest", "immutable")
	if list := l.good(l.call(mssp, http.MethodGet, path, nil), http.StatusOK); len(list.values()) != 1 || list.text("value.0.subject") != "system:serviceaccount:tributary" {
		t.Errorf("list: %s", list.raw)
	}
	l.good(l.call(mssp, http.MethodGet, path+"/cluster-1", nil), http.StatusOK)
	l.good(l.call(mssp, http.MethodDelete, path+"/"+a.text("id"), nil), http.StatusNoContent)
	l.refused(l.call(mssp, http.MethodGet, path+"/"+a.text("id"), nil), http.StatusNotFound, "Request_ResourceNotFound", "")
}
