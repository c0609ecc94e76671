package directory

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Customer is a directory that has given the partner delegated administration.
type Customer struct {
	TenantID string // GUID, lower case
	Name     string
}

// Relationship is one delegated admin relationship (GDAP) of the partner with
// a customer. It gives people of the partner roles at the customer; an
// application still needs the customer's consent.
type Relationship struct {
	ID       string
	Name     string
	Customer Customer
	Status   string // created, approvalPending, approved, activating, active, expiring, expired, terminationRequested, terminating, terminated
	Roles    []Role
	Begins   time.Time // when it became active; zero before
	Ends     time.Time // when it ends unless it is extended; zero before it is active
	Extends  bool      // by itself, by half a year
}

// Role is a directory role, by its template id, which is the same in every
// directory.
type Role struct {
	ID   string
	Name string // empty where it is none of the roles that we know
}

func (r Role) String() string {
	if r.Name == "" {
		return r.ID
	}
	return r.Name
}

// Active reports whether the roles hold now.
func (r Relationship) Active() bool { return r.Status == "active" }

// ReadsSecurity reports whether one of the roles lets people read alerts.
func (r Relationship) ReadsSecurity() bool {
	return slices.ContainsFunc(r.Roles, func(role Role) bool {
		return slices.Contains([]string{"Security Reader", "Security Operator", "Security Administrator", "Global Reader", "Global Administrator"}, role.Name)
	})
}

// InvitationURL is the page on which an administrator of the customer approves
// a relationship.
func (r Relationship) InvitationURL() string {
	return "https://admin.microsoft.com/AdminPortal/Home#/partners/invitation/granularAdminRelationships/" + url.PathEscape(r.ID)
}

// DelegatedCustomers lists the customers of the partner in whose directory the
// sign-in was, by name.
func (c *Client) DelegatedCustomers(ctx context.Context) ([]Customer, error) {
	found, err := list[struct {
		TenantID string `json:"tenantId"`
		Name     string `json:"displayName"`
	}](ctx, c, call{
		op: "list the partner's customers", need: readPartner, method: http.MethodGet, path: "/tenantRelationships/delegatedAdminCustomers",
		query: url.Values{"$top": {"300"}},
	})
	if err != nil {
		return nil, err
	}
	all := make([]Customer, len(found))
	for i, f := range found {
		all[i] = Customer{TenantID: strings.ToLower(f.TenantID), Name: f.Name}
	}
	slices.SortStableFunc(all, func(a, b Customer) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// DelegatedRelationships lists the partner's relationships, the ended ones too:
// by customer, then the one that ends last first.
func (c *Client) DelegatedRelationships(ctx context.Context) ([]Relationship, error) {
	found, err := list[struct {
		ID       string `json:"id"`
		Name     string `json:"displayName"`
		Status   string `json:"status"`
		Customer *struct {
			TenantID string `json:"tenantId"`
			Name     string `json:"displayName"`
		} `json:"customer"`
		Access struct {
			Roles []struct {
				ID string `json:"roleDefinitionId"`
			} `json:"unifiedRoles"`
		} `json:"accessDetails"`
		Begins time.Time `json:"activatedDateTime"`
		Ends   time.Time `json:"endDateTime"`
		Extend string    `json:"autoExtendDuration"`
	}](ctx, c, call{
		op: "list the partner's relationships", need: readPartner, method: http.MethodGet, path: "/tenantRelationships/delegatedAdminRelationships",
		query: url.Values{"$top": {"300"}},
	})
	if err != nil {
		return nil, err
	}
	all := make([]Relationship, len(found))
	for i, f := range found {
		r := Relationship{ID: f.ID, Name: f.Name, Status: f.Status, Begins: f.Begins, Ends: f.Ends}
		r.Extends = f.Extend != "" && f.Extend != "PT0S" && f.Extend != "P0D"
		if f.Customer != nil { // not known before the customer has approved an open invitation
			r.Customer = Customer{TenantID: strings.ToLower(f.Customer.TenantID), Name: f.Customer.Name}
		}
		for _, role := range f.Access.Roles {
			r.Roles = append(r.Roles, Role{ID: role.ID, Name: roleNames[strings.ToLower(role.ID)]})
		}
		all[i] = r
	}
	slices.SortStableFunc(all, func(a, b Relationship) int {
		if order := strings.Compare(a.Customer.Name, b.Customer.Name); order != 0 {
			return order
		}
		return b.Ends.Compare(a.Ends)
	})
	return all, nil
}

// roleNames are Entra's built-in roles by template id, as far as relationships
// with a security provider commonly have them (Entra: permissions-reference).
var roleNames = map[string]string{
	"158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
	"17315797-102d-40b4-93e0-432062caca18": "Compliance Administrator",
	"194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
	"29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
	"3a2c62db-5318-420d-8d74-23affee5d9d5": "Intune Administrator",
	"4d6ac14f-3453-41d0-bef9-a3e0c569773a": "License Administrator",
	"5d6b6bb7-de71-4623-b4af-96380a352509": "Security Reader",
	"5f2222b1-57c3-48ba-8ad5-d4759f1fde6f": "Security Operator",
	"62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
	"729827e3-9c14-49f7-bb1b-9608f156bbb8": "Helpdesk Administrator",
	"88d8e3e3-8f55-4a1e-953a-9b9898b8876b": "Directory Readers",
	"8329153b-31d0-4727-b945-745eb3bc5f31": "Domain Name Administrator",
	"9360feb5-f418-4baa-8175-e2a00bac4301": "Directory Writers",
	"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
	"b1be1c3e-b65d-4f19-8427-f6fa0d97feb9": "Conditional Access Administrator",
	"e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
	"f023fd81-a637-4b56-95fd-791ac0226033": "Service Support Administrator",
	"f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
	"fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
}

// PartnerGrant are the delegated permissions of one API that Partner Center is
// to give an application at a customer.
type PartnerGrant struct {
	APIAppID string
	Scopes   []string
}

// PartnerGrants are the grants that reading the sources with a person's sign-in
// needs. Partner Center gives no application permissions.
func PartnerGrants(sources []tributary.Source) ([]PartnerGrant, error) {
	needs, err := Needs(sources, tributary.AuthDelegated)
	if err != nil {
		return nil, err
	}
	var grants []PartnerGrant
	for _, n := range needs {
		at := slices.IndexFunc(grants, func(g PartnerGrant) bool { return g.APIAppID == n.APIAppID })
		if at < 0 {
			at, grants = len(grants), append(grants, PartnerGrant{APIAppID: n.APIAppID})
		}
		grants[at].Scopes = append(grants[at].Scopes, n.Name)
	}
	return grants, nil
}

// PartnerApp is the application that a partner consents to for a customer.
type PartnerApp struct {
	AppID string
	Name  string
}
