package entra

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// listener waits on a loopback address for the browser that comes back from
// signing in. It takes one answer, and shows the person how it ended.
type listener struct {
	redirect string // the redirect URI with the port in it
	path     string
	answers  chan url.Values
	taken    atomic.Bool
	server   *http.Server

	once sync.Once
	done chan struct{} // closed when outcome is known
	how  outcome
}

// listen starts a listener for a redirect URI of this machine, or returns nil
// if it is of another. A URI without a port gets a free one: Entra doesn't
// compare the port of a loopback address (Entra: reply-url).
func listen(redirect string) (*listener, error) {
	u, err := url.Parse(redirect)
	if err != nil {
		return nil, fmt.Errorf("the redirect address %q is not a URL", redactUserInfo(redirect))
	}
	var hosts []string
	switch strings.ToLower(u.Hostname()) {
	case "localhost":
		hosts = []string{"127.0.0.1", "::1"} // a browser may try either first
	case "127.0.0.1", "::1":
		hosts = []string{u.Hostname()}
	}
	if u.Scheme != "http" || hosts == nil {
		return nil, nil
	}
	port := u.Port()
	if port == "" {
		port = "0"
	}
	first, err := net.Listen("tcp", net.JoinHostPort(hosts[0], port))
	if err != nil {
		return nil, fmt.Errorf("listen on the redirect address: %w", err)
	}
	_, port, err = net.SplitHostPort(first.Addr().String())
	if err != nil {
		return nil, errors.Join(err, first.Close())
	}
	l := &listener{path: u.Path, answers: make(chan url.Values, 1), done: make(chan struct{})}
	if l.path == "" {
		l.path = "/"
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	l.redirect = u.String()
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second}
	go func() { _ = l.server.Serve(first) }() // ends when the server is closed
	for _, host := range hosts[1:] {
		// A machine without IPv6 does without: its browser does too.
		if more, err := net.Listen("tcp", net.JoinHostPort(host, port)); err == nil {
			go func() { _ = l.server.Serve(more) }()
		}
	}
	return l, nil
}

// maxForm bounds a form that is posted to the listener.
const maxForm = 64 << 10

// ServeHTTP takes the first answer, by GET (response_mode=query) or POST
// (form_post), and shows the outcome when the code has been redeemed. Whatever
// else a browser asks for (an icon) is not found and changes nothing.
func (l *listener) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path != l.path {
		http.NotFound(w, req)
		return
	}
	values := req.URL.Query()
	switch req.Method {
	case http.MethodGet:
	case http.MethodPost:
		req.Body = http.MaxBytesReader(w, req.Body, maxForm)
		if err := req.ParseForm(); err != nil {
			http.Error(w, "this form can't be read", http.StatusBadRequest)
			return
		}
		values = req.PostForm
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "open this page with a browser", http.StatusMethodNotAllowed)
		return
	}
	if !isAnswer(values) {
		http.NotFound(w, req)
		return
	}
	if l.taken.Swap(true) {
		http.Error(w, "this sign-in has been answered already", http.StatusGone)
		return
	}
	l.answers <- values // has room for the one
	select {
	case <-l.done:
		l.how.show(w)
	case <-req.Context().Done():
	}
}

func isAnswer(v url.Values) bool {
	return v.Has("state") && (v.Has("code") || v.Has("error") || v.Has("admin_consent"))
}

// finish tells the person who waits how it ended.
func (l *listener) finish(how outcome) {
	l.once.Do(func() {
		l.how = how
		close(l.done)
	})
}

// closeTime is how long the last page may take to reach the browser.
const closeTime = 3 * time.Second

func (l *listener) close() {
	l.finish(outcome{err: errors.New("the sign-in was given up")})
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close() // a browser that keeps its connection open is cut off
	}
}

// parsePasted reads the answer out of the address that a person copied from
// the browser, or out of the part of it that matters. The errors don't quote
// it: it holds the code.
func parsePasted(text string) (url.Values, error) {
	text = strings.Trim(strings.TrimSpace(text), `"'<>`)
	if len(text) > maxForm {
		return nil, errors.New("the pasted address is too long")
	}
	for _, cut := range []string{"?", "#"} {
		_, query, found := strings.Cut(text, cut)
		if !found {
			continue
		}
		query, _, _ = strings.Cut(query, "#")
		if v, err := url.ParseQuery(query); err == nil && isAnswer(v) {
			return v, nil
		}
	}
	if v, err := url.ParseQuery(text); err == nil && isAnswer(v) {
		return v, nil
	}
	return nil, errors.New("the pasted address holds no answer of a sign-in (code and state)")
}
