package identity

import (
	"net/http"
	"net/url"
	"strings"
)

// place is what the first part of a path names: one tenant, or whichever the
// person comes from.
type place struct {
	name   string  // as written in the path of URLs we give out: the id, "common" or "organizations"
	tenant *Tenant // nil for common and organizations
}

// any reports whether the person's own tenant decides.
func (p place) any() bool { return p.tenant == nil }

// place reads the {tenant} of a path.
func (s *Server) place(r *http.Request) (place, *Error) {
	name := strings.ToLower(r.PathValue("tenant"))
	if name == "common" || name == "organizations" {
		return place{name: name}, nil
	}
	t := s.tenant(name)
	if t == nil {
		return place{}, AADSTS(90002).say("Tenant '%s' not found. Check that the tenant id is right and that you are signing in to the right cloud.", name)
	}
	return place{name: t.ID, tenant: t}, nil
}

// openIDConfiguration serves the metadata of a tenant (Entra:
// v2-protocols-oidc).
func (s *Server) openIDConfiguration(v version) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, e := s.place(r)
		if e != nil {
			s.refuse(w, r, e.named("invalid_tenant"))
			return
		}
		base := s.baseURL(r)
		at := base + "/" + p.name
		issuerTenant := p.name
		if p.any() {
			// The issuer depends on who signs in: Entra leaves a hole for it.
			issuerTenant = "{tenantid}"
		}
		keys := at + "/discovery/keys"
		if v == v2 {
			keys = at + "/discovery/v2.0/keys"
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer":                                v.issuer(base, issuerTenant),
			"authorization_endpoint":                at + v.path("authorize"),
			"token_endpoint":                        at + v.path("token"),
			"device_authorization_endpoint":         at + v.path("devicecode"),
			"end_session_endpoint":                  at + v.path("logout"),
			"jwks_uri":                              keys,
			"userinfo_endpoint":                     base + "/oidc/userinfo",
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
			"response_modes_supported":              []string{"query", "fragment", "form_post"},
			"response_types_supported":              []string{"code"},
			"subject_types_supported":               []string{"pairwise"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
			"claims_supported": []string{
				"sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "email",
			},
			"request_uri_parameter_supported": false,
			"http_logout_supported":           true,
			"frontchannel_logout_supported":   true,
			"tenant_region_scope":             region(p),
			"cloud_instance_name":             "microsoftonline.com",
			"cloud_graph_host_name":           "graph.windows.net",
			"msgraph_host":                    "graph.microsoft.com",
			"rbac_url":                        "https://pas.windows.net",
		})
	}
}

// region is where a tenant's data lies; Entra says null where no tenant is named.
func region(p place) any {
	if p.any() {
		return nil
	}
	return "EU"
}

// keys serves the JWKS.
func (s *Server) keys(v version) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, e := s.place(r)
		if e != nil {
			s.refuse(w, r, e.named("invalid_tenant"))
			return
		}
		k := s.key.jwk()
		if v == v2 {
			tenant := p.name
			if p.any() {
				tenant = "{tenantid}"
			}
			k.Issuer = v.issuer(s.baseURL(r), tenant)
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		writeJSON(w, http.StatusOK, map[string][]jwk{"keys": {k}})
	}
}

// instanceDiscovery tells a client that an authority it was given is ours.
func (s *Server) instanceDiscovery(w http.ResponseWriter, r *http.Request) {
	endpoint := r.URL.Query().Get("authorization_endpoint")
	if endpoint == "" {
		s.refuse(w, r, missing("authorization_endpoint"))
		return
	}
	host := strings.TrimPrefix(s.baseURL(r), "https://")
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" || (!strings.EqualFold(u.Host, host) && !sameLoopback(u.Host, host)) {
		s.refuse(w, r, AADSTS(50049))
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if tenant == "" {
		s.refuse(w, r, AADSTS(50049))
		return
	}
	aliases := []string{u.Host}
	if _, port := splitHostPort(u.Host); sameLoopback(u.Host, host) && port != "" {
		for _, name := range []string{"127.0.0.1:" + port, "localhost:" + port} {
			if name != u.Host {
				aliases = append(aliases, name)
			}
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + u.Host + "/" + url.PathEscape(tenant) + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []map[string]any{{
			"preferred_network": u.Host,
			"preferred_cache":   u.Host,
			"aliases":           aliases,
		}},
	})
}
