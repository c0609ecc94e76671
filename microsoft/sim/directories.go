package sim

import (
	"fmt"
	"net/http"
	"time"

	"tributary"
	"tributary/microsoft/sim/directory"
	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/partner"
)

// newDirectory is Microsoft Graph beyond the alerts.
func (s *Server) newDirectory() *directory.Server {
	return directory.New(directory.Options{
		Identity: s.identity, Audience: s.cloud.Resource(tributary.SourceGraph), Prefix: "/graph", Now: s.clock, Lag: s.opts.DirectoryLag,
		Licensed: s.licensed, Fail: s.failDirectory,
	})
}

// newPartner is Partner Center.
func (s *Server) newPartner() *partner.Server {
	return partner.New(partner.Options{Identity: s.identity, Prefix: "/partner", Fail: s.failDirectory})
}

// PartnerURL is where the started server's Partner Center answers; tokens for
// it have the audience [partner.Audience].
func (s *Server) PartnerURL() string { return s.URL() + "/partner" }

// Relate makes the provider a partner of a customer, or changes the
// relationship that they have: delegated administration (GDAP). The customer is
// a tenant id or a slug; the two tenants of r are filled in.
func (s *Server) Relate(tenant string, r identity.Relationship) (identity.Relationship, error) {
	i, ok := s.find(tenant)
	if !ok {
		return r, fmt.Errorf("no simulated tenant %q", tenant)
	}
	r.PartnerTenant, r.CustomerTenant = s.provider.TenantID, s.tenants[i].ID
	return s.identity.SetRelationship(r)
}

// relateAll spreads the relationships' beginnings over the time that they last.
func (s *Server) relateAll() error {
	const life = 730
	for i, t := range s.tenants {
		ago := time.Duration(life*(i+1)/(len(s.tenants)+1)) * 24 * time.Hour
		if _, err := s.Relate(t.ID, identity.Relationship{Created: s.clock().Add(-ago)}); err != nil {
			return err
		}
	}
	return nil
}

// failDirectory lets faults strike directory calls.
func (s *Server) failDirectory(tenantID string, w http.ResponseWriter, r *http.Request) bool {
	slug := ""
	if i, ok := s.find(tenantID); ok {
		slug = s.tenants[i].Slug
	}
	strike := s.faults.Draw(tenantID, slug, fault.Directory)
	if strike.Delay > 0 {
		t := time.NewTimer(strike.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return true
		}
	}
	if strike.Fault == nil {
		return false
	}
	c := &call{Server: s, w: w, r: r, id: w.Header().Get("request-id")}
	if strike.Fault.Kind == fault.Throttle {
		c.sayWhen(strike.Fault)
		refuseGraph(c, http.StatusTooManyRequests, "TooManyRequests", "Too many requests.")
		return true
	}
	refuseGraph(c, http.StatusInternalServerError, "InternalServerError", "An internal server error occurred. The operation could be retried.")
	return true
}
