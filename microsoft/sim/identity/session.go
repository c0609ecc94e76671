package identity

import (
	"net/http"
	"time"

	"github.com/google/uuid"
)

// session is a person who stays signed in, in one browser.
type session struct {
	state string // `session_state`
	user  account
	since time.Time // when they typed their password
}

// sessionCookie is named as Entra's is.
const sessionCookie = "ESTSAUTH"

// newSession remembers the person in their browser.
func (s *Server) newSession(w http.ResponseWriter, user account) string {
	name, state := random(32), uuid.NewString()
	s.sessions.put(name, &session{state: state, user: user, since: s.now()})
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: name, Path: "/", Secure: true, HttpOnly: true,
		// Lax: an application's link to the authorize page brings it along.
		SameSite: http.SameSiteLaxMode,
	})
	return state
}

// session finds who is signed in in this browser; nil: nobody.
func (s *Server) session(r *http.Request) *session {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	known, ok := s.sessions.get(c.Value)
	if !ok {
		return nil
	}
	return known
}

// logout ends the browser's session, and goes back to the application if the
// address is one that is registered.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.sessions.take(c.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	if back := r.URL.Query().Get("post_logout_redirect_uri"); back != "" && s.anyRedirect(back) {
		var p params
		p.add("state", r.URL.Query().Get("state"))
		s.send(w, r, back, "query", p)
		return
	}
	s.show(w, http.StatusOK, "done", donePage{Title: "You signed out", Text: "It's a good idea to close all browser windows."})
}

func (s *Server) anyRedirect(uri string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, app := range s.apps {
		for _, registered := range app.replies() {
			if sameRedirect(uri, registered, true) {
				return true
			}
		}
	}
	return false
}

// userInfo tells the bearer of a Graph token who they are (OpenID Connect).
func (s *Server) userInfo(w http.ResponseWriter, r *http.Request) {
	c, err := s.verify(r.Header.Get("Authorization"))
	if err != nil || c.Audience[0] != graphURI || c.UPN+c.Username == "" {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": map[string]string{
			"code": "InvalidAuthenticationToken", "message": "The access token is missing, expired, or not a person's token for Microsoft Graph.",
		}})
		return
	}
	noStore(w.Header())
	writeJSON(w, http.StatusOK, map[string]string{"sub": c.Subject, "name": c.UPN + c.Username, "email": c.UPN + c.Username})
}
