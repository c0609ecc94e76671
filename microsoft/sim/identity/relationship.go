package identity

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Relationship lets a partner's people administer a customer: granular
// delegated admin privileges (Graph: delegatedAdminRelationship). While it is
// active they sign in to the customer's tenant although it doesn't list them,
// with applications that it has consented to before. Whoever the partner's
// tenant lists stands for the members of its security groups.
type Relationship struct {
	ID             string // empty: derived from the two tenants
	PartnerTenant  string // tenant id
	CustomerTenant string // tenant id
	DisplayName    string
	Roles          []string      // role definition ids
	Duration       time.Duration // whole days; zero: 730 days
	AutoExtend     time.Duration // by how much it extends itself at its end; zero: not at all
	Created        time.Time     // zero: now
	Activated      time.Time     // zero: when it was made, unless it waits for approval
	End            time.Time     // zero: Activated and the Duration
	// Status as it was last set, one of [Statuses]; empty: active. An active
	// one becomes expired by the clock: [Server.Relationships] says how it is
	// now.
	Status string
}

// Statuses of a relationship (Graph:
// delegatedadminrelationships-api-overview).
var Statuses = []string{
	"created", "approvalPending", "approved", "activating", "active", "expiring", "expired", "terminationRequested", "terminating", "terminated",
}

// securityReader is the role that reads alerts (Entra: permissions-reference).
const securityReader = "5d6b6bb7-de71-4623-b4af-96380a352509"

const day = 24 * time.Hour

// maxDuration is the longest relationship.
const maxDuration = 730 * day

// SetRelationship makes a relationship, or replaces the one with that id.
func (s *Server) SetRelationship(r Relationship) (Relationship, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	partner, customer := s.tenants[strings.ToLower(r.PartnerTenant)], s.tenants[strings.ToLower(r.CustomerTenant)]
	if partner == nil || customer == nil || partner.ID == customer.ID {
		return r, fmt.Errorf("relationship of %q with %q: use two known tenants", r.PartnerTenant, r.CustomerTenant)
	}
	r.PartnerTenant, r.CustomerTenant = partner.ID, customer.ID
	if r.Status == "" {
		r.Status = "active"
	}
	if !slices.Contains(Statuses, r.Status) {
		return r, fmt.Errorf("relationship with %s: status %q: use one of %s", customer.ID, r.Status, strings.Join(Statuses, ", "))
	}
	if r.Duration == 0 {
		r.Duration = maxDuration
	}
	if r.Duration < day || r.Duration > maxDuration || r.Duration%day != 0 || r.AutoExtend < 0 || r.AutoExtend%day != 0 {
		return r, fmt.Errorf("relationship with %s: use 1 to 730 whole days", customer.ID)
	}
	if r.ID == "" {
		r.ID = objectID(partner.ID, "relationship:"+customer.ID) + "-" + customer.ID
	}
	if r.DisplayName == "" {
		r.DisplayName = customer.DisplayName + " and " + partner.DisplayName
	}
	if r.Roles == nil {
		r.Roles = []string{securityReader}
	}
	if r.Created.IsZero() {
		r.Created = s.now()
	}
	waiting := slices.Contains([]string{"created", "approvalPending", "approved", "activating"}, r.Status)
	if !waiting && r.Activated.IsZero() {
		r.Activated = r.Created
	}
	if !waiting && r.End.IsZero() {
		r.End = r.Activated.Add(r.Duration)
	}
	r.Roles = slices.Clone(r.Roles)
	s.relationships[r.ID] = r
	return r, nil
}

// RemoveRelationship forgets a relationship, as if it had never been.
func (s *Server) RemoveRelationship(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.relationships[id]; !ok {
		return ErrNotFound
	}
	delete(s.relationships, id)
	return nil
}

// Relationships lists a partner's relationships as they are now, by the
// customers' ids.
func (s *Server) Relationships(partnerTenant string) []Relationship {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []Relationship
	for _, r := range s.relationships {
		if r.PartnerTenant == strings.ToLower(partnerTenant) {
			list = append(list, r.at(s.now()))
		}
	}
	slices.SortFunc(list, func(a, b Relationship) int { return strings.Compare(a.CustomerTenant+a.ID, b.CustomerTenant+b.ID) })
	return list
}

// at is the relationship as it stands at a moment.
func (r Relationship) at(now time.Time) Relationship {
	r.Roles = slices.Clone(r.Roles)
	if r.Status != "active" && r.Status != "expiring" || now.Before(r.End) {
		return r
	}
	if r.AutoExtend == 0 || r.Status == "expiring" {
		r.Status = "expired"
		return r
	}
	for !now.Before(r.End) {
		r.End = r.End.Add(r.AutoExtend)
	}
	return r
}

// Delegates reports whether a partner has an active relationship with a
// customer.
func (s *Server) Delegates(partnerTenant, customerTenant string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.relationships {
		if r.PartnerTenant == partnerTenant && r.CustomerTenant == customerTenant {
			if now := r.at(s.now()); now.Status == "active" || now.Status == "expiring" {
				return true
			}
		}
	}
	return false
}

// member is a person's entry in a tenant, or one for a delegated
// administrator, whom it doesn't list; nil if the tenant doesn't know them.
func (s *Server) member(a account, tenant *Tenant) *User {
	if u := s.listed(a, tenant); u != nil {
		return u
	}
	if s.Delegates(a.home.ID, tenant.ID) {
		return &User{TenantID: tenant.ID, Name: a.name, delegate: true}
	}
	return nil
}

// notPreconsented refuses a delegated administrator an application that the
// customer hasn't consented to: they can't consent themselves.
func notPreconsented(app *App, t *Tenant) *Error {
	return AADSTS(90099).say("The application '%s' (%s) has not been authorized in the tenant '%s'. Applications must be authorized to access the external tenant before partner delegated administrators can use them.",
		app.ClientID, app.DisplayName, t.DisplayName)
}
