package identity

import (
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestOpenIDConfiguration(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for path, want := range map[string]struct{ issuer, token, keys string }{
		"/" + contoso:                  {"/" + contoso + "/", "/" + contoso + "/oauth2/token", "/" + contoso + "/discovery/keys"},
		"/" + contoso + "/v2.0":        {"/" + contoso + "/v2.0", "/" + contoso + "/oauth2/v2.0/token", "/" + contoso + "/discovery/v2.0/keys"},
		"/Contoso.Example/v2.0":        {"/" + contoso + "/v2.0", "/" + contoso + "/oauth2/v2.0/token", "/" + contoso + "/discovery/v2.0/keys"},
		"/" + strings.ToUpper(contoso): {"/" + contoso + "/", "/" + contoso + "/oauth2/token", "/" + contoso + "/discovery/keys"},
		"/common/v2.0":                 {"/{tenantid}/v2.0", "/common/oauth2/v2.0/token", "/common/discovery/v2.0/keys"},
		"/organizations/v2.0":          {"/{tenantid}/v2.0", "/organizations/oauth2/v2.0/token", "/organizations/discovery/v2.0/keys"},
		"/common":                      {"/{tenantid}/", "/common/oauth2/token", "/common/discovery/keys"},
	} {
		a := l.get(l.url + path + "/.well-known/openid-configuration")
		if a.text("issuer") != l.url+want.issuer || a.text("token_endpoint") != l.url+want.token || a.text("jwks_uri") != l.url+want.keys {
			t.Errorf("%s: %v", path, a.body)
		}
		for _, name := range []string{"authorization_endpoint", "device_authorization_endpoint", "end_session_endpoint", "userinfo_endpoint", "cloud_instance_name", "cloud_graph_host_name", "msgraph_host"} {
			if a.text(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
		if methods, _ := a.body["token_endpoint_auth_methods_supported"].([]any); len(methods) != 3 {
			t.Errorf("%s: %v", path, methods)
		}
	}
	for _, path := range []string{"/nowhere.example", "/dddddddd-0000-4000-8000-000000000009/v2.0"} {
		l.refused(l.get(l.url+path+"/.well-known/openid-configuration"), "90002", "invalid_tenant")
	}
	// Each endpoint named there answers.
	a := l.get(l.url + "/" + contoso + "/v2.0/.well-known/openid-configuration")
	for _, name := range []string{"authorization_endpoint", "end_session_endpoint", "jwks_uri", "userinfo_endpoint", "token_endpoint", "device_authorization_endpoint"} {
		resp, err := l.client.Get(a.text(name))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}

// Whoever has only the published keys can verify our tokens.
func TestKeys(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	token := l.good(l.appOnly(contoso, "client_id", multiApp, "client_secret", secret)).text("access_token")
	for _, path := range []string{"/" + contoso + "/discovery/keys", "/common/discovery/v2.0/keys"} {
		a := l.get(l.url + path)
		list, _ := a.body["keys"].([]any)
		if len(list) != 1 {
			t.Fatalf("%s: %s", path, a.raw)
		}
		k := list[0].(map[string]any)
		n, errN := base64.RawURLEncoding.DecodeString(k["n"].(string))
		e, errE := base64.RawURLEncoding.DecodeString(k["e"].(string))
		if errN != nil || errE != nil || k["kty"] != "RSA" || k["use"] != "sig" {
			t.Fatalf("%s: %v", path, k)
		}
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		_, err := jwt.Parse(token, func(tok *jwt.Token) (any, error) {
			if tok.Header["kid"] != k["kid"] {
				t.Errorf("kid %v, key %v", tok.Header["kid"], k["kid"])
			}
			return key, nil
		}, jwt.WithTimeFunc(l.clock.Now), jwt.WithIssuer(l.url+"/"+contoso+"/v2.0"), jwt.WithAudience(graph))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestInstanceDiscovery(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ask := func(endpoint string) answer {
		return l.get(l.address("/common/discovery/instance", "api-version", "1.1", "authorization_endpoint", endpoint))
	}
	a := ask(l.url + "/" + contoso + "/oauth2/v2.0/authorize")
	if a.text("tenant_discovery_endpoint") != l.url+"/"+contoso+"/v2.0/.well-known/openid-configuration" {
		t.Errorf("%s", a.raw)
	}
	meta := a.body["metadata"].([]any)[0].(map[string]any)
	host := strings.TrimPrefix(l.url, "https://")
	if meta["preferred_network"] != host || !slices.Contains(meta["aliases"].([]any), any(strings.Replace(host, "127.0.0.1", "localhost", 1))) {
		t.Errorf("%v", meta)
	}
	for _, bad := range []string{"https://evil.example/common/oauth2/v2.0/authorize", "http://" + host + "/common", "https://" + host, ":"} {
		l.refused(ask(bad), "50049", "invalid_instance")
	}
	l.refused(l.get(l.url+"/common/discovery/instance"), "900144", "invalid_request")
}

func TestUserInfo(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ask := func(token string) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+"/oidc/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return l.do(req)
	}
	a := l.good(l.redeem(contoso, l.code(bob, contoso, "openid profile")))
	if u := ask(a.text("access_token")); u.text("sub") == "" || u.text("sub") != payload(t, a.text("id_token"))["sub"] || u.text("email") != bob {
		t.Errorf("%s", u.raw)
	}
	l.clock.Add(2 * time.Hour)
	if u := ask(a.text("access_token")); u.status != http.StatusUnauthorized {
		t.Errorf("expired: %s", u.raw)
	}
}
