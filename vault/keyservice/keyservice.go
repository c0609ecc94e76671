// Package keyservice reaches the key services that can seal a vault's key:
// Azure Key Vault and the transit engine of HashiCorp Vault.
package keyservice

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/hashivault" // hashivault://

	"tributary"
	"tributary/vault"
)

// CodeAddress is the condition that the address of a key service is wrong, or
// that the environment lacks what its client needs.
const CodeAddress = "key-service-address"

// Service is a key service. Close it after use.
type Service struct{ keeper *secrets.Keeper }

var _ vault.Keeper = (*Service)(nil)

// Open makes a client; it does not call the service yet. The URL is that of
// [gocloud.dev/secrets]:
//
//	azurekeyvault://<vault>.vault.azure.net/keys/<name>/<version>
//	hashivault://<name of the transit key>
//
// The way there and the credential come from the environment: AZURE_TENANT_ID
// and the like or the machine's managed identity; VAULT_ADDR and VAULT_TOKEN.
func Open(ctx context.Context, url string) (*Service, error) {
	keeper, err := secrets.OpenKeeper(ctx, url)
	if err != nil {
		return nil, &tributary.Error{
			Code: CodeAddress, Op: "reach the key service " + scheme(url), Err: err, Fix: tributary.FixMSSP,
			Next: "look at store.key_service and at the variables of the service's client (docs/security.md)",
		}
	}
	return &Service{keeper}, nil
}

// Encrypt seals a key of 32 bytes.
func (s *Service) Encrypt(ctx context.Context, plain []byte) (sealed []byte, err error) {
	defer guard(&err)
	return s.keeper.Encrypt(ctx, plain)
}

// Decrypt unseals what Encrypt sealed.
func (s *Service) Decrypt(ctx context.Context, sealed []byte) (plain []byte, err error) {
	defer guard(&err)
	return s.keeper.Decrypt(ctx, sealed)
}

// Close ends the client.
func (s *Service) Close() error { return s.keeper.Close() }

// guard makes an error of a panic: the driver for HashiCorp Vault takes for
// granted that every answer has the text it wants.
func guard(err *error) {
	if recover() != nil {
		*err = errors.New("it answered something that is not a sealed or unsealed key")
	}
}

func scheme(url string) string {
	before, _, ok := strings.Cut(url, "://")
	if !ok {
		return "of the configuration"
	}
	return fmt.Sprintf("(%s)", before)
}
