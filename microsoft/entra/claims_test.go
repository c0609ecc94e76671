package entra

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
)

func TestReadClaims(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		claims map[string]any
		want   Claims
	}{
		{
			"app-only v1",
			map[string]any{"tid": strings.ToUpper(tenantID), "aud": graph, "roles": []string{"SecurityAlert.Read.All", "SecurityIncident.Read.All"}, "appid": clientID, "iat": 1795435200, "exp": 1795438799},
			Claims{
				TenantID: tenantID, Audience: graph, Roles: []string{"SecurityAlert.Read.All", "SecurityIncident.Read.All"}, AppID: clientID,
				Issued: time.Unix(1795435200, 0).UTC(), Expires: time.Unix(1795438799, 0).UTC(),
			},
		},
		{
			"delegated v2",
			map[string]any{"tid": tenantID, "aud": []string{"a", "b"}, "scp": "User.Read  SecurityAlert.Read.All", "azp": clientID, "preferred_username": "anna@contoso.com", "exp": 1795438799.5},
			Claims{
				TenantID: tenantID, Audience: "a b", Scopes: []string{"User.Read", "SecurityAlert.Read.All"}, AppID: clientID,
				Account: "anna@contoso.com", Expires: time.Unix(1795438799, 0).UTC(),
			},
		},
		{"one role", map[string]any{"roles": "Alert.Read.All", "upn": "u", "email": "e"}, Claims{Roles: []string{"Alert.Read.All"}, Account: "u"}},
		{"empty", map[string]any{}, Claims{}},
		{"absurd times", map[string]any{"exp": 1e300, "iat": -5}, Claims{}},
	}
	for _, tt := range tests {
		got, err := ReadClaims(tributary.NewSecret(unsigned(tt.claims)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if len(got.Roles) == 0 {
			got.Roles = nil
		}
		if len(got.Scopes) == 0 {
			got.Scopes = nil
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

func TestReadClaimsOfOtherTexts(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "opaquesecret", "opaquesecret.opaquesecret", "a.!!!opaquesecret.c", "a.b3BhcXVlc2VjcmV0.c", "a.WzFd.c", unsigned(map[string]any{"tid": 5, "x": "opaquesecret"})} {
		_, err := ReadClaims(tributary.NewSecret(token))
		if err == nil {
			t.Errorf("%q was read", token)
		} else if strings.Contains(err.Error(), "opaquesecret") {
			t.Errorf("the error shows the token: %v", err)
		}
	}
}

func FuzzReadClaims(f *testing.F) {
	f.Add(access(1))
	f.Add("a.e30.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := ReadClaims(tributary.NewSecret(token))
		if err == nil && c.TenantID != strings.ToLower(c.TenantID) {
			t.Fatalf("tenant id %q", c.TenantID)
		}
	})
}
