package connect_test

import (
	"bytes"
	"strings"
	"testing"

	"tributary"
	"tributary/microsoft/sim"
)

func TestAdopt(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 2, Alerts: 4, Seed: 1})
	for n, v1 := range []bool{false, true} {
		tenant := l.tenant(n, tributary.AuthDelegated, tributary.SourceSIEM)
		given := l.signIn(t, tenant, v1).RefreshToken
		grant, err := l.Adopt(t.Context(), tenant, given, v1)
		if err != nil {
			t.Fatalf("v1 %v: %v", v1, err)
		}
		if !strings.EqualFold(grant.Account, l.microsoft.Tenants()[n].Admin) || grant.V1 != v1 {
			t.Errorf("v1 %v: grant %+v", v1, grant)
		}
		kept, _, err := l.Grants.Grant(t.Context(), tenant.Slug)
		if err != nil || kept.RefreshToken.Reveal() != grant.RefreshToken.Reveal() || kept.Account != grant.Account {
			t.Errorf("v1 %v: kept %+v, %v", v1, kept, err)
		}
		if bytes.Contains(l.records.sealed[tenant.Slug], []byte(grant.RefreshToken.Reveal())) {
			t.Errorf("v1 %v: the refresh token is stored in the clear", v1)
		}
		if _, err := l.Tokens.Token(t.Context(), tenant, l.microsoft.Cloud().Resource(tributary.SourceSIEM)); err != nil {
			t.Errorf("v1 %v: %v", v1, err)
		}
	}
}

// What doesn't prove itself replaces nothing.
func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 2, Alerts: 4, Seed: 1})
	tenant, other := l.tenant(0, tributary.AuthDelegated, tributary.SourceGraph), l.tenant(1, tributary.AuthDelegated, tributary.SourceGraph)
	first, err := l.Adopt(t.Context(), tenant, l.signIn(t, tenant, false).RefreshToken, false)
	if err != nil {
		t.Fatal(err)
	}
	revoked := l.signIn(t, other, false).RefreshToken
	l.microsoft.Identity().RevokeGrants(other.ID)
	for name, token := range map[string]string{"nonsense": "not-a-refresh-token", "another tenant's, and dead": revoked.Reveal()} {
		_, err := l.Adopt(t.Context(), tenant, tributary.NewSecret(token), false)
		if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeSignInAgain || e.Next == "" || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
	kept, _, err := l.Grants.Grant(t.Context(), tenant.Slug)
	if err != nil || kept.RefreshToken.Reveal() != first.RefreshToken.Reveal() {
		t.Errorf("the good grant is gone: %v", err)
	}
	appOnly := tenant
	appOnly.Auth = tributary.AuthAppOnly
	if e := tributary.AsError(second(l.Adopt(t.Context(), appOnly, revoked, false))); e == nil || e.Code != "tenant-app-only" {
		t.Errorf("app-only: %v", e)
	}
}

func second[T any](_ T, err error) error { return err }
