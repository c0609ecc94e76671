package identity

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// purpose is why a person is on the pages.
type purpose int

const (
	toAuthorize purpose = iota
	toConsent           // an administrator, for the whole tenant
	toDevice            // to let a device in
)

// flow is one person's way through the pages: kept between two of them under
// an unguessable name that is in the page's hidden field, and new on each page.
type flow struct {
	purpose purpose
	version version
	place   place
	app     *App

	redirect     string // where the answer goes
	sentRedirect string // as the request named it; empty: it left it out
	mode         string // response_mode
	state        string
	nonce        string
	prompt       string
	hint         string // login_hint
	request      request
	resource     string // as asked for at v1
	scope        string // as asked for at v2
	challenge    string
	plain        bool
	device       *device

	user    *account
	fresh   bool    // the person has just typed their password
	tenant  *Tenant // where the user is being signed in
	session string
	since   time.Time    // when the person signed in
	list    []permission // shown on the consent page
	org     bool         // the list can only be granted for the whole tenant
}

// authorize serves the authorize endpoint (Entra:
// v1-protocols-oauth-code, v2-oauth2-auth-code-flow).
func (s *Server) authorize(v version) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, e := authorizeForm(w, r)
		if e != nil {
			s.showError(w, r, e)
			return
		}
		f, e := s.newFlow(r, in, v)
		if e != nil {
			// Without a trusted redirect URI a refusal is for the person's eyes only.
			s.showError(w, r, e)
			return
		}
		if e := s.readAuthorize(f, in); e != nil {
			s.sendError(w, r, f.redirect, f.mode, f.state, e)
			return
		}
		s.step(w, r, f)
	}
}

func authorizeForm(w http.ResponseWriter, r *http.Request) (url.Values, *Error) {
	var in url.Values
	switch r.Method {
	case http.MethodGet:
		in = r.URL.Query()
	case http.MethodPost:
		if e := readForm(w, r); e != nil {
			return nil, e
		}
		in = r.Form
	default:
		return nil, AADSTS(900561).say("The endpoint only accepts GET and POST requests. Received a %s request.", r.Method)
	}
	return in, checkSize(in)
}

// checkSize refuses a request that is too long to be kept until it is answered.
func checkSize(in url.Values) *Error {
	if len(in.Encode()) > remembered {
		return AADSTS(9002313).say("The request is longer than %d bytes.", remembered)
	}
	return nil
}

// newFlow reads what has to be right before anything may be sent to a redirect
// URI: the tenant, the application, and the URI itself.
func (s *Server) newFlow(r *http.Request, in url.Values, v version) (*flow, *Error) {
	p, e := s.place(r)
	if e != nil {
		return nil, e
	}
	app, e := s.visiting(in.Get("client_id"), p)
	if e != nil {
		return nil, e
	}
	f := &flow{version: v, place: p, app: app, sentRedirect: in.Get("redirect_uri"), state: in.Get("state"), mode: in.Get("response_mode")}
	if v == v2 && f.sentRedirect == "" {
		return nil, missing("redirect_uri")
	}
	if f.redirect, e = app.redirectURI(f.sentRedirect); e != nil {
		return nil, e
	}
	return f, nil
}

// visiting finds an application that may sign people in at a place.
func (s *Server) visiting(clientID string, p place) (*App, *Error) {
	if clientID == "" {
		return nil, missing("client_id")
	}
	app := s.app(clientID)
	switch {
	case app == nil:
		return nil, notFound(clientID, p)
	case app.MultiTenant:
	case p.any():
		return nil, AADSTS(50194).say("Application '%s' (%s) is not configured as a multi-tenant application. Use its own tenant's endpoint or configure it to be multi-tenant.", app.ClientID, app.DisplayName)
	case p.tenant.ID != app.HomeTenant:
		return nil, notFound(clientID, p)
	}
	return app, nil
}

// readAuthorize reads the rest of the request into the flow. Its refusals go to
// the redirect URI.
func (s *Server) readAuthorize(f *flow, in url.Values) *Error {
	if !slices.Contains([]string{"", "query", "fragment", "form_post"}, f.mode) {
		mode := f.mode
		f.mode = ""
		return AADSTS(90023).say("Unsupported 'response_mode' value '%s'.", mode)
	}
	switch types := strings.Fields(in.Get("response_type")); {
	case len(types) == 0:
		return missing("response_type")
	case len(types) == 1 && types[0] == "code":
	case slices.Contains(types, "id_token"):
		return AADSTS(700054)
	default:
		return AADSTS(70005).say("The response type '%s' is not supported.", in.Get("response_type"))
	}
	f.prompt, f.hint, f.nonce = in.Get("prompt"), in.Get("login_hint"), in.Get("nonce")
	prompts := []string{"", "login", "select_account", "consent", "none"}
	if f.version == v1 {
		prompts = append(prompts, "admin_consent")
	}
	if !slices.Contains(prompts, f.prompt) {
		return AADSTS(90023).say("Unsupported 'prompt' value '%s'.", f.prompt)
	}
	if e := f.readChallenge(in); e != nil {
		return e
	}
	var e *Error
	if f.version == v1 {
		f.resource = in.Get("resource")
		f.request, e = s.readResource(f)
		return e
	}
	if in.Has("resource") {
		return AADSTS(901002)
	}
	f.scope = in.Get("scope")
	if f.scope == "" {
		return missing("scope")
	}
	if f.request, e = s.parseScope(f.scope, f.app, f.place.name); e != nil {
		return e
	}
	for _, a := range f.request.asks {
		if a.names == nil && len(f.app.Scopes[a.resource]) == 0 {
			return unlisted(a, f.app)
		}
	}
	return nil
}

// readChallenge reads PKCE. Without a method the challenge is the verifier.
func (f *flow) readChallenge(in url.Values) *Error {
	f.challenge = in.Get("code_challenge")
	method := in.Get("code_challenge_method")
	switch {
	case f.challenge == "" && method == "":
		return nil
	case method != "" && method != "plain" && method != "S256":
		return AADSTS(9002313).say("Unsupported 'code_challenge_method' value '%s'.", method)
	case !validVerifier(f.challenge):
		return AADSTS(9002313).say("The size or form of the code_challenge parameter is not valid.")
	}
	f.plain = method != "S256"
	return nil
}

// readResource turns v1's resource into what is asked for. Permissions come
// from the registration; without a resource all of them are meant.
func (s *Server) readResource(f *flow) (request, *Error) {
	if f.resource == "" {
		q := request{oidc: oidcScopes}
		for _, p := range f.app.registered(false) {
			if !slices.ContainsFunc(q.asks, func(a ask) bool { return a.resource == p.resource }) {
				q.asks = append(q.asks, ask{resource: p.resource, as: p.resource})
			}
		}
		return q, nil
	}
	q, e := s.parseResource(f.resource, f.place.name)
	if e == nil && len(f.app.Scopes[q.asks[0].resource]) == 0 {
		e = unlisted(q.asks[0], f.app)
	}
	return q, e
}

func unlisted(a ask, app *App) *Error {
	return AADSTS(650057).say("The client has requested access to the resource '%s', which is not listed in the requested permissions of the registration of application '%s' (%s).", a.as, app.ClientID, app.DisplayName)
}
