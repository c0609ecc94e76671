package identity

import (
	"net/http"
	"slices"
	"strings"
)

// adminConsent serves the page on which an administrator consents for a whole
// tenant (Entra: v2-admin-consent).
func (s *Server) adminConsent(v version) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, e := s.newConsentFlow(r, v)
		if e != nil {
			s.showError(w, r, e)
			return
		}
		s.step(w, r, f)
	}
}

func (s *Server) newConsentFlow(r *http.Request, v version) (*flow, *Error) {
	in := r.URL.Query()
	if e := checkSize(in); e != nil {
		return nil, e
	}
	p, e := s.place(r)
	if e != nil {
		return nil, e
	}
	if v == v2 && p.name == "common" {
		return nil, AADSTS(90019).say("Use the tenant's id or organizations: /v2.0/adminconsent does not work at common.")
	}
	app, e := s.visiting(in.Get("client_id"), p)
	if e != nil {
		return nil, e
	}
	f := &flow{
		purpose: toConsent, version: v, place: p, app: app, state: in.Get("state"),
		sentRedirect: in.Get("redirect_uri"), scope: in.Get("scope"),
	}
	// An application without any redirect URI can be consented to; only its
	// end is an error page.
	if len(app.replies()) > 0 || f.sentRedirect != "" {
		if f.redirect, e = app.redirectURI(f.sentRedirect); e != nil && e.Code != 500113 {
			return nil, e
		}
	}
	if v == v1 {
		return f, nil
	}
	if f.scope == "" {
		return nil, missing("scope")
	}
	f.request, e = s.parseScope(f.scope, app, p.name)
	return f, e
}

// consentGiven tells the application, if it has an address.
func (s *Server) consentGiven(w http.ResponseWriter, r *http.Request, f *flow) {
	if f.redirect == "" {
		s.showError(w, r, AADSTS(500113).say("No reply address is registered for the application '%s'. The consent was recorded.", f.app.DisplayName))
		return
	}
	s.send(w, r, f.redirect, "query", f.consentParams())
}

// consentParams is v1's and v2's answer; v2 lists what was granted.
func (f *flow) consentParams() params {
	var p params
	p.add("admin_consent", "True")
	p.add("tenant", f.tenant.ID)
	p.add("state", f.state)
	if f.version == v2 {
		p.add("scope", f.grantedNames())
	}
	return p
}

func (f *flow) grantedNames() string {
	var names []string
	for _, g := range f.list {
		if name := g.resource + "/" + g.name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return f.scope
	}
	return strings.Join(names, " ")
}

// consentRefused tells the application. v2 says admin_consent=True beside the
// error: whoever looks at that alone is fooled.
func (s *Server) consentRefused(w http.ResponseWriter, r *http.Request, f *flow, e *Error) {
	if f.redirect == "" {
		s.showError(w, r, e)
		return
	}
	var p params
	if f.version == v1 {
		p.add("error", "permission_denied")
		p.add("error_description", e.description(s.trace(r)))
		p.add("state", f.state)
	} else {
		p = f.consentParams()
		p.add("error", "consent_required")
		p.add("error_description", e.description(s.trace(r)))
	}
	s.send(w, r, f.redirect, "query", p)
}
