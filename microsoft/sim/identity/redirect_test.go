package identity

import (
	"net/http"
	"testing"
)

func TestSameRedirect(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		sent, registered string
		want             bool
	}{
		{"https://SiemMsspConnector", "https://SiemMsspConnector", true},
		{"https://siemmsspconnector/", "https://SiemMsspConnector", true},
		{"HTTPS://app.example/cb", "https://APP.example/cb", true},
		{"https://app.example/CB", "https://app.example/cb", false},
		{"https://app.example/cb/", "https://app.example/cb", false},
		{"https://app.example/cb?x=1", "https://app.example/cb", false},
		{"https://app.example/cb?x=1", "https://app.example/cb?x=1", true},
		{"https://app.example/a%2Fb", "https://app.example/a/b", false},
		{"http://app.example/cb", "https://app.example/cb", false},
		{"https://app.example.evil.example/cb", "https://app.example/cb", false},
		{"https://user@app.example/cb", "https://app.example/cb", false},
		{"http://localhost:53682", "http://localhost", true},
		{"http://localhost:53682/", "http://localhost:8400", true},
		{"http://localhost:53682/cb", "http://localhost", false},
		{"http://127.0.0.1:53682/cb", "http://127.0.0.1/cb", true},
		{"http://[::1]:53682/cb", "http://[::1]/cb", true},
		{"http://127.0.0.1:53682", "http://localhost", false},
		{"https://localhost:53682", "https://localhost", false},
		{"http://localhost.evil.example:1", "http://localhost", false},
		{"msal://auth", "msal://auth", true},
		{"msal://auth", "msal://other", false},
		{"urn:ietf:wg:oauth:2.0:oob", "urn:ietf:wg:oauth:2.0:oob", true},
		{"urn:ietf:wg:oauth:2.0:oob", "urn:other", false},
		{"https://app.example/cb#x", "https://app.example/cb", false},
		{"https://app.example/cb#", "https://app.example/cb", false},
		{"/cb", "https://app.example/cb", false},
		{"", "https://app.example/cb", false},
		{"https://app.example/\x00", "https://app.example/", false},
	} {
		if got := sameRedirect(tc.sent, tc.registered, true); got != tc.want {
			t.Errorf("%q for %q: %v", tc.sent, tc.registered, got)
		}
	}
	if sameRedirect("http://localhost:1", "http://localhost:2", false) {
		t.Error("at redemption the port counts")
	}
}

// A redirect URI keeps its own query, and the answer comes the way it was
// asked for.
func TestResponseModes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	open := func(redirect, mode string) string {
		return l.address("/"+contoso+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code",
			"redirect_uri", redirect, "scope", "User.Read", "state", "a+b c&d", "response_mode", mode)
	}
	b := l.browser(bob)
	own := l.visit(b, open("https://app.example/cb?tenant=1", "query"))
	if own.Get("tenant") != "1" || own.Get("code") == "" || own.Get("state") != "a+b c&d" {
		t.Errorf("query: %v", own)
	}
	final, err := b.Visit(t.Context(), open(msspRedirect, "fragment"))
	if err != nil || final.RawQuery != "" || final.Path != "/" {
		t.Fatalf("fragment: %v %v", final, err)
	}
	if q := fragment(t, final.EscapedFragment()); q.Get("code") == "" || q.Get("state") != "a+b c&d" {
		t.Errorf("fragment: %v", q)
	}
	// Nobody can be reached at an https address: the values come as a query.
	if q := l.visit(b, open(msspRedirect, "form_post")); q.Get("code") == "" || q.Get("state") != "a+b c&d" {
		t.Errorf("form_post: %v", q)
	}
	// A loopback listener gets the post, and nothing in its address.
	address, queries := listener(t)
	final, err = b.Visit(t.Context(), open(address, "form_post"))
	if err != nil || final.RawQuery != "" {
		t.Fatalf("form_post: %v %v", final, err)
	}
	if q := <-queries; q.Get("code") == "" || q.Get("state") != "a+b c&d" {
		t.Errorf("form_post: %v", q)
	}
	// The page that posts has no script and is never kept.
	c := withJar(t, l.client)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Get(open(msspRedirect, "form_post"))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"Cache-Control": "no-store, no-cache", "X-Frame-Options": "DENY",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
	} {
		if got := resp.Header.Get(header); got != want {
			t.Errorf("%s: %q", header, got)
		}
	}
	l.page(resp, nil)
}
