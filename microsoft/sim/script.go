package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tributary/microsoft/sim/alerts"
	"tributary/microsoft/sim/identity"
)

// The steps of a scripted run. Each returns the versions that came to be, one
// for every API that shows the alert. Tenants are slugs or ids; none means all.

// Change makes n alerts change now. Fewer change if there are fewer.
func (s *Server) Change(n int, tenants ...string) []Version {
	return s.list(s.alerts.Change(s.opts.Now(), n, s.chosen(tenants)))
}

// Arrive makes n new alerts.
func (s *Server) Arrive(n int, tenants ...string) []Version {
	return s.list(s.alerts.Arrive(s.opts.Now(), n, s.chosen(tenants)))
}

// ArriveLate makes n alerts visible now whose update time lies by that much in
// the past.
func (s *Server) ArriveLate(n int, by time.Duration, tenants ...string) []Version {
	return s.list(s.alerts.ArriveLate(s.opts.Now(), n, by, s.chosen(tenants)))
}

// CloseMany resolves n alerts of a tenant at once: all get the same update
// time. Fewer are closed if the tenant has fewer.
func (s *Server) CloseMany(tenant string, n int) []Version {
	i, ok := s.find(tenant)
	if !ok {
		return nil
	}
	return s.list(s.alerts.CloseMany(s.opts.Now(), i, n))
}

func (s *Server) chosen(tenants []string) []int {
	if len(tenants) == 0 {
		return nil
	}
	return s.numbers(tenants)
}

func (s *Server) list(versions []alerts.Version) []Version {
	out := make([]Version, len(versions))
	for i, v := range versions {
		out[i] = s.named(v)
	}
	return out
}

// Admin is a browser in which an administrator of the tenant sits. Unknown
// tenants give one without a user.
func (s *Server) Admin(tenant string) identity.Browser {
	b := identity.Browser{Client: s.Client()}
	if i, ok := s.find(tenant); ok {
		b.User, b.Password = s.tenants[i].Admin, s.tenants[i].AdminPassword
	}
	return b
}

// Analyst is a browser in which the provider's analyst sits, who is a guest in
// every tenant.
func (s *Server) Analyst() identity.Browser {
	return identity.Browser{Client: s.Client(), User: s.provider.Analyst, Password: s.provider.AnalystPassword}
}

// ConsentURL is the address to which a tenant's administrator goes to consent
// to everything in the application's registration.
func (s *Server) ConsentURL(tenantID, clientID, redirectURI, state string) string {
	q := url.Values{
		"client_id": {clientID}, "redirect_uri": {redirectURI}, "state": {state},
		"scope": {"https://graph.microsoft.com/.default"},
	}
	return s.URL() + "/" + tenantID + "/v2.0/adminconsent?" + q.Encode()
}

// Consent records an administrator's consent without a browser.
func (s *Server) Consent(tenantID, clientID string) { s.identity.Consent(tenantID, clientID) }

// Authorise does the portal step as the tenant's administrator does it, by
// sending the form of Settings > SIEM > MSSP: application id and the provider's
// tenant id.
func (s *Server) Authorise(ctx context.Context, tenantID, clientID, providerTenantID string) error {
	client := s.Client()
	if client == nil {
		return fmt.Errorf("authorise %s in tenant %s: the simulated Microsoft has not been started", clientID, tenantID)
	}
	form := url.Values{"application_id": {clientID}, "tenant_id": {providerTenantID}, "user": {s.Admin(tenantID).User}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/portal/settings/siem/mssp?tid="+url.QueryEscape(tenantID), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("authorise %s in tenant %s: %w", clientID, tenantID, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var answer struct{ Error string }
		// A page instead of JSON leaves the status to speak.
		_ = json.NewDecoder(resp.Body).Decode(&answer)
		return fmt.Errorf("authorise %s in tenant %s: %s %s", clientID, tenantID, resp.Status, answer.Error)
	}
	return nil
}
