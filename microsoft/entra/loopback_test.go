package entra

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The listener takes one answer; whatever else a browser asks for changes
// nothing.
func TestListenerTakesOneAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	get := func(method, address string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	// The second answer comes while the first is being redeemed.
	inner := d.fake.script
	d.fake.script = func(path string, form url.Values) reply {
		base := strings.Replace(d.asked().Get("redirect_uri"), "localhost", "127.0.0.1", 1)
		if got := get(http.MethodGet, base+"/?code=again&state="+d.asked().Get("state")); got != http.StatusGone {
			t.Errorf("a second answer: %d", got)
		}
		return inner(path, form)
	}
	d.req.Open = func(address string) error {
		redirect, _ := d.read(address)
		base := strings.Replace(redirect.String(), "localhost", "127.0.0.1", 1)
		for _, stray := range []string{"/favicon.ico", "/", "/?hello=1", "/?code=x", "/other?code=x&state=y"} {
			if got := get(http.MethodGet, base+stray); got != http.StatusNotFound {
				t.Errorf("%s: %d", stray, got)
			}
		}
		if got := get(http.MethodPut, base+"/?code=x&state=y"); got != http.StatusMethodNotAllowed {
			t.Errorf("PUT: %d", got)
		}
		return d.open(address)
	}
	if _, _, err := d.signIn(t); err != nil {
		t.Fatal(err)
	}
	<-d.done
}

func TestRedirectOfTheApplication(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ configured, want string }{
		{"http://localhost/signin", "http://localhost:PORT/signin"},
		{"http://127.0.0.1", "http://127.0.0.1:PORT"},
		{"http://LOCALHOST/", "http://LOCALHOST:PORT/"},
	} {
		d := newDesk(t)
		d.req.App.RedirectURI = tt.configured
		if _, _, err := d.signIn(t); err != nil {
			t.Fatal(err)
		}
		<-d.done
		got := d.asked().Get("redirect_uri")
		u, err := url.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Replace(tt.want, "PORT", u.Port(), 1); u.Port() == "" || got != want {
			t.Errorf("%s: sent %s, want %s", tt.configured, got, want)
		}
	}
}

func TestRedirectPortIsTaken(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	d := newDesk(t)
	d.req.RedirectURI = "http://" + other.Addr().String() + "/cb"
	_, _, e := d.signIn(t)
	if e == nil || e.Code != CodeSettings || !strings.Contains(e.Next, "port") {
		t.Errorf("got %v", e)
	}
}
