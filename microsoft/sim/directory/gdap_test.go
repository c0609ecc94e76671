package directory_test

import (
	"net/http"
	"testing"
	"time"

	"tributary/microsoft/sim/identity"
)

func (l *lab) relate(r identity.Relationship) identity.Relationship {
	l.Helper()
	r.PartnerTenant, r.CustomerTenant = mssp, contoso
	r, err := l.identity.SetRelationship(r)
	if err != nil {
		l.Fatal(err)
	}
	return r
}

func TestDelegatedAdministration(t *testing.T) {
	t.Parallel()
	l := start(t)
	const path = "tenantRelationships/delegatedAdminRelationships"
	if a := l.good(l.call(mssp, http.MethodGet, path, nil), http.StatusOK); len(a.values()) != 0 {
		t.Errorf("from the start: %s", a.raw)
	}
	r := l.relate(identity.Relationship{Status: "approvalPending"})
	pending := l.good(l.call(mssp, http.MethodGet, path+"/"+r.ID, nil), http.StatusOK)
	if pending.text("status") != "approvalPending" || pending.at("endDateTime") != nil {
		t.Errorf("pending: %s", pending.raw)
	}
	if a := l.good(l.call(mssp, http.MethodGet, "tenantRelationships/delegatedAdminCustomers", nil), http.StatusOK); len(a.values()) != 0 {
		t.Errorf("customers before the approval: %s", a.raw)
	}
	l.relate(identity.Relationship{DisplayName: "Fabrikam for Contoso", Duration: 30 * 24 * time.Hour})
	a := l.good(l.call(mssp, http.MethodGet, path+"?$filter=status%20eq%20'active'%20and%20customer/tenantId%20eq%20'"+contoso+"'", nil), http.StatusOK)
	end := l.clock.Now().UTC().AddDate(0, 0, 30).Format(time.RFC3339)
	for p, want := range map[string]any{
		"value.0.id": r.ID, "value.0.displayName": "Fabrikam for Contoso", "value.0.duration": "P30D", "value.0.autoExtendDuration": "PT0S",
		"value.0.customer.tenantId": contoso, "value.0.customer.displayName": "Contoso", "value.0.endDateTime": end,
		"value.0.accessDetails.unifiedRoles.0.roleDefinitionId": "5d6b6bb7-de71-4623-b4af-96380a352509",
	} {
		if got := a.at(p); got != want {
			t.Errorf("%s is %v, want %v", p, got, want)
		}
	}
	customers := l.good(l.call(mssp, http.MethodGet, "tenantRelationships/delegatedAdminCustomers", nil), http.StatusOK)
	if len(customers.values()) != 1 || customers.text("value.0.tenantId") != contoso || customers.text("value.0.displayName") != "Contoso" {
		t.Errorf("customers: %s", customers.raw)
	}
	// The customer is nobody's partner.
	if a := l.good(l.call(contoso, http.MethodGet, path, nil), http.StatusOK); len(a.values()) != 0 {
		t.Errorf("seen from the customer: %s", a.raw)
	}
	l.clock.add(30 * 24 * time.Hour)
	l.tokens = map[string]string{}
	if a := l.good(l.call(mssp, http.MethodGet, path+"/"+r.ID, nil), http.StatusOK); a.text("status") != "expired" {
		t.Errorf("after its end: %s", a.raw)
	}
	l.relate(identity.Relationship{Created: l.clock.Now().Add(-time.Hour - 30*24*time.Hour), Duration: 30 * 24 * time.Hour, AutoExtend: 180 * 24 * time.Hour})
	if a := l.good(l.call(mssp, http.MethodGet, path+"/"+r.ID, nil), http.StatusOK); a.text("status") != "active" || a.text("endDateTime") != l.clock.Now().Add(180*24*time.Hour-time.Hour).UTC().Format(time.RFC3339) {
		t.Errorf("extended: %s", a.raw)
	}
	l.refused(l.callWith(l.token(mssp, reader), http.MethodGet, path, nil), http.StatusForbidden, "Authorization_RequestDenied", "")
	l.refused(l.call(mssp, http.MethodGet, path+"/x", nil), http.StatusNotFound, "Request_ResourceNotFound", "")
}
