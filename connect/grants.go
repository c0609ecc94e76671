package connect

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tributary"
	"tributary/vault"
)

// Records keeps sealed grants durably, with compare-and-set. The stream does.
type Records interface {
	SealedGrant(ctx context.Context, tenant string) (sealed []byte, revision uint64, err error)
	PutSealedGrant(ctx context.Context, tenant string, sealed []byte, revision uint64) (uint64, error)
}

// Grants seals what customers gave us before it is stored.
type Grants struct {
	Vault   *vault.Vault
	Records Records
}

var _ tributary.Grants = Grants{}

// sealedGrant is a grant in the clear, as it lies inside the seal.
type sealedGrant struct {
	RefreshToken string    `json:"refresh_token"`
	Previous     string    `json:"previous,omitempty"`
	ClientID     string    `json:"client_id"`
	Account      string    `json:"account,omitempty"`
	V1           bool      `json:"v1,omitempty"`
	Public       bool      `json:"public,omitempty"`
	Obtained     time.Time `json:"obtained"`
	Rotated      time.Time `json:"rotated"`
}

// GrantName is the associated data of the seal: a sealed grant can't be
// passed off as another tenant's.
func GrantName(tenant string) string { return "grant/" + tenant }

// Grant returns a tenant's grant and its revision, or [tributary.ErrNotFound].
func (g Grants) Grant(ctx context.Context, tenant string) (tributary.Grant, uint64, error) {
	sealed, revision, err := g.Records.SealedGrant(ctx, tenant)
	if err != nil {
		return tributary.Grant{}, 0, err
	}
	plain, err := g.Vault.Open(GrantName(tenant), sealed)
	if err != nil {
		return tributary.Grant{}, 0, fmt.Errorf("open the grant of %s: %w", tenant, err)
	}
	var s sealedGrant
	if err := json.Unmarshal(plain, &s); err != nil {
		return tributary.Grant{}, 0, fmt.Errorf("open the grant of %s: it is not a grant", tenant)
	}
	return tributary.Grant{
		RefreshToken: tributary.NewSecret(s.RefreshToken),
		Previous:     tributary.NewSecret(s.Previous),
		ClientID:     s.ClientID,
		Account:      s.Account,
		V1:           s.V1,
		Public:       s.Public,
		Obtained:     s.Obtained,
		Rotated:      s.Rotated,
	}, revision, nil
}

// PutGrant seals and stores the grant. See [tributary.Grants].
func (g Grants) PutGrant(ctx context.Context, tenant string, grant tributary.Grant, revision uint64) (uint64, error) {
	plain, err := json.Marshal(sealedGrant{
		RefreshToken: grant.RefreshToken.Reveal(),
		Previous:     grant.Previous.Reveal(),
		ClientID:     grant.ClientID,
		Account:      grant.Account,
		V1:           grant.V1,
		Public:       grant.Public,
		Obtained:     grant.Obtained,
		Rotated:      grant.Rotated,
	})
	if err != nil {
		return 0, fmt.Errorf("seal the grant of %s: %w", tenant, err)
	}
	sealed, err := g.Vault.Seal(GrantName(tenant), plain)
	if err != nil {
		return 0, fmt.Errorf("seal the grant of %s: %w", tenant, err)
	}
	return g.Records.PutSealedGrant(ctx, tenant, sealed, revision)
}
