package identity

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
)

func (l *lab) azure() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: l.url},
		Transport: l.client,
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

func TestAzidentityBySecret(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, time.Hour)
	l.Consent(contoso, multiApp)
	cred, err := azidentity.NewClientSecretCredential(contoso, multiApp, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: l.azure(), DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.checkAppToken(cred)

	wrong, err := azidentity.NewClientSecretCredential(contoso, multiApp, "wrong", &azidentity.ClientSecretCredentialOptions{
		ClientOptions: l.azure(), DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = wrong.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{graph + "/.default"}})
	if err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("wrong secret: %v", err)
	}
}

func TestAzidentityByCertificate(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, time.Hour)
	l.Consent(contoso, multiApp)
	cert, key := appKeyPair()
	cred, err := azidentity.NewClientCertificateCredential(contoso, multiApp, []*x509.Certificate{cert}, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: l.azure(), DisableInstanceDiscovery: true, SendCertificateChain: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.checkAppToken(cred)
}

// checkAppToken gets tokens for two resources and one unconsented tenant.
func (l *lab) checkAppToken(cred azcore.TokenCredential) {
	l.t.Helper()
	for resource, role := range map[string]string{graph: "SecurityAlert.Read.All", defender: "Alert.Read.All"} {
		token, err := cred.GetToken(l.t.Context(), policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
		if err != nil {
			l.t.Fatal(err)
		}
		c, err := l.Verify("Bearer " + token.Token)
		if err != nil {
			l.t.Fatal(err)
		}
		if c.Audience != resource || c.TenantID != contoso || c.ClientID != multiApp || c.User != "" || !slices.Contains(c.Roles, role) {
			l.t.Errorf("%s: %+v", resource, c)
		}
		if left := time.Until(token.ExpiresOn); left < 59*time.Minute || left > time.Hour {
			l.t.Errorf("%s: expires in %v", resource, left)
		}
	}
}

func TestAzidentityUnconsented(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, time.Hour)
	cred, err := azidentity.NewClientSecretCredential(adatum, multiApp, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: l.azure(), DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := policy.TokenRequestOptions{Scopes: []string{graph + "/.default"}}
	if _, err = cred.GetToken(t.Context(), ask); err == nil || !strings.Contains(err.Error(), "AADSTS700016") {
		t.Errorf("before consent: %v", err)
	}
	l.Consent(adatum, multiApp)
	if _, err = cred.GetToken(t.Context(), ask); err != nil {
		t.Errorf("after consent: %v", err)
	}
}

func (l *lab) msal(cred confidential.Credential, tenant string) confidential.Client {
	l.t.Helper()
	c, err := confidential.New(l.url+"/"+tenant, multiApp, cred, confidential.WithInstanceDiscovery(false), confidential.WithHTTPClient(l.client))
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

func TestMSALByCredential(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, time.Hour)
	l.Consent(contoso, multiApp)
	bySecret, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := appKeyPair()
	byCert, err := confidential.NewCredFromCert([]*x509.Certificate{cert}, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, cred := range map[string]confidential.Credential{"secret": bySecret, "certificate": byCert} {
		for _, tenant := range []string{contoso, "contoso.example"} {
			res, err := l.msal(cred, tenant).AcquireTokenByCredential(t.Context(), []string{graph + "/.default"})
			if err != nil {
				t.Fatalf("%s at %s: %v", name, tenant, err)
			}
			if c, err := l.Verify(res.AccessToken); err != nil || c.TenantID != contoso || len(c.Roles) != 2 {
				t.Errorf("%s at %s: %+v %v", name, tenant, c, err)
			}
		}
	}
}

// listener is a program's loopback redirect address: it keeps the first query
// that comes in.
func listener(t *testing.T) (address string, queries <-chan url.Values) {
	t.Helper()
	ch := make(chan url.Values, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		select {
		case ch <- r.Form:
		default:
		}
	}))
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), ch
}

