package identity

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Stage is where a [Refusal] strikes.
type Stage string

// The stages.
const (
	AtSignIn Stage = "sign-in" // the pages, once it is known who and where
	AtToken  Stage = "token"   // the token endpoint
)

// Bearer is whose tokens and sign-ins a [Refusal] strikes.
type Bearer string

// The bearers.
const (
	ForPerson      Bearer = "person"      // delegated
	ForApplication Bearer = "application" // app-only
)

// Refusal makes sign-ins and token requests at a tenant fail with an AADSTS
// number, as a policy of the customer or a fault of Entra would.
type Refusal struct {
	// Tenant is an id or a domain; empty is every tenant.
	Tenant string `json:"tenant,omitempty"`
	// Code is any AADSTS number. One that [Codes] doesn't list is a refused
	// grant.
	Code int `json:"code"`
	// Count is how many are refused; zero is until [Server.Allow].
	Count int `json:"count,omitempty"`
	// At and For narrow it; empty is both of each. ClientID narrows it to an
	// application.
	At       Stage  `json:"at,omitempty"`
	For      Bearer `json:"for,omitempty"`
	ClientID string `json:"client_id,omitempty"`
}

// Refuse puts a refusal in force, behind those that are.
func (s *Server) Refuse(r Refusal) error {
	switch {
	case r.Code <= 0:
		return fmt.Errorf("refusal: code %d: use an AADSTS number", r.Code)
	case r.Count < 0:
		return fmt.Errorf("refusal: count %d: use a positive number", r.Count)
	case r.At != "" && r.At != AtSignIn && r.At != AtToken:
		return fmt.Errorf("refusal: at %q: use %s or %s", r.At, AtSignIn, AtToken)
	case r.For != "" && r.For != ForPerson && r.For != ForApplication:
		return fmt.Errorf("refusal: for %q: use %s or %s", r.For, ForPerson, ForApplication)
	}
	if r.Tenant != "" {
		t := s.tenant(r.Tenant)
		if t == nil {
			return fmt.Errorf("refusal: tenant %q is not known", r.Tenant)
		}
		r.Tenant = t.ID
	}
	s.policy.Lock()
	defer s.policy.Unlock()
	s.refusals = append(s.refusals, r)
	return nil
}

// Refusals are those in force; a Count says how many are left.
func (s *Server) Refusals() []Refusal {
	s.policy.Lock()
	defer s.policy.Unlock()
	return slices.Clone(s.refusals)
}

// Allow takes the refusals of a tenant back; an empty name takes all back.
func (s *Server) Allow(tenant string) {
	if t := s.tenant(tenant); t != nil {
		tenant = t.ID
	}
	s.policy.Lock()
	defer s.policy.Unlock()
	s.refusals = slices.DeleteFunc(s.refusals, func(r Refusal) bool { return tenant == "" || r.Tenant == tenant })
}

// struck draws the refusal of a sign-in or a token request; nil: none.
func (s *Server) struck(at Stage, tenant *Tenant, clientID string, whose Bearer) *Error {
	s.policy.Lock()
	defer s.policy.Unlock()
	i := slices.IndexFunc(s.refusals, func(r Refusal) bool {
		return (r.Tenant == "" || r.Tenant == tenant.ID) && (r.At == "" || r.At == at) && (r.For == "" || r.For == whose) &&
			(r.ClientID == "" || strings.EqualFold(r.ClientID, clientID))
	})
	if i < 0 {
		return nil
	}
	code := s.refusals[i].Code
	if s.refusals[i].Count > 0 {
		if s.refusals[i].Count--; s.refusals[i].Count == 0 {
			s.refusals = slices.Delete(s.refusals, i, i+1)
		}
	}
	e := AADSTS(code)
	if wantsClaims(e) {
		e.Claims = `{"access_token":{"capolids":{"essential":true,"values":["` + objectID(tenant.ID, "policy") + `"]}}}`
	}
	return e
}

