package directory

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
)

func TestOrganization(t *testing.T) {
	t.Parallel()
	got, err := newFake(t).client(t).Organization(t.Context())
	want := Organization{
		TenantID: ownTenant, Name: "Fabrikam", Country: "SE", Type: "AAD",
		Domains: []Domain{{"fabrikam.onmicrosoft.com", false, true}, {"fabrikam.com", true, false}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || got.DefaultDomain() != "fabrikam.com" {
		t.Errorf("%v, %s", err, diff)
	}
}

func TestTenantInformation(t *testing.T) {
	t.Parallel()
	f := scripted(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1.0/tenantRelationships/findTenantInformationByDomainName(domainName='contoso.com')",
			"/v1.0/tenantRelationships/findTenantInformationByTenantId(tenantId='" + customerTenant + "')":
			reply(w, http.StatusOK, map[string]any{
				"tenantId": strings.ToUpper(customerTenant), "displayName": "Contoso", "defaultDomainName": "contoso.com", "federationBrandName": nil,
			})
		default:
			refuse(w, http.StatusNotFound, "Directory_ObjectNotFound", "Unable to read the company information from the directory.")
		}
	})
	want := TenantInformation{TenantID: customerTenant, Name: "Contoso", DefaultDomain: "contoso.com"}
	c := f.client(t)
	if got, err := c.TenantByDomain(t.Context(), "contoso.com"); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.TenantByID(t.Context(), strings.ToUpper(customerTenant)); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	_, err := c.TenantByDomain(t.Context(), "nowhere.example")
	f.failed(t, err, tributary.CodeTenantUnknown, tributary.FixMSSP)
	before := f.count()
	for _, domain := range []string{"", "a'b", "a/b", "a b", "a%27b"} {
		_, err := c.TenantByDomain(t.Context(), domain)
		f.failed(t, err, CodeSettings, tributary.FixMSSP)
	}
	_, err = c.TenantByID(t.Context(), "contoso.com")
	f.failed(t, err, CodeSettings, tributary.FixMSSP)
	if f.count() != before {
		t.Error("what is no domain was asked for")
	}
}

func TestGranted(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var h holder
	done, err := f.client(t).Register(t.Context(), h.registration())
	if err != nil {
		t.Fatal(err)
	}
	// One person's own consent, and a role of an API that is gone.
	f.grants = append(f.grants, map[string]any{
		"id": newID(), "clientId": done.ServicePrincipalID, "consentType": "Principal", "principalId": "anna", "resourceId": f.principals[0]["id"], "scope": " openid  profile ",
	})
	f.assignments = append(f.assignments, map[string]any{"id": newID(), "principalId": done.ServicePrincipalID, "resourceId": "gone", "appRoleId": "some-role"})
	f.principals[3]["accountEnabled"] = false
	got, err := f.client(t).Granted(t.Context(), done.AppID)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range got.Granted {
		names = append(names, strings.TrimSpace(p.String()+" "+p.Principal))
	}
	want := []string{
		"Alert.Read.All of WindowsDefenderATP (application)",
		"SecurityAlert.Read.All of Microsoft Graph (application)",
		"User.Read of Windows Azure Active Directory (delegated)",
		"openid of Microsoft Graph (delegated) anna",
		"profile of Microsoft Graph (delegated) anna",
		"some-role of  (application)",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if got.Enabled || got.Home != ownTenant || got.ServicePrincipalID != done.ServicePrincipalID {
		t.Errorf("%+v", got)
	}
	needs, err := Needs([]tributary.Source{tributary.SourceGraph, tributary.SourceXDR}, tributary.AuthAppOnly)
	if lacks := got.Lacks(needs); err != nil || len(lacks) != 1 || lacks[0].String() != "Incident.Read.All of Microsoft Threat Protection (application)" {
		t.Errorf("lacks %v, %v", lacks, err)
	}
	needs, err = Needs([]tributary.Source{tributary.SourceSIEM}, tributary.AuthDelegated)
	if lacks := got.Lacks(needs); err != nil || len(lacks) != 3 { // the person's own consent is not everybody's
		t.Errorf("lacks %v, %v", lacks, err)
	}
	_, err = f.client(t).Granted(t.Context(), newID())
	if f.failed(t, err, tributary.CodeConsentMissing, tributary.FixMSSP); !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("an unknown application: %v", err)
	}
	cfg := f.config()
	cfg.Fix = tributary.FixCustomer
	_, err = New(cfg).Granted(t.Context(), newID())
	f.failed(t, err, tributary.CodeConsentMissing, tributary.FixCustomer)
}

