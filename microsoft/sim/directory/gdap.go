package directory

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/odata"
)

var (
	relationshipKind = kind{
		set: "tenantRelationships/delegatedAdminRelationships", name: "delegatedAdminRelationship",
		filter: map[string]odata.Type{"id": odata.Name, "status": odata.Text, "displayName": odata.Name, "customer/tenantId": odata.Name, "customer/displayName": odata.Name},
	}
	customerKind = kind{
		set: "tenantRelationships/delegatedAdminCustomers", name: "delegatedAdminCustomer",
		filter: map[string]odata.Type{"id": odata.Name, "tenantId": odata.Name, "displayName": odata.Name},
	}
)

// partnerRoutes are what a partner sees of its customers (Graph:
// delegatedadminrelationships-api-overview).
func partnerRoutes() []route {
	read := [][]string{{"DelegatedAdminRelationship.Read.All", "DelegatedAdminRelationship.ReadWrite.All"}}
	return []route{
		{http.MethodGet, "tenantRelationships/delegatedAdminRelationships", read, listRelationships},
		{http.MethodGet, "tenantRelationships/delegatedAdminRelationships/{}", read, getRelationship},
		{http.MethodGet, "tenantRelationships/delegatedAdminCustomers", read, listCustomers},
		{http.MethodGet, "tenantRelationships/delegatedAdminCustomers/{}", read, getCustomer},
	}
}

func listRelationships(c *call) {
	var list []object
	for _, r := range c.Identity.Relationships(c.claims.TenantID) {
		list = append(list, c.relationshipObject(r))
	}
	c.list(relationshipKind, "tenantRelationships/delegatedAdminRelationships", list)
}

func getRelationship(c *call) {
	for _, r := range c.Identity.Relationships(c.claims.TenantID) {
		if r.ID == lower(c.keys[0]) {
			c.one(http.StatusOK, relationshipKind, c.relationshipObject(r))
			return
		}
	}
	c.missing(c.keys[0])
}

// customers are those with whom the caller's tenant has, or had, an approved
// relationship, each once.
func (c *call) customers() []object {
	var list []object
	seen := map[string]bool{}
	for _, r := range c.Identity.Relationships(c.claims.TenantID) {
		t, ok := c.Identity.Tenant(r.CustomerTenant)
		if !ok || r.Activated.IsZero() || seen[t.ID] {
			continue
		}
		seen[t.ID] = true
		list = append(list, object{
			{"@odata.type", "#microsoft.graph.delegatedAdminCustomer"}, {"@odata.etag", etag(r.Created)},
			{"id", t.ID}, {"tenantId", t.ID}, {"displayName", t.DisplayName},
		})
	}
	return list
}

func listCustomers(c *call) {
	c.list(customerKind, "tenantRelationships/delegatedAdminCustomers", c.customers())
}

func getCustomer(c *call) {
	for _, o := range c.customers() {
		if id, _ := o.get("id"); id == lower(c.keys[0]) {
			c.one(http.StatusOK, customerKind, o)
			return
		}
	}
	c.missing(c.keys[0])
}

func (c *call) relationshipObject(r identity.Relationship) object {
	t, _ := c.Identity.Tenant(r.CustomerTenant)
	roles := []object{}
	for _, id := range r.Roles {
		roles = append(roles, object{{"roleDefinitionId", id}})
	}
	changed := r.Activated
	if changed.IsZero() {
		changed = r.Created
	}
	return object{
		{"@odata.type", "#microsoft.graph.delegatedAdminRelationship"},
		{"@odata.etag", etag(changed)},
		{"id", r.ID},
		{"displayName", r.DisplayName},
		{"duration", days(r.Duration)},
		{"customer", object{{"tenantId", t.ID}, {"displayName", t.DisplayName}}},
		{"accessDetails", object{{"unifiedRoles", roles}}},
		{"status", r.Status},
		{"autoExtendDuration", days(r.AutoExtend)},
		{"createdDateTime", moment(r.Created)},
		{"lastModifiedDateTime", moment(changed)},
		{"activatedDateTime", moment(r.Activated)},
		{"endDateTime", moment(r.End)},
	}
}

// days is an ISO 8601 duration as Microsoft Graph writes it.
func days(d time.Duration) string {
	if d == 0 {
		return "PT0S"
	}
	return fmt.Sprintf("P%dD", d/(24*time.Hour))
}

func etag(changed time.Time) string {
	return `W/"` + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "'%x'", changed.UnixNano())) + `"`
}
