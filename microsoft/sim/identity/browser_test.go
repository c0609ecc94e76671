package identity

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func fragment(t *testing.T, text string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBrowserReachesListener(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	address, queries := listener(t)
	open := func(redirect string) string {
		return l.address("/"+contoso+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code", "redirect_uri", redirect, "scope", "User.Read", "state", "s")
	}
	final, err := l.browser(bob).Visit(t.Context(), open(address))
	if err != nil {
		t.Fatal(err)
	}
	if got := <-queries; got.Get("code") != final.Query().Get("code") || got.Get("code") == "" {
		t.Errorf("the listener got %v, the browser says %v", got, final)
	}
	// Nobody listens any more: the address bar still holds the answer.
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://localhost:" + strings.TrimPrefix(gone.Addr().String(), "127.0.0.1:")
	gone.Close()
	final, err = l.browser(bob).Visit(t.Context(), open(dead))
	if err != nil || final.Query().Get("code") == "" || !strings.HasPrefix(final.String(), dead) {
		t.Errorf("%v %v", final, err)
	}
}

func TestBrowserGivesUp(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop?code=secret", http.StatusFound)
		case "/form":
			_, _ = w.Write([]byte(`<form action="/form"><button>Again</button></form>`))
		case "/hang":
			<-hang
		case "/page":
			_, _ = w.Write([]byte(`<p>nothing to do</p>`))
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	defer close(hang)
	for path, want := range map[string]string{"/loop": "no end after 30 pages", "/form": "no end after 30 pages", "/none": "404"} {
		_, err := Browser{Client: srv.Client()}.Visit(t.Context(), srv.URL+path+"?code=secret")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if final, err := (Browser{}).Visit(t.Context(), srv.URL+"/page"); err != nil || final.Path != "/page" {
		t.Errorf("%v %v", final, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := (Browser{Client: srv.Client()}).Visit(ctx, srv.URL+"/hang"); err == nil {
		t.Error("a hanging page ended well")
	}
	for _, bad := range []string{"", "relative", "http://[::1"} {
		if _, err := (Browser{}).Visit(t.Context(), bad); err == nil {
			t.Errorf("%q was opened", bad)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestReadPage(t *testing.T) {
	t.Parallel()
	p, err := readPage([]byte(`<p role="alert"> Take <b>care</b> </p>
		<form id="f" action="/x?a=1&amp;b=2"><div><input type="hidden" name="h" value="1&quot;2"><input name="loginfmt"><input type=PASSWORD name="p">
		<input type=checkbox name=on checked><input type=checkbox name=off><input type=submit></div>
		<button name="action" value="cancel">No</button><button name="action" value="accept">Yes</button></form><form id="second"></form>`))
	if err != nil {
		t.Fatal(err)
	}
	if p.alert != "Take care" || p.form.id != "f" || p.form.action != "/x?a=1&b=2" || !p.form.has("password") {
		t.Errorf("%+v", p)
	}
	got := p.form.fill(Browser{User: "u", Password: "w"}).Encode()
	if want := values("h", `1"2`, "loginfmt", "u", "p", "w", "on", "on", "action", "accept").Encode(); got != want {
		t.Errorf("filled %s, want %s", got, want)
	}
	if got := p.form.fill(Browser{Decline: true}).Get("action"); got != "cancel" {
		t.Errorf("declined with %q", got)
	}
}

func FuzzReadPage(f *testing.F) {
	f.Add([]byte(`<form action="/x"><input name="a" value="b"><button name="c" value="accept">`))
	f.Add([]byte(`<p role=alert>x<form><form><input type=checkbox checked`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := readPage(body)
		if err != nil || p.form == nil {
			return
		}
		if _, err := url.ParseQuery(p.form.fill(Browser{User: "u", Password: "p"}).Encode()); err != nil {
			t.Error(err)
		}
	})
}
