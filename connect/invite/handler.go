package invite

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"time"
)

const (
	invitePath   = "/invite/"
	callbackPath = "/callback"
	maxForm      = 8 << 10
)

// Limits of a server that anybody on the internet may reach. Writing has time
// for Microsoft's answers.
const (
	readTime  = 10 * time.Second
	writeTime = 2 * time.Minute
	idleTime  = 30 * time.Second
	maxHeader = 32 << 10 // a code of Microsoft's has several kB
)

// workTime is what one answer of a browser may take at Microsoft.
const workTime = 90 * time.Second

// Server serves the pages with the limits that a public address needs. The
// caller listens, with or without TLS.
func (s *Invites) Server() *http.Server {
	return &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: readTime, ReadTimeout: readTime, WriteTimeout: writeTime,
		IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
	}
}

// Handler serves the page of each invitation and the address that Microsoft
// sends browsers back to, and nothing else.
func (s *Invites) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+invitePath+"{token}", s.showInvite)
	mux.HandleFunc("POST "+invitePath+"{token}", s.begin)
	mux.HandleFunc("GET "+callbackPath, s.callback)
	limit := newLimiter(s.c.Now, s.c.Proxied)
	// Another site's form must not send our person's browser away.
	foreign := http.NewCrossOriginProtection()
	if err := foreign.AddTrustedOrigin(s.c.URL); err != nil {
		s.c.Log.Error("trust the public address", "err", err)
	}
	foreign.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.show(w, r, http.StatusForbidden, page{Kind: "stray"})
	}))
	inner := foreign.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.secureHeaders(w.Header())
		if !limit.allow(r) {
			w.Header().Set("Retry-After", "30")
			s.show(w, r, http.StatusTooManyRequests, page{Kind: "busy"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		inner.ServeHTTP(w, r)
	})
}

// secureHeaders go with every answer. The form may lead to any https address:
// a browser applies form-action to the redirects that follow, and a customer
// may sign in at a server of its own that Microsoft sends it on to.
func (s *Invites) secureHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src '"+styleHash+"'; base-uri 'none'; form-action 'self' https:; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if s.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// cookie is the name of what binds an attempt to a browser. The prefix makes
// browsers refuse one that another host or plain http has set.
func (s *Invites) cookie() string {
	if s.secure {
		return "__Host-invite"
	}
	return "invite"
}

var browserForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// browser is the hash of the browser's cookie; empty without one.
func (s *Invites) browser(r *http.Request) string {
	c, err := r.Cookie(s.cookie())
	if err != nil || !browserForm.MatchString(c.Value) {
		return ""
	}
	return hashed(c.Value)
}

// markBrowser gives the browser a cookie, or keeps the one that it has, so that
// two tabs are one browser.
func (s *Invites) markBrowser(w http.ResponseWriter, r *http.Request) string {
	value := ""
	if c, err := r.Cookie(s.cookie()); err == nil && browserForm.MatchString(c.Value) {
		value = c.Value
	} else {
		value = rand.Text()
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.cookie(), Value: value, Path: "/", HttpOnly: true, Secure: s.secure,
		// Microsoft sends the browser back from another site, which Strict would
		// keep the cookie from.
		SameSite: http.SameSiteLaxMode,
		MaxAge:   int((24 * time.Hour).Seconds()),
	})
	return hashed(value)
}

func hashed(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}