// wantsClaims reports whether Entra tells the client which claims challenge a
// new sign-in has to answer: where a policy wants another factor.
func wantsClaims(e *Error) bool { return e.Name == interaction && e.Suberror == "basic_action" }

// struckAtToken is struck for a token request whose tenant the path names. A
// device that still waits for its person is not refused: the person is.
func (s *Server) struckAtToken(r *http.Request, p place) *Error {
	grant := r.PostForm.Get("grant_type")
	if p.any() || isDevice(grant) {
		return nil
	}
	whose := ForPerson
	if grant == "client_credentials" {
		whose = ForApplication
	}
	return s.struck(AtToken, p.tenant, credentialsOf(r).id, whose)
}

func isDevice(grant string) bool {
	return grant == "urn:ietf:params:oauth:grant-type:device_code" || grant == "device_code"
}

// atForm reports whether the sign-in page itself tells the person, who may try
// again at once.
func (e *Error) atForm() bool {
	return slices.Contains([]int{50034, 50053, 50055, 50056, 50057, 50064, 50126, 50144}, e.Code)
}

// atApplication reports whether the application learns of it, at its redirect
// URI. Most refusals are for the person's eyes.
func (e *Error) atApplication() bool {
	return e.Class == ClassRequest || e.Class == ClassRetry || e.Name == "login_required" || e.Code == 65004
}

// turnDown shows a refusal of a sign-in where Entra shows it.
func (s *Server) turnDown(w http.ResponseWriter, r *http.Request, f *flow, e *Error) {
	switch {
	case f.purpose == toAuthorize && (f.prompt == "none" || e.atApplication()):
		s.fails(w, r, f, e)
	case f.purpose != toDevice && e.atForm():
		hint := f.user.name
		f.user, f.fresh = nil, false
		s.showSignIn(w, f, hint, e)
	default:
		// A device keeps waiting until its code expires.
		s.showError(w, r, e)
	}
}

// RequireSignIn is a Conditional Access policy on sign-in frequency: at the
// tenant, a person must sign in again after that time, and older refresh tokens
// are refused with AADSTS70043. Zero ends it.
func (s *Server) RequireSignIn(tenantID string, every time.Duration) error {
	t := s.tenant(tenantID)
	if t == nil {
		return ErrNotFound
	}
	s.policy.Lock()
	defer s.policy.Unlock()
	s.frequency[t.ID] = every
	return nil
}

// signInDue reports whether a sign-in of that time has become too old for the
// tenant, and how old one may be.
func (s *Server) signInDue(t *Tenant, at time.Time) (time.Duration, bool) {
	s.policy.Lock()
	defer s.policy.Unlock()
	every := s.frequency[t.ID]
	return every, every > 0 && s.now().Sub(at) >= every
}

// barred refuses a person or an application that has been switched off at the
// tenant, or a person at their home.
func (s *Server) barred(user *account, tenant *Tenant, app *App) *Error {
	if user != nil {
		for _, t := range []*Tenant{user.home, tenant} {
			if u := s.listed(*user, t); u != nil && u.Disabled {
				return AADSTS(50057)
			}
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c := s.consents[appKey{tenant.ID, app.ClientID}]; c != nil && c.disabled {
		return AADSTS(7000112).say("Application '%s'(%s) is disabled.", app.ClientID, app.DisplayName)
	}
	return nil
}

// DisableUser switches a person's account at a tenant off, or on again: their
// sign-ins and their refresh tokens are refused with AADSTS50057. At home that
// holds everywhere.
func (s *Server) DisableUser(tenantID, name string, disabled bool) error {
	t := s.tenant(tenantID)
	if t == nil {
		return ErrNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := userKey{t.ID, strings.ToLower(name)}
	u := s.users[key]
	if u == nil {
		return ErrNotFound
	}
	changed := *u
	changed.Disabled = disabled
	s.users[key] = &changed
	return nil
}
