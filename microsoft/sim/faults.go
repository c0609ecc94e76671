package sim

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
)

// SetFaults puts faults in force instead of the ones before. A revoked grant
// is carried out once, now; the clock's skew holds until the next call.
func (s *Server) SetFaults(list []fault.Fault) error {
	if err := s.checkFaults(list); err != nil {
		return err
	}
	if err := s.faults.Set(list); err != nil {
		return err
	}
	s.alerts.SetSkew(skewOf(list))
	for _, f := range list {
		if f.Kind == fault.RevokedGrant {
			i, _ := s.find(f.Tenant)
			s.identity.RevokeGrants(s.tenants[i].ID)
		}
	}
	return nil
}

// Faults are those in force.
func (s *Server) Faults() []fault.Fault { return s.faults.List() }

func (s *Server) checkFaults(list []fault.Fault) error {
	var errs []error
	for _, f := range list {
		errs = append(errs, f.Check())
		if _, known := s.find(f.Tenant); f.Tenant != "" && !known {
			errs = append(errs, fmt.Errorf("fault %q: no simulated tenant %q", f.Kind, f.Tenant))
		}
	}
	return errors.Join(errs...)
}

func skewOf(list []fault.Fault) (skew time.Duration) {
	for _, f := range list {
		if f.Kind == fault.ClockSkew {
			skew += time.Duration(f.Skew)
		}
	}
	return skew
}

// failLogin lets faults strike the token endpoint, as a gateway in front of
// Entra fails: the bodies are no JSON.
func (s *Server) failLogin(tenantID string, r *http.Request) *identity.Error {
	slug := ""
	if i, ok := s.find(tenantID); ok {
		slug = s.tenants[i].Slug
	}
	strike := s.faults.Draw(tenantID, slug, fault.Login)
	if strike.Delay > 0 {
		t := time.NewTimer(strike.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
		}
	}
	if strike.Fault == nil {
		return nil
	}
	if strike.Fault.Kind == fault.Throttle {
		return identity.Plain(http.StatusTooManyRequests, "Too many requests", throttleWait(strike.Fault))
	}
	return identity.Plain(http.StatusInternalServerError, "Internal server error", 0)
}
