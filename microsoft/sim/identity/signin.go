package identity

import (
	"net/http"
	"strings"
	"time"
)

// step takes a flow as far as it goes without the person: to the sign-in page,
// to the consent page, or to its end.
func (s *Server) step(w http.ResponseWriter, r *http.Request, f *flow) {
	if f.user == nil {
		known := s.session(r)
		switch {
		case f.prompt == "none" && known == nil:
			s.fails(w, r, f, AADSTS(50058))
			return
		case known == nil || f.prompt == "login":
			s.showSignIn(w, f, f.hint, nil)
			return
		case f.prompt == "select_account":
			s.showAccounts(w, f, &known.user)
			return
		}
		f.signedIn(known)
	}
	f.tenant = s.reaches(f.place, *f.user)
	if _, due := s.signInDue(f.tenant, f.since); due && !f.fresh {
		if f.prompt == "none" {
			s.fails(w, r, f, AADSTS(70043).named(interaction))
			return
		}
		hint := f.user.name
		f.user = nil
		s.showSignIn(w, f, hint, nil)
		return
	}
	if s.member(*f.user, f.tenant) == nil {
		s.turnAway(w, r, f)
		return
	}
	e := s.barred(f.user, f.tenant, f.app)
	if e == nil {
		e = s.struck(AtSignIn, f.tenant, f.app.ClientID, ForPerson)
	}
	if e != nil {
		s.turnDown(w, r, f, e)
		return
	}
	s.askConsent(w, r, f)
}

// signedIn takes the person from the browser's session.
func (f *flow) signedIn(known *session) {
	user := known.user
	f.user, f.session, f.since = &user, known.state, known.since
}

// turnAway refuses a person who is not in the tenant. Somebody who was signed
// in before may choose another account; who has just typed a password is told.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, f *flow) {
	refusal := s.stranger(*f.user, f.tenant, f.app, r)
	other := AADSTS(16000).say("%s", refusal.Text)
	switch {
	case f.prompt == "none":
		s.fails(w, r, f, other)
	case f.fresh:
		s.showError(w, r, refusal)
	default:
		f.user = nil
		s.showSignIn(w, f, "", other)
	}
}

// login takes the sign-in page's form, or the choice of an account.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	f, e := s.resume(w, r)
	if e != nil {
		s.showError(w, r, e)
		return
	}
	if f.user != nil {
		s.showError(w, r, AADSTS(9002313).say("The sign-in request has been answered already. Start again."))
		return
	}
	if r.PostForm.Get("action") == "other" {
		s.showSignIn(w, f, "", nil)
		return
	}
	if name := r.PostForm.Get("account"); name != "" {
		known := s.session(r)
		if known == nil || !strings.EqualFold(known.user.name, name) {
			s.showSignIn(w, f, name, nil)
			return
		}
		f.signedIn(known)
		s.step(w, r, f)
		return
	}
	name := strings.TrimSpace(r.PostForm.Get("loginfmt"))
	user, ok := s.find(name)
	if !ok {
		s.showSignIn(w, f, name, AADSTS(50034).say("The user account %s does not exist in the directory. To sign in to this application, the account must be added to the directory.", name))
		return
	}
	if !s.password(user, r.PostForm.Get("passwd")) {
		s.showSignIn(w, f, name, AADSTS(50126))
		return
	}
	f.user, f.fresh, f.since = &user, true, s.now()
	f.session = s.newSession(w, user)
	s.step(w, r, f)
}

// resume takes up the flow that a page's hidden field names.
func (s *Server) resume(w http.ResponseWriter, r *http.Request) (*flow, *Error) {
	if e := readForm(w, r); e != nil {
		return nil, e
	}
	f, ok := s.flows.take(r.PostForm.Get("flow_token"))
	if !ok {
		return nil, AADSTS(9002313).say("The sign-in request is unknown, was answered already or has expired. Start again.")
	}
	return f, nil
}

// keepFlow puts the flow aside for the page that is shown next.
func (s *Server) keepFlow(f *flow) string {
	name := random(24)
	s.flows.put(name, f)
	return name
}

