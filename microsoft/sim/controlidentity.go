package sim

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
)

// identityStep is a body of POST /control/identity: a refusal, which has a
// code, or a state, which has its name.
//
//	{"tenant":"contoso","code":53003,"count":3,"at":"token","for":"person"}
//	{"tenant":"contoso","state":"sign-in-frequency","after":"24h"}
//
// Tenants go by slug, id or domain. A refusal without a tenant is for all.
type identityStep struct {
	Tenant   string          `json:"tenant"`
	ClientID string          `json:"client_id"`
	Code     int             `json:"code"`
	Count    int             `json:"count"`
	At       identity.Stage  `json:"at"`
	For      identity.Bearer `json:"for"`
	State    Name            `json:"state"`
	Off      bool            `json:"off"`
	User     string          `json:"user"`
	API      string          `json:"api"`
	After    fault.Duration  `json:"after"`
	Skew     fault.Duration  `json:"skew"`
}

// Refuse makes sign-ins or token requests at a tenant fail with an AADSTS
// number, until the count is used up or [Server.Allow]. Tenants go by slug, id
// or domain; none means all, the provider's too.
func (s *Server) Refuse(r identity.Refusal) error {
	if r.Tenant != "" {
		t, ok := s.place(r.Tenant)
		if !ok {
			return fmt.Errorf("refusal: no simulated tenant %q", r.Tenant)
		}
		r.Tenant = t.ID
	}
	return s.identity.Refuse(r)
}

// Allow takes the refusals of a tenant back; none means all.
func (s *Server) Allow(tenant string) error {
	if tenant == "" {
		s.identity.Allow("")
		return nil
	}
	t, ok := s.place(tenant)
	if !ok {
		return fmt.Errorf("no simulated tenant %q", tenant)
	}
	s.identity.Allow(t.ID)
	return nil
}

// refusals are those in force, never null.
func (s *Server) refusals() []identity.Refusal {
	return append([]identity.Refusal{}, s.identity.Refusals()...)
}

func (s *Server) controlIdentity(w http.ResponseWriter, r *http.Request) {
	var in identityStep
	if err := controlRead(w, r, &in); err != nil {
		controlRefuse(w, err)
		return
	}
	var err error
	switch {
	case (in.Code != 0) == (in.State != ""):
		err = errors.New("give a code or a state")
	case in.Code != 0:
		err = s.Refuse(identity.Refusal{Tenant: in.Tenant, Code: in.Code, Count: in.Count, At: in.At, For: in.For, ClientID: in.ClientID})
	default:
		err = s.Set(State{Name: in.State, Tenant: in.Tenant, Off: in.Off, ClientID: in.ClientID, User: in.User, API: in.API, After: in.After, Skew: in.Skew})
	}
	if err != nil {
		controlRefuse(w, err)
		return
	}
	s.controlAnswer(w, s.refusals())
}

// controlAllow takes refusals back: of one tenant with ?tenant=, or all.
func (s *Server) controlAllow(w http.ResponseWriter, r *http.Request) {
	if err := s.Allow(r.URL.Query().Get("tenant")); err != nil {
		controlRefuse(w, err)
		return
	}
	s.controlAnswer(w, s.refusals())
}

// partnerStep is a relationship of the provider with a customer.
//
//	{"tenant":"contoso","status":"active","days":30}
//	{"tenant":"contoso","status":"terminated"}
type partnerStep struct {
	Tenant string `json:"tenant"` // slug, id or domain
	Status string `json:"status"` // empty: active
	// Days is how long it lasts, AutoExtend by how many days it extends itself.
	Days       int       `json:"days"`
	AutoExtend int       `json:"auto_extend"`
	Created    time.Time `json:"created,omitzero"`
	End        time.Time `json:"end,omitzero"`
}

func (s *Server) controlPartner(w http.ResponseWriter, r *http.Request) {
	var in partnerStep
	if err := controlRead(w, r, &in); err != nil {
		controlRefuse(w, err)
		return
	}
	const day = 24 * time.Hour
	t, _ := s.place(in.Tenant)
	if _, err := s.Relate(t.ID, identity.Relationship{
		Status: in.Status, Duration: time.Duration(in.Days) * day, AutoExtend: time.Duration(in.AutoExtend) * day, Created: in.Created, End: in.End,
	}); err != nil {
		controlRefuse(w, fmt.Errorf("tenant %q: %w", in.Tenant, err))
		return
	}
	s.controlAnswer(w, s.partnerSteps())
}

func (s *Server) partnerSteps() []partnerStep {
	list := []partnerStep{}
	for _, r := range s.identity.Relationships(s.provider.TenantID) {
		const day = 24 * time.Hour
		slug := r.CustomerTenant
		if i, ok := s.find(slug); ok {
			slug = s.tenants[i].Slug
		}
		list = append(list, partnerStep{
			Tenant: slug, Status: r.Status, Days: int(r.Duration / day), AutoExtend: int(r.AutoExtend / day), Created: r.Created, End: r.End,
		})
	}
	return list
}
