package identity

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

// pages holds one template set for each page: the frame, and the page's own part.
var pages = parsePages("signin", "accounts", "consent", "approval", "device", "done", "error", "post")

func parsePages(names ...string) map[string]*template.Template {
	set := map[string]*template.Template{}
	for _, name := range names {
		set[name] = template.Must(template.ParseFS(pageFiles, "pages/frame.html", "pages/"+name+".html"))
	}
	return set
}

// What the pages show.
type (
	signInPage struct {
		Path, Flow, App, Tenant, Name, Problem string
	}
	accountsPage struct{ Path, Flow, App, Account string }
	consentPage  struct {
		Path, Flow, App, AppID, Publisher, Account, Tenant string
		Permissions                                        []permissionLine
		Organization                                       bool // the whole tenant is asked
		Offer, Ticked                                      bool // an administrator may choose the whole tenant
		Device                                             bool
	}
	permissionLine struct {
		Resource, Name string
		Application    bool
	}
	approvalPage struct{ Path, Flow, App, Account, Problem string }
	devicePage   struct{ Code, Problem string }
	donePage     struct{ Title, Text string }
	errorPage    struct{ Text, Trace, Correlation, Timestamp string }
	postPage     struct {
		Action string
		Params params
	}
)

// Name and Value let the template read a parameter.
func (p param) Name() string  { return p.name }
func (p param) Value() string { return p.value }

// show renders a page: HTML without any script, never kept, never framed.
func (s *Server) show(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages[name].ExecuteTemplate(&b, "frame", data); err != nil {
		http.Error(w, fmt.Sprintf("page %s: %v", name, err), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	noStore(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	// No form-action: it would forbid the redirect that follows a form.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	// An error here is the browser's connection: nobody is left to tell.
	_, _ = w.Write(b.Bytes())
}

// showError tells the person, and only them, why it goes no further.
func (s *Server) showError(w http.ResponseWriter, r *http.Request, e *Error) {
	t := s.trace(r)
	s.show(w, http.StatusBadRequest, "error", errorPage{Text: e.sentence(), Trace: t.id, Correlation: t.correlation, Timestamp: t.stamp()})
}

// explain is the page that `error_uri` names: what an AADSTS code means.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(r.URL.Query().Get("code")), "AADSTS"))
	e, known := catalogue[code]
	if err != nil || !known {
		s.show(w, http.StatusNotFound, "done", donePage{Title: "Error code look-up", Text: "No such code is known here."})
		return
	}
	s.show(w, http.StatusOK, "done", donePage{Title: fmt.Sprintf("AADSTS%d", code), Text: e.Text})
}

func (s *Server) showSignIn(w http.ResponseWriter, f *flow, name string, problem *Error) {
	page := signInPage{Path: "/" + f.place.name + "/login", Flow: s.keepFlow(f), App: f.app.DisplayName, Name: name}
	if f.place.tenant != nil {
		page.Tenant = f.place.tenant.DisplayName
	}
	if problem != nil {
		page.Problem = problem.sentence()
	}
	s.show(w, http.StatusOK, "signin", page)
}

func (s *Server) showAccounts(w http.ResponseWriter, f *flow, known *account) {
	s.show(w, http.StatusOK, "accounts", accountsPage{
		Path: "/" + f.place.name + "/login", Flow: s.keepFlow(f), App: f.app.DisplayName, Account: known.name,
	})
}

func (s *Server) showConsent(w http.ResponseWriter, f *flow, admin bool) {
	page := consentPage{
		Path: "/" + f.place.name + "/consent", App: f.app.DisplayName, AppID: f.app.ClientID, Account: f.user.name, Tenant: f.tenant.DisplayName,
		Organization: f.org, Offer: admin && !f.org && len(f.list) > 0, Ticked: f.prompt == "consent", Device: f.purpose == toDevice,
	}
	page.Publisher = s.publisher(f.app)
	for _, p := range f.list {
		page.Permissions = append(page.Permissions, permissionLine{Resource: s.resourceName(p.resource), Name: p.name, Application: p.kind == application})
	}
	page.Flow = s.keepFlow(f)
	s.show(w, http.StatusOK, "consent", page)
}

func (s *Server) showApproval(w http.ResponseWriter, f *flow) {
	s.show(w, http.StatusOK, "approval", approvalPage{
		Path: "/" + f.place.name + "/consent", Flow: s.keepFlow(f), App: f.app.DisplayName, Account: f.user.name, Problem: AADSTS(90094).sentence(),
	})
}

func (s *Server) showDone(w http.ResponseWriter, app *App, text string) {
	s.show(w, http.StatusOK, "done", donePage{Title: app.DisplayName, Text: text})
}

// resourceName is a resource as a person knows it.
func (s *Server) resourceName(uri string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.lookup(uri); a != nil {
		return a.Name
	}
	return strings.TrimPrefix(uri, "https://")
}