// TestProvision: consent by API in a customer's directory, where the
// application is registered elsewhere.
func TestProvision(t *testing.T) {
	t.Parallel()
	appID := newID()
	for n := 1; ; n++ {
		f := newFake(t)
		f.hidden = 7 // lists are behind
		f.available = append(f.available, apiPrincipal("Fabrikam alerts", appID, nil, nil))
		f.serving(n, true)
		sources := []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint, tributary.SourceSIEM}
		_, err := f.client(t).Provision(t.Context(), appID, sources, tributary.AuthAppOnly)
		if err != nil {
			f.failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
		}
		reached := f.count() >= n
		f.serving(0, false)
		if _, err := f.client(t).Provision(t.Context(), appID, sources, tributary.AuthAppOnly); err != nil {
			t.Errorf("after a cut at %d: %v", n, err)
		}
		f.hidden = 0
		got, err := f.client(t).Provision(t.Context(), appID, sources, tributary.AuthAppOnly)
		if len(f.assignments) != 2 || len(f.grants) != 1 {
			t.Errorf("after a cut at %d: %v, %v", n, f.assignments, f.grants)
		}
		needs, _ := Needs(sources, tributary.AuthAppOnly)
		if err != nil || len(got.Granted) != 3 || len(got.Lacks(needs)) != 0 {
			t.Errorf("after a cut at %d: %+v, %v", n, got, err)
		}
		if !reached {
			break
		}
		if n > maxRequests {
			t.Fatal("it takes too many requests")
		}
	}
	// A grant that is there is widened, not replaced.
	f := newFake(t)
	f.available = append(f.available, apiPrincipal("Fabrikam alerts", appID, nil, nil))
	c := f.client(t)
	if _, err := c.Provision(t.Context(), appID, []tributary.Source{tributary.SourceGraph}, tributary.AuthDelegated); err != nil {
		t.Fatal(err)
	}
	got, err := c.Provision(t.Context(), appID, []tributary.Source{tributary.SourceGraphIncidents}, tributary.AuthDelegated)
	if err != nil || len(f.grants) != 1 || len(strings.Fields(fmt.Sprint(f.grants[0]["scope"]))) != 5 || len(got.Granted) != 5 {
		t.Errorf("%v, %+v, %v", f.grants, got, err)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var h holder
	c := f.client(t)
	done, err := c.Register(t.Context(), h.registration())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.addCertificate(t.Context(), done.ObjectID, testCertificate().X509, "Tributary test"); err != nil {
		t.Fatal(err)
	}
	f.apps[0]["spa"] = map[string]any{"redirectUris": []any{"https://spa.fabrikam.com/"}}
	required := f.apps[0]["requiredResourceAccess"].([]any)
	f.apps[0]["requiredResourceAccess"] = append(required, map[string]any{"resourceAppId": "an-api-that-is-gone", "resourceAccess": []any{map[string]any{"id": "some-role", "type": "Role"}}})
	got, err := c.Show(t.Context(), done.AppID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "Fabrikam alerts" || !got.MultiTenant || got.Audience != audienceMulti || len(got.RedirectURIs) != 2 || len(got.Other) != 1 || got.PublicClient || !got.Enabled {
		t.Errorf("%+v", got)
	}
	var permissions []string
	for _, p := range got.Permissions {
		permissions = append(permissions, p.String())
	}
	want := []string{
		"Alert.Read.All of WindowsDefenderATP (application)", "SecurityAlert.Read.All of Microsoft Graph (application)",
		"User.Read of Windows Azure Active Directory (delegated)", "some-role of an-api-that-is-gone (application)",
	}
	if diff := cmp.Diff(want, permissions); diff != "" {
		t.Error(diff)
	}
	if len(got.Credentials) != 2 || got.Credentials[0].Kind != CertificateCredential || got.Credentials[0].Thumbprint != Thumbprint(testCertificate().X509) ||
		!got.Credentials[0].Expires.Equal(testCertificate().X509.NotAfter) || got.Credentials[1].Kind != SecretCredential || got.Credentials[1].Hint != f.issued[0][:3] {
		t.Errorf("credentials %+v", got.Credentials)
	}
	if soon := got.Expiring(noon, 90*24*time.Hour); len(soon) != 2 || soon[0].Kind != CertificateCredential {
		t.Errorf("expiring %+v", soon)
	}
	if soon := got.Expiring(noon, 7*24*time.Hour); len(soon) != 0 {
		t.Errorf("expiring %+v", soon)
	}
	f.leaks(t, "what is shown", fmt.Sprintf("%+v %#v", got, got))
	_, err = c.Show(t.Context(), newID())
	if f.failed(t, err, CodeNotThere, tributary.FixMSSP); !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("another application: %v", err)
	}
}
