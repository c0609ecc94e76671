package identity

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// parseRedirect reads a redirect URI: absolute, without a fragment.
func parseRedirect(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, errors.New("not a URI")
	}
	if u.Scheme == "" || (u.Host == "" && u.Opaque == "" && u.Path == "") {
		return nil, errors.New("not absolute")
	}
	if u.Fragment != "" || strings.Contains(uri, "#") {
		return nil, errors.New("has a fragment")
	}
	return u, nil
}

// sameRedirect compares a redirect URI with a registered one: exactly, but for
// what no URI tells apart (the case of scheme and host, a missing path and
// "/"), and but for the port of an http loopback address if anyPort is set,
// because a program can't know its port beforehand.
func sameRedirect(sent, registered string, anyPort bool) bool {
	a, errA := parseRedirect(sent)
	b, errB := parseRedirect(registered)
	if errA != nil || errB != nil {
		return false
	}
	if !strings.EqualFold(a.Scheme, b.Scheme) || !strings.EqualFold(a.Hostname(), b.Hostname()) || a.Opaque != b.Opaque || a.User.String() != b.User.String() {
		return false
	}
	if a.RawQuery != b.RawQuery || pathOf(a) != pathOf(b) {
		return false
	}
	loopback := strings.EqualFold(a.Scheme, "http") && isLoopback(a.Hostname())
	return (anyPort && loopback) || a.Port() == b.Port()
}

func pathOf(u *url.URL) string {
	if p := u.EscapedPath(); p != "" || u.Host == "" {
		return p
	}
	return "/"
}

// redirectURI chooses where a request's answer goes: the one it names, if that
// is registered, or a registered one if it names none.
func (a *App) redirectURI(sent string) (string, *Error) {
	replies := a.replies()
	if len(replies) == 0 {
		return "", AADSTS(500113).say("No reply address is registered for the application '%s'.", a.DisplayName)
	}
	if sent == "" {
		return replies[0], nil
	}
	for _, registered := range replies {
		if sameRedirect(sent, registered, true) {
			return sent, nil
		}
	}
	return "", AADSTS(50011).say("The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'.", sent, a.ClientID)
}

// param is one parameter of an answer. Their order is kept: scripts of old look
// for "?code=" right behind the redirect URI.
type param struct{ name, value string }

type params []param

func (p *params) add(name, value string) {
	if value != "" {
		*p = append(*p, param{name, value})
	}
}

func (p params) encode() string {
	var b strings.Builder
	for i, x := range p {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(x.name) + "=" + url.QueryEscape(x.value))
	}
	return b.String()
}

// send brings the answer to the redirect URI, the way the request asked for.
func (s *Server) send(w http.ResponseWriter, r *http.Request, redirectURI, mode string, p params) {
	noStore(w.Header())
	u, err := parseRedirect(redirectURI)
	if err != nil {
		s.showError(w, r, AADSTS(50011))
		return
	}
	// A redirect URI without a path is answered with "/".
	if u.Path == "" && u.Host != "" {
		u.Path = "/"
	}
	switch mode {
	case "form_post":
		s.show(w, http.StatusOK, "post", postPage{Action: u.String(), Params: p})
		return
	case "fragment":
		w.Header().Set("Location", u.String()+"#"+p.encode())
	default:
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += p.encode()
		w.Header().Set("Location", u.String())
	}
	w.WriteHeader(http.StatusFound)
}

// sendError brings a refusal to the redirect URI.
func (s *Server) sendError(w http.ResponseWriter, r *http.Request, redirectURI, mode, state string, e *Error) {
	var p params
	p.add("error", e.Name)
	p.add("error_subcode", e.Subcode)
	p.add("error_description", e.description(s.trace(r)))
	p.add("error_uri", e.uri(s.baseURL(r)))
	p.add("state", state)
	s.send(w, r, redirectURI, mode, p)
}
