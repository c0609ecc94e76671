package directory_test

import (
	"net/http"
	"testing"

	"tributary/microsoft/sim/directory"
	"tributary/microsoft/sim/identity"
)

func TestOrganization(t *testing.T) {
	t.Parallel()
	l := start(t, func(_ *identity.Options, o *directory.Options) {
		o.Licensed = func(id string) bool { return id == contoso }
	})
	a := l.good(l.call(contoso, http.MethodGet, "organization", nil), http.StatusOK)
	for path, want := range map[string]any{
		"value.0.id": contoso, "value.0.displayName": "Contoso", "value.0.countryLetterCode": "SE", "value.0.tenantType": "AAD",
		"value.0.verifiedDomains.0.name": "contoso.example", "value.0.verifiedDomains.0.isDefault": true,
		"value.0.verifiedDomains.1.name": "contoso.onmicrosoft.com", "value.0.verifiedDomains.1.isInitial": true,
		"@odata.context": l.url + "/graph/v1.0/$metadata#organization",
	} {
		if got := a.at(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if len(a.values()) != 1 {
		t.Errorf("%d organisations", len(a.values()))
	}
	services := func(a answer) (list []string) {
		plans, _ := a.at("value.0.assignedPlans").([]any)
		for _, p := range plans {
			list = append(list, p.(m)["service"].(string))
		}
		return list
	}
	if got := services(a); len(got) != 3 || got[1] != "WindowsDefenderATP" {
		t.Errorf("plans %q", got)
	}
	if got := services(l.good(l.call(mssp, http.MethodGet, "organization", nil), http.StatusOK)); len(got) != 1 {
		t.Errorf("plans without Defender %q", got)
	}
	l.good(l.call(contoso, http.MethodGet, "organization/"+contoso, nil), http.StatusOK)
	l.refused(l.call(contoso, http.MethodGet, "organization/"+mssp, nil), http.StatusNotFound, "Request_ResourceNotFound", mssp)

	// With User.Read a person sees three properties of it.
	b := l.good(l.callWith(l.person(contoso, "admin@contoso.example", graph+"/User.Read"), http.MethodGet, "organization", nil), http.StatusOK)
	if b.text("value.0.displayName") != "Contoso" || b.text("value.0.verifiedDomains.0.name") != "contoso.example" || b.at("value.0.countryLetterCode") != nil || len(services(b)) != 0 {
		t.Errorf("with User.Read: %s", b.raw)
	}
}

func TestTenantInformation(t *testing.T) {
	t.Parallel()
	l := start(t)
	for _, path := range []string{
		"tenantRelationships/findTenantInformationByDomainName(domainName='contoso.example')",
		"tenantRelationships/findTenantInformationByDomainName(domainName='contoso.onmicrosoft.com')",
		"tenantRelationships/findTenantInformationByTenantId(tenantId='" + contoso + "')",
	} {
		a := l.good(l.call(mssp, http.MethodGet, path, nil), http.StatusOK)
		if a.text("tenantId") != contoso || a.text("displayName") != "Contoso" || a.text("defaultDomainName") != "contoso.example" || a.at("federationBrandName") != nil {
			t.Errorf("%s: %s", path, a.raw)
		}
	}
	for _, path := range []string{
		"tenantRelationships/findTenantInformationByDomainName(domainName='nowhere.example')",
		"tenantRelationships/findTenantInformationByTenantId(tenantId='contoso.example')",
		"tenantRelationships/findTenantInformationByDomainName(domainName='" + contoso + "')",
	} {
		l.refused(l.call(mssp, http.MethodGet, path, nil), http.StatusNotFound, "Request_ResourceNotFound", "does not exist")
	}
	l.refused(l.call(mssp, http.MethodGet, "tenantRelationships/findTenantInformationByDomainName(domainname='x')", nil), http.StatusBadRequest, "BadRequest", "domainName")
}
