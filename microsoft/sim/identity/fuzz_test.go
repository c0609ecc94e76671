package identity

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// fuzzServer is a server without a socket.
func fuzzServer(f *testing.F) *Server {
	f.Helper()
	o := options()
	o.Now = time.Now
	s, err := newServer(o, signing())
	if err != nil {
		f.Fatal(err)
	}
	s.Consent(contoso, multiApp)
	return s
}

// Whatever is posted to the token endpoint is answered with tokens or with
// Entra's error body.
func FuzzTokenRequest(f *testing.F) {
	s := fuzzServer(f)
	f.Add(true, "grant_type=client_credentials&client_id="+multiApp+"&client_secret="+url.QueryEscape(secret)+"&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default", "")
	f.Add(false, "grant_type=refresh_token&client_id="+multiApp+"&client_secret="+url.QueryEscape(secret)+"&refresh_token=1.Ax&resource=%20", "Basic Og==")
	f.Add(true, "grant_type=authorization_code&code=x&client_assertion=a.b.c&client_assertion_type="+url.QueryEscape(assertionType), "")
	f.Add(true, "grant_type=device_code&device_code=%00&client_id=%ff", "Basic !!")
	f.Fuzz(func(t *testing.T, newer bool, form, authorization string) {
		v := v1
		if newer {
			v = v2
		}
		r := httptest.NewRequest(http.MethodPost, "/"+contoso+v.path("token"), strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var body errorBody
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		switch w.Code {
		case http.StatusOK:
		case http.StatusBadRequest, http.StatusUnauthorized:
			if body.Error == "" || len(body.Codes) == 0 || !strings.HasPrefix(body.Description, "AADSTS") {
				t.Errorf("%s", w.Body)
			}
		default:
			t.Errorf("HTTP %d %s", w.Code, w.Body)
		}
	})
}

// Whatever an authorize request says, only a registered address is ever
// redirected to.
func FuzzAuthorize(f *testing.F) {
	s := fuzzServer(f)
	f.Add("client_id=" + multiApp + "&response_type=code&redirect_uri=https://siemmsspconnector&scope=User.Read&prompt=none")
	f.Add("client_id=" + multiApp + "&response_type=code&redirect_uri=http://localhost:1/&scope=.default%20/x%20https://graph.microsoft.com//")
	f.Add("client_id=" + multiApp + "&redirect_uri=https://app.example/cb?tenant=1&response_mode=fragment&state=%0d%0aSet-Cookie:x")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/"+contoso+"/oauth2/v2.0/authorize", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		to := w.Header().Get("Location")
		if to == "" {
			return
		}
		u, err := url.Parse(to)
		if err != nil {
			t.Fatalf("%q: %v", to, err)
		}
		switch strings.ToLower(u.Hostname()) {
		case "localhost", "127.0.0.1", "siemmsspconnector", "app.example":
		default:
			t.Errorf("%q was sent to %q", query, to)
		}
	})
}

func FuzzVerify(f *testing.F) {
	s := fuzzServer(f)
	token, _, _, err := s.accessToken(bearer{version: v2, base: "https://127.0.0.1", tenant: s.tenant(contoso), app: s.app(multiApp), resource: graph})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("Bearer " + token)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		got := strings.TrimPrefix(text, "Bearer ")
		if _, err := s.Verify(text); err == nil && !strings.Contains(got, token[:len(token)-2]) {
			t.Errorf("%q was taken", text)
		}
	})
}
