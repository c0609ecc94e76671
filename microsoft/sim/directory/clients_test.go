package directory_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tributary/microsoft/sim/identity"
)

func (l *lab) azure() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: l.url}, Transport: l.client, Retry: policy.RetryOptions{MaxRetries: -1},
	}
}

// bySecret and byCertificate ask for tokens as Microsoft's own library does.
func (l *lab) bySecret(tenant, appID, text string) (identity.Claims, error) {
	l.Helper()
	cred, err := azidentity.NewClientSecretCredential(tenant, appID, text, &azidentity.ClientSecretCredentialOptions{ClientOptions: l.azure(), DisableInstanceDiscovery: true})
	if err != nil {
		l.Fatal(err)
	}
	return l.ask(cred)
}

func (l *lab) byCertificate(tenant, appID string, p pair) (identity.Claims, error) {
	l.Helper()
	cred, err := azidentity.NewClientCertificateCredential(tenant, appID, []*x509.Certificate{p.cert}, p.key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: l.azure(), DisableInstanceDiscovery: true})
	if err != nil {
		l.Fatal(err)
	}
	return l.ask(cred)
}

func (l *lab) ask(cred azcore.TokenCredential) (identity.Claims, error) {
	l.Helper()
	token, err := cred.GetToken(l.Context(), policy.TokenRequestOptions{Scopes: []string{graph + "/.default"}})
	if err != nil {
		return identity.Claims{}, err
	}
	c, err := l.identity.Verify(token.Token)
	if err != nil {
		l.Fatal(err)
	}
	return c, nil
}

// The customer's administrator signs in by device code with Microsoft's library
// and public client, and registers an application in their own directory, for
// that directory alone. It works there and nowhere else.
func TestAnApplicationOfTheCustomersOwn(t *testing.T) {
	t.Parallel()
	l := start(t)
	b := identity.Browser{Client: l.client, User: "admin@contoso.example", Password: password}
	cred, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: l.azure(), DisableInstanceDiscovery: true, TenantID: contoso, ClientID: identity.CommandLineTools,
		UserPrompt: func(ctx context.Context, m azidentity.DeviceCodeMessage) error {
			b.Code = m.UserCode
			_, err := b.Visit(ctx, m.VerificationURL)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var scopes []string
	for _, name := range []string{"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Organization.Read.All"} {
		scopes = append(scopes, graph+"/"+name)
	}
	got, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, path string, body any) answer {
		t.Helper()
		return l.callWith(got.Token, method, path, body)
	}
	org := l.good(call(http.MethodGet, "organization", nil), http.StatusOK)
	app := l.good(call(http.MethodPost, "applications", m{
		"displayName": org.text("value.0.displayName") + " SIEM MSSP Connector", "signInAudience": "AzureADMyOrg",
		"web": m{"redirectUris": []string{"https://fabrikam.example/SiemMsspConnector"}},
	}), http.StatusCreated)
	sp := l.good(call(http.MethodPost, "servicePrincipals", m{"appId": app.text("appId")}), http.StatusCreated)
	api := l.good(call(http.MethodGet, "servicePrincipals(appId='"+graphAPI+"')", nil), http.StatusOK)
	l.good(call(http.MethodPost, "servicePrincipals/"+api.text("id")+"/appRoleAssignedTo", m{
		"principalId": sp.text("id"), "resourceId": api.text("id"), "appRoleId": alertRole,
	}), http.StatusCreated)
	text := l.good(call(http.MethodPost, "applications/"+app.text("id")+"/addPassword", m{}), http.StatusOK).text("secretText")

	c, err := l.bySecret(contoso, app.text("appId"), text)
	if err != nil || !slices.Equal(c.Roles, []string{"SecurityAlert.Read.All"}) || c.TenantID != contoso {
		t.Errorf("at home: %+v, %v", c, err)
	}
	if _, err := l.bySecret(mssp, app.text("appId"), text); err == nil || !strings.Contains(err.Error(), "AADSTS700016") {
		t.Errorf("elsewhere: %v", err)
	}
	if a := l.post("/organizations/oauth2/v2.0/devicecode", "client_id", app.text("appId"), "scope", "User.Read"); a.status != http.StatusBadRequest {
		t.Errorf("anywhere: %s", a.raw)
	} else {
		l.tokenError(a, 50194)
	}
}

// A provider's application for one directory can't sign in to a customer's, the
// trap in Microsoft's procedure, until it is opened to others.
func TestSingleTenantOfTheProvider(t *testing.T) {
	t.Parallel()
	l := start(t)
	body := connector("Contoso SIEM MSSP Connector")
	body["signInAudience"] = "AzureADMyOrg"
	id, appID := l.register(body)
	visit := func() error {
		b := identity.Browser{Client: l.client, User: "admin@contoso.example", Password: password}
		_, err := b.Visit(t.Context(), l.url+"/"+contoso+"/oauth2/v2.0/authorize?client_id="+appID+"&response_type=code&scope=User.Read&redirect_uri=https%3A%2F%2Fmssp.example%2Fcallback")
		return err
	}
	if err := visit(); err == nil || !strings.Contains(err.Error(), "AADSTS700016") {
		t.Errorf("at the customer: %v", err)
	}
	l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"signInAudience": "AzureADMultipleOrgs"}), http.StatusNoContent)
	if err := visit(); err != nil {
		t.Errorf("opened: %v", err)
	}
}

// Certificates are renewed with overlap, and Microsoft's library signs with
// whichever is registered.
func TestRenewalWithOverlap(t *testing.T) {
	t.Parallel()
	l := start(t)
	id, appID := l.ready()
	first, second := pairs()[0], pairs()[1]
	works := func(p pair, want bool) {
		t.Helper()
		_, err := l.byCertificate(mssp, appID, p)
		if (err == nil) != want || !want && !strings.Contains(err.Error(), "AADSTS700027") {
			t.Errorf("certificate %d: %v, want it to work: %v", p.cert.SerialNumber, err, want)
		}
	}
	patch := func(keys ...any) {
		t.Helper()
		l.good(l.call(mssp, http.MethodPatch, "applications/"+id, m{"keyCredentials": keys}), http.StatusNoContent)
	}
	patch(keyOf(first))
	works(first, true)
	works(second, false)
	kept := l.good(l.call(mssp, http.MethodGet, "applications/"+id+"?$select=keyCredentials", nil), http.StatusOK).at("keyCredentials.0")
	patch(kept, keyOf(second))
	works(first, true)
	works(second, true)
	patch(keyOf(second))
	works(first, false)
	works(second, true)
}
