package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
)

// Name is what a [State] is called.
type Name string

// The states.
const (
	SecretExpired       Name = "secret-expired"       // the application's client secrets: AADSTS7000222
	CertificateRemoved  Name = "certificate-removed"  // the application's certificates: AADSTS700027
	ConsentWithdrawn    Name = "consent-withdrawn"    // AADSTS700016 for the application itself, AADSTS65001 for a person
	ApplicationDisabled Name = "application-disabled" // the tenant has switched it off: AADSTS7000112
	UserDisabled        Name = "user-disabled"        // AADSTS50057
	SessionsRevoked     Name = "sessions-revoked"     // AADSTS50173 for every refresh token so far
	SignInFrequency     Name = "sign-in-frequency"    // AADSTS70043 for refresh tokens of an older sign-in
	DelegatedBlocked    Name = "delegated-blocked"    // Conditional Access, AADSTS53003, for people and not for applications
	NoDefender          Name = "no-defender"          // the tenant has no Defender plan: the alert APIs answer 403
	APIMissing          Name = "api-missing"          // AADSTS500011 for tokens, AADSTS650052 at consent
	Skewed              Name = "clock-skew"           // the service's clock differs from ours
)

// states lists the states, whether they can be undone, and whether they lie
// with us and not with a tenant.
var states = []struct {
	name         Name
	undone, ours bool
}{
	{SecretExpired, true, true}, {CertificateRemoved, false, true}, {ConsentWithdrawn, true, false}, {ApplicationDisabled, true, false},
	{UserDisabled, true, false}, {SessionsRevoked, false, false}, {SignInFrequency, true, false}, {DelegatedBlocked, true, false},
	{NoDefender, true, false}, {APIMissing, true, false}, {Skewed, true, true},
}

// State is something that has come over a tenant, or over the application.
type State struct {
	Name Name `json:"state"`
	// Tenant is an id or a slug. [SecretExpired], [CertificateRemoved] and
	// [Skewed] have none.
	Tenant string `json:"tenant,omitempty"`
	// Off undoes it, where that can be: a revoked session stays revoked, and a
	// removed certificate has to be registered again.
	Off bool `json:"off,omitempty"`
	// ClientID is the application; empty is the provider's.
	ClientID string `json:"client_id,omitempty"`
	// User of [UserDisabled]; empty is the tenant's administrator.
	User string `json:"user,omitempty"`
	// API of [APIMissing]: an App ID URI, an application id or a name; empty is
	// WindowsDefenderATP.
	API string `json:"api,omitempty"`
	// After of [SignInFrequency] is how long a sign-in is good for, Skew of
	// [Skewed] how far the service is ahead.
	After fault.Duration `json:"after,omitempty"`
	Skew  fault.Duration `json:"skew,omitempty"`
}

// Set brings a state about, or undoes it.
func (s *Server) Set(st State) error {
	var all []string
	for _, known := range states {
		all = append(all, string(known.name))
	}
	i := slices.Index(all, string(st.Name))
	if i < 0 {
		return fmt.Errorf("state %q: use one of %s", st.Name, strings.Join(all, ", "))
	}
	if st.Off && !states[i].undone {
		return fmt.Errorf("state %q can't be undone", st.Name)
	}
	tenant := ""
	if !states[i].ours {
		t, ok := s.place(st.Tenant)
		if !ok {
			return fmt.Errorf("state %q: no simulated tenant %q", st.Name, st.Tenant)
		}
		tenant = t.ID
	}
	if st.ClientID == "" {
		st.ClientID = s.app.ClientID
	}
	if err := s.bring(st, tenant); err != nil {
		return fmt.Errorf("state %q: %w", st.Name, err)
	}
	return nil
}

// place is a customer's tenant or the provider's, by id, slug or domain.
func (s *Server) place(name string) (identity.Tenant, bool) {
	if i, ok := s.find(name); ok {
		name = s.tenants[i].ID
	}
	return s.identity.Tenant(name)
}

func (s *Server) bring(st State, tenant string) error {
	switch st.Name {
	case SecretExpired, CertificateRemoved:
		_, err := s.identity.UpdateApp(st.ClientID, func(a *identity.App) error { return s.spoilCredentials(st, a) })
		return err
	case ConsentWithdrawn:
		if st.Off {
			s.identity.Consent(tenant, st.ClientID)
			return nil
		}
		s.identity.RevokeConsent(tenant, st.ClientID)
		return nil
	case ApplicationDisabled:
		return s.identity.UpdatePrincipal(tenant, st.ClientID, func(p *identity.Principal) { p.Enabled = st.Off })
	case UserDisabled:
		if st.User == "" {
			st.User = s.Admin(tenant).User
		}
		return s.identity.DisableUser(tenant, st.User, !st.Off)
	case SessionsRevoked:
		s.identity.RevokeGrants(tenant)
		return nil
	case SignInFrequency:
		if !st.Off && st.After <= 0 {
			return errors.New("give after, such as 24h")
		}
		if st.Off {
			st.After = 0
		}
		return s.identity.RequireSignIn(tenant, time.Duration(st.After))
	case DelegatedBlocked:
		if st.Off {
			s.identity.Allow(tenant)
			return nil
		}
		return s.identity.Refuse(identity.Refusal{Tenant: tenant, Code: 53003, For: identity.ForPerson})
	case NoDefender:
		s.license(tenant, st.Off)
		return nil
	case APIMissing:
		return s.bringAPI(st, tenant)
	}
	return s.skew(st)
}

func (s *Server) spoilCredentials(st State, a *identity.App) error {
	if st.Name == CertificateRemoved {
		if len(a.Keys) == 0 {
			return errors.New("the application has no certificate")
		}
		a.Keys = nil
		return nil
	}
	end := s.clock()
	if st.Off {
		end = time.Time{}
	}
	for i := range a.Passwords {
		a.Passwords[i].End = end
	}
	return nil
}

func (s *Server) bringAPI(st State, tenant string) error {
	if st.API == "" {
		st.API = "WindowsDefenderATP"
	}
	if !st.Off {
		return s.identity.RemoveAPI(tenant, st.API)
	}
	return s.identity.RestoreAPI(tenant, st.API)
}

// skew puts one more clock's skew in force, or ends them all.
func (s *Server) skew(st State) error {
	list := slices.DeleteFunc(s.Faults(), func(f fault.Fault) bool { return f.Kind == fault.ClockSkew })
	// A revoked grant would be carried out anew.
	list = slices.DeleteFunc(list, func(f fault.Fault) bool { return f.Kind == fault.RevokedGrant })
	if !st.Off {
		list = append(list, fault.Fault{Kind: fault.ClockSkew, Skew: st.Skew})
	}
	return s.SetFaults(list)
}

// license gives a tenant its Defender plan, or takes it away.
func (s *Server) license(tenant string, has bool) {
	s.plans.Lock()
	defer s.plans.Unlock()
	if s.unlicensed == nil {
		s.unlicensed = map[string]bool{}
	}
	s.unlicensed[tenant] = !has
}

// licensed reports whether a tenant has a Defender plan. The provider's has
// none.
func (s *Server) licensed(tenant string) bool {
	s.plans.RLock()
	defer s.plans.RUnlock()
	_, customer := s.find(tenant)
	return customer && !s.unlicensed[tenant]
}
