package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tributary"
	"tributary/microsoft/sim/fault"
)

// controlRoutes let another process drive the simulator:
//
//	GET, POST, DELETE /control/faults   the faults in force; POST replaces them
//	POST              /control/advance  a scripted step, see [advance]
//	GET               /control/truth    NDJSON; ?tenant= and ?source= choose, repeatedly
//	GET               /control/tenants  the customers
//	GET, POST, DELETE /control/identity refusals by AADSTS number, and states: see [identityStep]
//	GET, POST         /control/partner  delegated administration: see [partnerStep]
func (s *Server) controlRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /control/faults", func(w http.ResponseWriter, r *http.Request) { s.controlAnswer(w, s.Faults()) })
	m.HandleFunc("POST /control/faults", s.controlFaults)
	m.HandleFunc("DELETE /control/faults", func(w http.ResponseWriter, r *http.Request) {
		if err := s.SetFaults(nil); err != nil {
			controlRefuse(w, err)
			return
		}
		s.controlAnswer(w, s.Faults())
	})
	m.HandleFunc("POST /control/advance", s.controlAdvance)
	m.HandleFunc("GET /control/truth", s.controlTruth)
	m.HandleFunc("GET /control/identity", func(w http.ResponseWriter, r *http.Request) { s.controlAnswer(w, s.refusals()) })
	m.HandleFunc("POST /control/identity", s.controlIdentity)
	m.HandleFunc("DELETE /control/identity", s.controlAllow)
	m.HandleFunc("GET /control/partner", func(w http.ResponseWriter, r *http.Request) { s.controlAnswer(w, s.partnerSteps()) })
	m.HandleFunc("POST /control/partner", s.controlPartner)
	m.HandleFunc("GET /control/tenants", func(w http.ResponseWriter, r *http.Request) { s.controlAnswer(w, s.controlTenants()) })
}

// controlLimit bounds a request's body.
const controlLimit = 1 << 20

func controlRead(w http.ResponseWriter, r *http.Request, to any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, controlLimit))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("the request's body: %w", err)
	}
	return nil
}

func (s *Server) controlAnswer(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	respond(w, http.StatusOK, "application/json", string(body)+"\n")
}

func controlRefuse(w http.ResponseWriter, err error) {
	respond(w, http.StatusBadRequest, "application/json", `{"error":`+quote(err.Error())+"}\n")
}

// controlFaults takes one fault or a list of them.
func (s *Server) controlFaults(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	if err := controlRead(w, r, &raw); err != nil {
		controlRefuse(w, err)
		return
	}
	if raw[0] == '{' {
		raw = append(append([]byte{'['}, raw...), ']')
	}
	var list []fault.Fault
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		controlRefuse(w, fmt.Errorf("the request's body: %w", err))
		return
	}
	if err := s.SetFaults(list); err != nil {
		controlRefuse(w, err)
		return
	}
	s.controlAnswer(w, s.Faults())
}

// advance is a scripted step: exactly one of the four counts.
type advance struct {
	Change     int            `json:"change"`
	Arrive     int            `json:"arrive"`
	ArriveLate int            `json:"arrive_late"`
	LateBy     fault.Duration `json:"late_by"`    // with arrive_late
	CloseMany  int            `json:"close_many"` // with exactly one tenant
	Tenants    []string       `json:"tenants"`    // slugs or ids; none means all
}

func (s *Server) controlAdvance(w http.ResponseWriter, r *http.Request) {
	var a advance
	if err := controlRead(w, r, &a); err != nil {
		controlRefuse(w, err)
		return
	}
	versions, err := s.step(a)
	if err != nil {
		controlRefuse(w, err)
		return
	}
	s.controlAnswer(w, versions)
}

// stepLimit bounds what one request may ask for.
const stepLimit = 100_000

func (s *Server) step(a advance) ([]Version, error) {
	asked := 0
	for _, n := range []int{a.Change, a.Arrive, a.ArriveLate, a.CloseMany} {
		if n < 0 || n > stepLimit {
			return nil, fmt.Errorf("%d alerts: use 1 to %d", n, stepLimit)
		}
		if n > 0 {
			asked++
		}
	}
	if asked != 1 {
		return nil, errors.New("give one of change, arrive, arrive_late and close_many")
	}
	for _, t := range a.Tenants {
		if _, ok := s.find(t); !ok {
			return nil, fmt.Errorf("no simulated tenant %q", t)
		}
	}
	switch {
	case a.Change > 0:
		return s.Change(a.Change, a.Tenants...), nil
	case a.Arrive > 0:
		return s.Arrive(a.Arrive, a.Tenants...), nil
	case a.ArriveLate > 0:
		if a.LateBy <= 0 {
			return nil, errors.New("arrive_late needs late_by, such as 2h")
		}
		return s.ArriveLate(a.ArriveLate, time.Duration(a.LateBy), a.Tenants...), nil
	}
	if len(a.Tenants) != 1 {
		return nil, errors.New("close_many needs exactly one tenant")
	}
	return s.CloseMany(a.Tenants[0], a.CloseMany), nil
}

func (s *Server) controlTruth(w http.ResponseWriter, r *http.Request) {
	var scope Scope
	for _, name := range r.URL.Query()["tenant"] {
		if _, ok := s.find(name); !ok {
			controlRefuse(w, fmt.Errorf("no simulated tenant %q", name))
			return
		}
		scope.Tenants = append(scope.Tenants, name)
	}
	for _, name := range r.URL.Query()["source"] {
		source, err := tributary.ParseSource(name)
		if err != nil {
			controlRefuse(w, err)
			return
		}
		scope.Sources = append(scope.Sources, source)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	// An error means that the client is gone; nobody is left to tell.
	_ = s.WriteTruth(w, scope)
}

// controlTenant is a customer, without who signs in there and how.
type controlTenant struct {
	TenantID string `json:"tenant_id"`
	Slug     string `json:"slug"`
	Domain   string `json:"domain"`
	Name     string `json:"name"`
	Admin    string `json:"admin"`
}

func (s *Server) controlTenants() []controlTenant {
	list := make([]controlTenant, len(s.tenants))
	for i, t := range s.tenants {
		list[i] = controlTenant{t.ID, t.Slug, t.Domain, t.Name, t.Admin}
	}
	return list
}