// askConsent shows the consent page where one is due.
func (s *Server) askConsent(w http.ResponseWriter, r *http.Request, f *flow) {
	user := s.member(*f.user, f.tenant)
	if user == nil {
		s.turnAway(w, r, f)
		return
	}
	admin := user.Admin
	f.list, f.org = s.due(f, admin)
	must := f.purpose != toAuthorize || f.prompt == "consent" || f.prompt == "admin_consent"
	due := must || len(f.list) > 0 || !s.installed(f.tenant, f.app)
	if e := s.unavailable(f, due); e != nil {
		s.showError(w, r, e)
		return
	}
	if !due {
		s.arrive(w, r, f, false)
		return
	}
	if user.delegate {
		if f.purpose == toDevice && len(f.list) == 0 && s.installed(f.tenant, f.app) {
			s.arrive(w, r, f, false)
			return
		}
		s.showError(w, r, notPreconsented(f.app, f.tenant))
		return
	}
	if f.prompt == "none" {
		s.fails(w, r, f, AADSTS(65001).named(interaction).say("The user or administrator has not consented to use the application with id '%s' named '%s'.", f.app.ClientID, f.app.DisplayName))
		return
	}
	needs := f.org
	for _, p := range f.list {
		needs = needs || p.needsAdmin()
	}
	if needs && !admin {
		s.showApproval(w, f)
		return
	}
	s.showConsent(w, f, admin)
}

// due lists what the consent page has to show, and whether it can only be
// granted for the whole tenant.
func (s *Server) due(f *flow, admin bool) (list []permission, org bool) {
	switch {
	case f.purpose == toConsent || f.prompt == "admin_consent":
		for _, a := range f.request.asks {
			for _, name := range a.names {
				list = append(list, permission{a.resource, name, delegated})
			}
		}
		if len(list) == 0 {
			list = f.app.registered(true)
		}
		return list, true
	case f.prompt == "consent":
		if f.version == v1 {
			return f.app.registered(admin), false
		}
		for _, a := range f.request.asks {
			if a.names == nil {
				// An administrator may grant the application's own permissions on
				// the way; nobody else sees them.
				list = append(list, f.app.registered(admin)...)
			}
			for _, name := range a.names {
				list = append(list, permission{a.resource, name, delegated})
			}
		}
		return distinct(list), false
	}
	return s.lacking(f.tenant, f.app, *f.user, f.request.asks), false
}

// consentDecision takes the consent page's form.
func (s *Server) consentDecision(w http.ResponseWriter, r *http.Request) {
	f, e := s.resume(w, r)
	if e != nil {
		s.showError(w, r, e)
		return
	}
	if f.user == nil || f.tenant == nil {
		s.showError(w, r, AADSTS(9002313).say("Nobody has signed in on this request yet. Start again."))
		return
	}
	user := s.listed(*f.user, f.tenant)
	if user == nil {
		s.turnAway(w, r, f)
		return
	}
	admin := user.Admin
	needs := f.org
	for _, p := range f.list {
		needs = needs || p.needsAdmin()
	}
	if r.PostForm.Get("action") != "accept" {
		refusal := AADSTS(65004)
		if needs && !admin {
			refusal = AADSTS(90094)
		}
		s.fails(w, r, f, refusal)
		return
	}
	if needs && !admin {
		s.showApproval(w, f)
		return
	}
	org := f.org || (admin && r.PostForm.Get("organization") == "on")
	if org {
		s.grant(f.tenant, f.app, nil, f.list)
	} else {
		s.grant(f.tenant, f.app, f.user, f.list)
	}
	s.arrive(w, r, f, org)
}

// arrive ends a flow well.
func (s *Server) arrive(w http.ResponseWriter, r *http.Request, f *flow, org bool) {
	var p params
	switch f.purpose {
	case toDevice:
		f.device.decide(f.user, f.tenant, f.since)
		s.showDone(w, f.app, "You have signed in to the "+f.app.DisplayName+" application on your device. You may now close this window.")
		return
	case toConsent:
		s.consentGiven(w, r, f)
		return
	case toAuthorize:
		p.add("code", s.newCode(f))
		p.add("state", f.state)
		p.add("session_state", f.session)
		if f.version == v1 && org {
			p.add("admin_consent", "True")
		}
	}
	s.send(w, r, f.redirect, f.mode, p)
}

// fails ends a flow badly.
func (s *Server) fails(w http.ResponseWriter, r *http.Request, f *flow, e *Error) {
	switch f.purpose {
	case toDevice:
		f.device.decide(nil, nil, time.Time{})
		s.showDone(w, f.app, "You declined to sign in on your device. You may now close this window.")
	case toConsent:
		s.consentRefused(w, r, f, e)
	case toAuthorize:
		s.sendError(w, r, f.redirect, f.mode, f.state, e)
	}
}
