package defender

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary"
)

func TestOwnLink(t *testing.T) {
	t.Parallel()
	own, err := url.Parse("https://graph.microsoft.com/v1.0/security/alerts_v2")
	if err != nil {
		t.Fatal(err)
	}
	for link, want := range map[string]string{
		"https://graph.microsoft.com/v1.0/security/alerts_v2?$skiptoken=a%20b":     "$skiptoken=a%20b",
		"https://graph.microsoft.com:443/v1.0/security/alerts_v2?$skip=1#x":        "$skip=1",
		"HTTPS://Graph.Microsoft.com/v1.0/security/alerts_v2?$skip=1":              "$skip=1",
		"https://graph.microsoft.com/v1.0/security/alerts_v2?$filter=a ge b":       "$filter=a%20ge%20b",
		"https://graph.microsoft.com/v1.0/security/alerts_v2?a=\u00e9":             "a=%C3%A9",
		"http://graph.microsoft.com/v1.0/security/alerts_v2?$skip=1":               "",
		"https://evil.example/v1.0/security/alerts_v2?$skip=1":                     "",
		"https://graph.microsoft.com.evil.example/v1.0/security/alerts_v2?$skip=1": "",
		"https://graph.microsoft.com@evil.example/v1.0/security/alerts_v2?$skip=1": "",
		"https://evil.example\\@graph.microsoft.com/v1.0/security/alerts_v2?$s=1":  "",
		"https://me:pw@graph.microsoft.com/v1.0/security/alerts_v2?$skip=1":        "",
		"https://graph.microsoft.com:8443/v1.0/security/alerts_v2?$skip=1":         "",
		"https://graph.microsoft.com/v1.0/security/alerts_v2/../../me?$skip=1":     "",
		"https://graph.microsoft.com/v1.0/security/alerts%5fv2?$skip=1":            "",
		"https://graph.microsoft.com/v1.0/security/alerts_v2":                      "",
		"//graph.microsoft.com/v1.0/security/alerts_v2?$skip=1":                    "",
		"/v1.0/security/alerts_v2?$skip=1":                                         "",
		"?$skip=1":                                                                 "",
		"https://graph.microsoft.com/v1.0/security/alerts_v2?$skip=1\r\nHost: x":   "",
		"javascript:alert(1)": "",
		"https://[::1":        "",
	} {
		got, err := ownLink(own, link)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: query %q, error %v", link, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
}

// A next link to somebody else ends the read, and nobody else hears of us.
func TestForeignLinks(t *testing.T) {
	t.Parallel()
	thief := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a request with %q reached another host", r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	for name, link := range map[string]string{
		"another host":   thief.URL + "/graph/v1.0/security/alerts_v2?$skip=1",
		"another scheme": "http://127.0.0.1/graph/v1.0/security/alerts_v2?$skip=1",
		"user name":      "https://127.0.0.1@" + strings.TrimPrefix(thief.URL, "https://") + "/graph/v1.0/security/alerts_v2?$skip=1",
		"backslash":      strings.Replace(thief.URL, "https://", `https:\\`, 1) + "/graph/v1.0/security/alerts_v2?$skip=1",
		"relative":       "//" + strings.TrimPrefix(thief.URL, "https://") + "/graph/v1.0/security/alerts_v2?$skip=1",
	} {
		for _, ties := range []int{1, 9} { // the walk by time would not even need the link
			b, s := newBook(t, tributary.SourceGraph)
			b.linked, b.foreign = true, link
			b.fill(9, ties, time.Second)
			got, p, err := page(t, s.reader(t, tributary.SourceGraph), tributary.Request{Window: hour, Limit: 3})
			failed(t, err, CodeForeignLink, tributary.FixMSSP)
			if len(got) != 3 || p.Next != "" || len(s.requests()) != 1 {
				t.Errorf("%s: %d alerts, next %q, %d requests", name, len(got), p.Next, len(s.requests()))
			}
		}
	}
	// endpoint's links are never followed: the service names hosts of its own in them.
	b, s := newBook(t, tributary.SourceEndpoint)
	b.linked, b.foreign = true, thief.URL+"/mde/api/alerts?$skip=3"
	b.fill(9, 4, time.Second)
	if got, _ := window(t, s.reader(t, tributary.SourceEndpoint), tributary.Request{Window: hour, Limit: 3}); len(versions(got)) != 9 {
		t.Errorf("endpoint: %d alerts", len(versions(got)))
	}
}

func FuzzOwnLink(f *testing.F) {
	f.Add("https://graph.microsoft.com/v1.0/security/alerts_v2?$skiptoken=a b")
	f.Add("https://graph.microsoft.com@evil.example/v1.0/security/alerts_v2?a")
	f.Add(`https:\\graph.microsoft.com/v1.0/security/alerts_v2?a#b`)
	own := &url.URL{Scheme: "https", Host: "graph.microsoft.com", Path: "/v1.0/security/alerts_v2"}
	f.Fuzz(func(t *testing.T, link string) {
		query, err := ownLink(own, link)
		if err != nil {
			return
		}
		u := *own
		u.RawQuery = query
		again, err := url.Parse(u.String())
		if err != nil || again.Host != own.Host || again.Path != own.Path || again.User != nil || !isQuery(query) {
			t.Errorf("%q leads to %s: %v", link, &u, err)
		}
	})
}
