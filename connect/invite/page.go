package invite

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"tributary"
	"tributary/connect"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

var (
	pageTemplate = template.Must(template.New("page").Parse(pageText))
	styleHash    = hashOf(styleText)
)

// hashOf lets one style into the page, and no other.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// page is what one answer shows. Kind names its texts: <kind>.title and
// <kind>.text.
type page struct {
	Kind    string
	Failure *failure
	*opened
	words

	Lang        string
	Opened      bool // the page is of an invitation that can be opened
	Style       template.CSS
	MSSP        string
	Languages   []choice
	Asks        bool // there is a button
	Delegated   bool
	SIEM        bool // the portal has a step left
	Permissions []permission
	Login       string
}

// choice is a language to switch to.
type choice struct {
	Code, Name, Address string
	Current             bool
}

// permission is one thing that is asked for, in words and by Microsoft's name.
type permission struct{ Words, Name string }

// Action is where the button leads.
func (p page) Action() string { return invitePath + p.token }

// Reason is the key of the text that says what a failure means.
func (p page) Reason() string {
	for _, key := range []string{"reason." + p.Failure.Code, "reason." + string(p.Failure.Fix)} {
		if p.texts[key] != "" {
			return key
		}
	}
	return "reason.mssp"
}

func (s *Invites) language(r *http.Request) *language {
	return s.texts.choose(r.FormValue("lang"), r.Header.Get("Accept-Language"))
}

// show writes a page.
func (s *Invites) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	l := s.language(r)
	names := map[string]string{"mssp": s.c.Name}
	if p.opened != nil {
		p.Opened = true
		names = s.names(p.tenant, l)
		names["expires"] = day(p.record.Expires)
		names["account"] = p.record.Account
		p.Asks = p.Kind != "done"
		p.Delegated = p.tenant.Auth == tributary.AuthDelegated
		p.SIEM = slices.Contains(p.tenant.Sources, tributary.SourceSIEM)
		for _, source := range p.tenant.Sources {
			p.Permissions = append(p.Permissions, permission{l.texts["permission."+string(source)], connect.Permission(p.tenant.Auth, source)})
		}
		if cloud, _, err := s.c.Connector.Cloud(p.tenant); err == nil {
			if u, err := url.Parse(cloud.Login); err == nil {
				names["login"] = u.Host
			}
		}
	}
	p.words, p.Lang, p.Style, p.MSSP = l.with(names), l.code, template.CSS(styleText), s.c.Name
	for _, code := range s.texts.codes {
		// The path alone: a callback's query is not to be repeated.
		address := url.URL{Path: r.URL.Path, RawQuery: url.Values{"lang": {code}}.Encode()}
		p.Languages = append(p.Languages, choice{code, s.texts.byCode[code].texts["language"], address.String(), code == l.code})
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", l.code)
	h.Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	if err := pageTemplate.Execute(w, p); err != nil {
		s.c.Log.Debug("write a page", "err", err) // the person has closed the browser
	}
}
