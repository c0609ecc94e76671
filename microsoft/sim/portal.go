package sim

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"bytes"

	"github.com/google/uuid"

	"tributary"
	"tributary/microsoft/sim/alerts"
)

//go:embed pages
var pages embed.FS

var portalPages = template.Must(template.ParseFS(pages, "pages/*.html"))

// allowList is which applications each tenant's portal has authorised for the
// SIEM API. What the real page does is not documented beyond that.
type allowList struct {
	mu   sync.RWMutex
	apps map[[2]string]string // tenant id and client id → the provider's tenant id
}

func (l *allowList) add(tenantID, clientID, providerID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.apps == nil {
		l.apps = map[[2]string]string{}
	}
	l.apps[[2]string{tenantID, clientID}] = providerID
}

// provider is the tenant id that was entered with an application.
func (l *allowList) provider(tenantID, clientID string) (string, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	id, ok := l.apps[[2]string{tenantID, clientID}]
	return id, ok
}

func (l *allowList) of(tenantID string) []authorised {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var list []authorised
	for key, by := range l.apps {
		if key[0] == tenantID {
			list = append(list, authorised{key[1], by})
		}
	}
	return list
}

type authorised struct {
	ClientID string `json:"application_id"`
	Provider string `json:"tenant_id"`
}

// page is what the portal's templates show.
type page struct {
	Title   string
	Tenant  *Tenant
	Tenants []Tenant
	Apps    []authorised
	Notice  string
	Problem string
	Alert   string
}

func (s *Server) show(w http.ResponseWriter, status int, name string, p page) {
	var b bytes.Buffer
	if err := portalPages.ExecuteTemplate(&b, name, p); err != nil {
		http.Error(w, "the page can't be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	respond(w, status, "text/html; charset=utf-8", b.String())
}

// portalTenant is the tenant that the address names (?tid=). Where there is
// none it has answered.
func (s *Server) portalTenant(w http.ResponseWriter, r *http.Request) *Tenant {
	if i, ok := s.byID[strings.ToLower(r.URL.Query().Get("tid"))]; ok {
		return &s.tenants[i]
	}
	s.show(w, http.StatusNotFound, "problem.html", page{Title: "Microsoft Defender", Problem: "No tenant of that id. Add ?tid= and the tenant's id to the address."})
	return nil
}

func (s *Server) portalHome(w http.ResponseWriter, r *http.Request) {
	if strings.TrimRight(r.URL.Path, "/") != "/portal" {
		s.show(w, http.StatusNotFound, "problem.html", page{Title: "Microsoft Defender", Problem: "There is no such page in the simulated portal."})
		return
	}
	if r.URL.Query().Get("tid") == "" {
		s.show(w, http.StatusOK, "home.html", page{Title: "Microsoft Defender", Tenants: s.tenants})
		return
	}
	if t := s.portalTenant(w, r); t != nil {
		s.show(w, http.StatusOK, "home.html", page{Title: "Microsoft Defender", Tenant: t})
	}
}

func (s *Server) portalMSSP(w http.ResponseWriter, r *http.Request) {
	if t := s.portalTenant(w, r); t != nil {
		s.show(w, http.StatusOK, "mssp.html", page{Title: "Settings > SIEM > MSSP", Tenant: t, Apps: s.allowed.of(t.ID)})
	}
}

// portalAuthorise takes the form: application_id, tenant_id (the provider's),
// and user, who stands for a sign-in and must be an administrator of the
// tenant. A client that asks for JSON gets what is authorised, or the problem.
func (s *Server) portalAuthorise(w http.ResponseWriter, r *http.Request) {
	t := s.portalTenant(w, r)
	if t == nil {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	clientID, errClient := uuid.Parse(strings.TrimSpace(r.PostFormValue("application_id")))
	provider, errProvider := uuid.Parse(strings.TrimSpace(r.PostFormValue("tenant_id")))
	p := page{Title: "Settings > SIEM > MSSP", Tenant: t}
	status := http.StatusOK
	switch {
	case !strings.EqualFold(r.PostFormValue("user"), t.Admin):
		status, p.Problem = http.StatusForbidden, "You need the permission Manage portal system settings. Ask an administrator of the tenant."
	case errClient != nil:
		status, p.Problem = http.StatusBadRequest, "Application ID: enter a GUID."
	case errProvider != nil:
		status, p.Problem = http.StatusBadRequest, "Tenant ID: enter the GUID of the provider's tenant."
	default:
		s.allowed.add(t.ID, clientID.String(), provider.String())
		p.Notice = "The application is authorized."
	}
	p.Apps = s.allowed.of(t.ID)
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		body, _ := json.Marshal(struct { // texts only: there is no error
			Authorised []authorised `json:"authorised"`
			Error      string       `json:"error,omitempty"`
		}{p.Apps, p.Problem})
		respond(w, status, "application/json", string(body))
		return
	}
	s.show(w, status, "mssp.html", p)
}

// portalAlert is the page that an alert's portal link leads to.
func (s *Server) portalAlert(w http.ResponseWriter, r *http.Request) {
	t := s.portalTenant(w, r)
	if t == nil {
		return
	}
	now := s.opts.Now()
	for _, source := range []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint} {
		ref, ok := s.alerts.One(s.byID[t.ID], source, now, r.PathValue("id"))
		if !ok {
			continue
		}
		var text bytes.Buffer
		// What Render gives is valid JSON.
		_ = json.Indent(&text, s.alerts.Render(nil, ref, alerts.Shape{Evidence: true}), "", "  ")
		s.show(w, http.StatusOK, "alert.html", page{Title: "Alert " + r.PathValue("id"), Tenant: t, Alert: text.String()})
		return
	}
	s.show(w, http.StatusNotFound, "problem.html", page{Title: "Microsoft Defender", Tenant: t, Problem: "No alert of that id in this tenant."})
}