func TestMSALByAuthCode(t *testing.T) {
	t.Parallel()
	// Shorter than MSAL's five minutes of caution: it is stale when it arrives.
	l := newLiveLab(t, 4*time.Minute)
	cred, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	client := l.msal(cred, contoso)
	scopes := []string{defender + "/Alert.Read"}
	redirect, queries := listener(t)
	verifier, challenge := pkce()
	address, err := client.AuthCodeURL(t.Context(), multiApp, redirect, scopes)
	if err != nil {
		t.Fatal(err)
	}
	address += "&" + values("code_challenge", challenge, "code_challenge_method", "S256", "state", "a state/with+signs").Encode()
	final, err := l.browser(anna).Visit(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	q := <-queries
	if q.Get("state") != "a state/with+signs" || q.Get("code") == "" || q.Get("code") != final.Query().Get("code") {
		t.Fatalf("the listener got %v, the browser ended at %v", q, final)
	}
	res, err := client.AcquireTokenByAuthCode(t.Context(), q.Get("code"), redirect, scopes, confidential.WithChallenge(verifier))
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Verify(res.AccessToken)
	if err != nil || c.User != anna || !slices.Equal(c.Scopes, []string{"Alert.Read"}) || c.TenantID != contoso || c.Audience != defender {
		t.Fatalf("%+v %v", c, err)
	}
	// The guest's home account names the provider's tenant.
	if !strings.HasSuffix(res.Account.HomeAccountID, "."+mssp) || res.Account.PreferredUsername != anna {
		t.Errorf("account %+v", res.Account)
	}
	again, err := client.AcquireTokenSilent(t.Context(), scopes, confidential.WithSilentAccount(res.Account))
	if err != nil {
		t.Fatal(err)
	}
	if again.AccessToken == res.AccessToken {
		t.Error("the stale token came back: no refresh happened")
	}
	if _, err := l.Verify(again.AccessToken); err != nil {
		t.Error(err)
	}
	l.RevokeGrants(contoso)
	if _, err := client.AcquireTokenSilent(t.Context(), scopes, confidential.WithSilentAccount(again.Account)); err == nil || !strings.Contains(err.Error(), "AADSTS50173") {
		t.Errorf("after revocation: %v", err)
	}
}

func TestMSALByDeviceCode(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, time.Hour)
	client, err := public.New(pubApp, public.WithAuthority(l.url+"/"+contoso), public.WithInstanceDiscovery(false), public.WithHTTPClient(l.client))
	if err != nil {
		t.Fatal(err)
	}
	start := func(ctx context.Context) public.DeviceCode {
		t.Helper()
		dc, err := client.AcquireTokenByDeviceCode(ctx, []string{graph + "/SecurityAlert.Read.All"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(dc.Result.Message, dc.Result.UserCode) || dc.Result.VerificationURL == "" {
			t.Fatalf("%+v", dc.Result)
		}
		return dc
	}

	dc := start(t.Context())
	b := l.browser(admin)
	b.Code = strings.ToLower(dc.Result.UserCode)
	if _, err := b.Visit(t.Context(), dc.Result.VerificationURL); err != nil {
		t.Fatal(err)
	}
	res, err := dc.AuthenticationResult(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := l.Verify(res.AccessToken); err != nil || c.User != admin || c.TenantID != contoso || !slices.Contains(c.Scopes, "SecurityAlert.Read.All") {
		t.Errorf("%+v %v", c, err)
	}

	declined := start(t.Context())
	b.Code, b.Decline = declined.Result.UserCode, true
	if _, err := b.Visit(t.Context(), declined.Result.VerificationURL); err != nil {
		t.Fatal(err)
	}
	if _, err := declined.AuthenticationResult(t.Context()); err == nil || !strings.Contains(err.Error(), "authorization_declined") {
		t.Errorf("declined: %v", err)
	}

	// MSAL polls while it is pending, so this one ends only when we end it.
	waiting := start(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if _, err := waiting.AuthenticationResult(ctx); err == nil || strings.Contains(err.Error(), "AADSTS") {
		t.Errorf("pending: %v", err)
	}
}

func TestMSALByLocalhost(t *testing.T) {
	t.Parallel()
	// The server knows itself as 127.0.0.1; MSAL refuses metadata whose issuer
	// is on another host than it called.
	l := newLiveLab(t, time.Hour)
	l.Consent(contoso, multiApp)
	cert, key := appKeyPair()
	cred, err := confidential.NewCredFromCert([]*x509.Certificate{cert}, key)
	if err != nil {
		t.Fatal(err)
	}
	l.url = strings.Replace(l.url, "127.0.0.1", "localhost", 1)
	res, err := l.msal(cred, contoso).AcquireTokenByCredential(t.Context(), []string{graph + "/.default"})
	if err != nil {
		t.Fatal(err)
	}
	if got := payload(t, res.AccessToken)["iss"]; got != l.url+"/"+contoso+"/v2.0" {
		t.Errorf("iss %v", got)
	}
}
