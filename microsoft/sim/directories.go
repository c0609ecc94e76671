package sim

import (
	"net/http"
	"time"

	"tributary"
	"tributary/microsoft/sim/directory"
	"tributary/microsoft/sim/fault"
)

// newDirectory is Microsoft Graph beyond the alerts.
func (s *Server) newDirectory() *directory.Server {
	return directory.New(directory.Options{
		Identity: s.identity, Audience: s.cloud.Resource(tributary.SourceGraph), Prefix: "/graph", Now: s.clock, Lag: s.opts.DirectoryLag,
		Fail: s.failDirectory,
	})
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
