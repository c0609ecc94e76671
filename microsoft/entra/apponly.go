package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tributary"
)

// appOnly gets a token by client credentials, with the certificate if the
// application has one, otherwise with the secret.
//
// Each token has a fresh azidentity credential: the one cache is ours, so that
// a token that an API has rejected can't come back out of MSAL's.
func (c *Client) appOnly(ctx context.Context, r request) (tributary.AccessToken, error) {
	w := newWire(ctx, r.client, c.cfg.Now)
	cred, err := appCredential(w, r)
	if err == nil {
		var tok azcore.AccessToken
		if tok, err = cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{defaultScope(r.resource)}}); err == nil {
			got := tributary.AccessToken{Value: tributary.NewSecret(tok.Token), Expires: w.expires()}
			_, err = checkTenant(r.op(), r.tenant, got.Value)
			return got, err
		}
	}
	if e := tributary.AsError(err); e != nil {
		e.Tenant = name(r.tenant)
		return tributary.AccessToken{}, e
	}
	return tributary.AccessToken{}, w.failure(r.op(), r.tenant, err)
}

func appCredential(w *wire, r request) (azcore.TokenCredential, error) {
	login, err := url.Parse(r.cloud.Login)
	if err != nil {
		return nil, fmt.Errorf("the cloud's login address: %w", err)
	}
	if w.configuration, err = configuration(r.cloud, r.tenant.ID); err != nil {
		return nil, err
	}
	options := azcore.ClientOptions{
		// MSAL takes the first part of an authority's path for the tenant, so a
		// login address with a path goes in by the configuration alone.
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: "https://" + login.Host},
		Transport: w,
		// We retry, at our own pace and for all tenants alike.
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "Tributary"},
	}
	// Instance discovery asks Microsoft whether a host is Microsoft's. The
	// configuration has said where the cloud is, and a laboratory can't ask.
	const known = true
	switch {
	case !r.app.Certificate.IsZero():
		certs, key, err := certificate(r.app)
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientCertificateCredential(r.tenant.ID, r.app.ClientID, certs, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: known})
	case !r.app.ClientSecret.IsZero():
		return azidentity.NewClientSecretCredential(r.tenant.ID, r.app.ClientID, r.app.ClientSecret.Reveal(), // sent to the cloud's token endpoint
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: known})
	}
	return nil, &tributary.Error{
		Code: tributary.CodeCredential, Op: r.op(), Fix: tributary.FixMSSP,
		Err:  errors.New("the application has neither a secret nor a certificate"),
		Next: "configure the application's client_secret or certificate_file",
	}
}

// configuration is what the identity service would answer when MSAL asks for a
// tenant's endpoints.
func configuration(cloud tributary.Cloud, tenantID string) ([]byte, error) {
	to := endpoints(cloud, tenantID, false)
	return json.Marshal(map[string]string{
		"issuer":                 cloud.Login + "/" + tenantID + "/v2.0",
		"authorization_endpoint": to.AuthURL,
		"token_endpoint":         to.TokenURL,
	})
}
