package directory

import (
	"net/http"
	"slices"
	"strings"

	"tributary/microsoft/sim/identity"
)

// organizationRoutes say whose tenant it is (Graph: organization-list,
// tenantrelationship-findtenantinformationbydomainname) and who signed in.
func organizationRoutes() []route {
	find := [][]string{{"CrossTenantInformation.ReadBasic.All"}}
	return []route{
		{http.MethodGet, "organization", nil, listOrganization},
		{http.MethodGet, "organization/{}", nil, getOrganization},
		{http.MethodGet, "me", [][]string{{"User.Read"}}, getMe},
		{http.MethodGet, "tenantRelationships/findTenantInformationByDomainName/{}", find, func(c *call) { findTenant(c, "domainName") }},
		{http.MethodGet, "tenantRelationships/findTenantInformationByTenantId/{}", find, func(c *call) { findTenant(c, "tenantId") }},
	}
}

var organizationKind = kind{set: "organization", name: "organization"}

// organization is the caller's tenant. Where it returns false it has answered.
func (c *call) organization() (object, bool) {
	whole := c.may("Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All")
	if !whole && !(c.claims.User != "" && c.may("User.Read")) {
		c.deny()
		return nil, false
	}
	t, ok := c.Identity.Tenant(c.claims.TenantID)
	if !ok {
		c.missing(c.claims.TenantID)
		return nil, false
	}
	o := c.organizationObject(t)
	if !whole {
		// User.Read shows three properties; the others are there without a value.
		for i := range o {
			switch o[i].name {
			case "id", "displayName", "verifiedDomains":
			default:
				if _, list := o[i].value.([]object); list {
					o[i].value = []object{}
					continue
				}
				o[i].value = nil
			}
		}
	}
	return o, true
}

func listOrganization(c *call) {
	if o, ok := c.organization(); ok {
		c.list(organizationKind, "organization", []object{o})
	}
}

func getOrganization(c *call) {
	o, ok := c.organization()
	if !ok {
		return
	}
	if id, _ := o.get("id"); !strings.EqualFold(c.keys[0], id.(string)) {
		c.missing(c.keys[0])
		return
	}
	c.one(http.StatusOK, organizationKind, o)
}

// Service plans by which a tenant may use Defender's APIs.
var defenderPlans = []struct{ service, id string }{
	{"WindowsDefenderATP", "871d91ec-ec1a-452b-a83f-bd76c7d770ef"},
	{"MTP", "bf28f719-7844-4079-9c78-c1307898e192"},
}

func (c *call) organizationObject(t identity.Tenant) object {
	plan := func(service, id string) object {
		return object{{"assignedDateTime", moment(t.Created)}, {"capabilityStatus", "Enabled"}, {"service", service}, {"servicePlanId", id}}
	}
	plans := []object{plan("exchange", "efb87545-963c-4e0d-99df-69c6916d9eb0")}
	if c.Licensed(t.ID) {
		for _, p := range defenderPlans {
			plans = append(plans, plan(p.service, p.id))
		}
	}
	domains := []object{}
	for _, name := range slices.Compact([]string{t.Domain, t.Initial}) {
		if name != "" {
			domains = append(domains, object{
				{"capabilities", "Email, OfficeCommunicationsOnline"}, {"isDefault", name == t.Domain}, {"isInitial", name == t.Initial},
				{"name", name}, {"type", "Managed"},
			})
		}
	}
	return object{
		{"id", t.ID},
		{"deletedDateTime", nil},
		{"businessPhones", []string{}},
		{"city", nil},
		{"country", nil},
		{"countryLetterCode", orNull(t.Country)},
		{"createdDateTime", moment(t.Created)},
		{"displayName", t.DisplayName},
		{"onPremisesSyncEnabled", nil},
		{"preferredLanguage", "en"},
		{"technicalNotificationMails", []string{}},
		{"tenantType", "AAD"},
		{"assignedPlans", plans},
		{"provisionedPlans", []object{}},
		{"verifiedDomains", domains},
	}
}

func getMe(c *call) {
	if c.claims.User == "" {
		c.refuse(http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow.")
		return
	}
	c.one(http.StatusOK, kind{set: "users", name: "user"}, object{
		{"businessPhones", []string{}}, {"displayName", c.claims.User}, {"givenName", nil}, {"jobTitle", nil}, {"mail", nil}, {"mobilePhone", nil},
		{"officeLocation", nil}, {"preferredLanguage", nil}, {"surname", nil}, {"userPrincipalName", c.claims.User}, {"id", c.claims.ObjectID},
	})
}

func findTenant(c *call, parameter string) {
	value, ok := named(c.keys[0], parameter)
	if !ok || value == "" {
		c.refuse(http.StatusBadRequest, "BadRequest", "The parameter '"+parameter+"' of the function is missing or malformed.")
		return
	}
	t, ok := c.Identity.Tenant(value)
	if !ok || strings.EqualFold(t.ID, value) != (parameter == "tenantId") {
		c.refuse(http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+value+"' does not exist or one of its queried reference-property objects are not present.")
		return
	}
	c.answer(http.StatusOK, object{
		{"@odata.context", c.base + "/$metadata#microsoft.graph.tenantInformation"}, {"tenantId", t.ID}, {"federationBrandName", nil},
		{"displayName", t.DisplayName}, {"defaultDomainName", t.Domain},
	})
}
