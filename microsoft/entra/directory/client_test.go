package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tributary"
)

// scripted is a fake that answers every request as the test says.
func scripted(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *fake {
	t.Helper()
	f := newFake(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		answer(len(f.asked), w, r)
		return true
	}
	return f
}

const organizationBody = `{"value":[{"id":"` + customerTenant + `","displayName":"Contoso","verifiedDomains":[{"name":"contoso.com","isDefault":true}]}]}`

func TestRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer func(n int, w http.ResponseWriter)
		want   int // requests of a call that may be repeated
		once   int // of one that must not be
		ok     bool
	}{
		{"a bad gateway", func(n int, w http.ResponseWriter) {
			if n < 3 {
				w.WriteHeader(http.StatusBadGateway)
			} else {
				fmt.Fprint(w, organizationBody)
			}
		}, 3, 1, true},
		{"throttled", func(n int, w http.ResponseWriter) {
			if n < 3 {
				refuse(w, http.StatusTooManyRequests, "TooManyRequests", "slowly")
			} else {
				fmt.Fprint(w, organizationBody)
			}
		}, 3, 3, true},
		{"throttled for long", func(_ int, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "120")
			refuse(w, http.StatusTooManyRequests, "TooManyRequests", "slowly")
		}, 1, 1, false},
		{"a broken connection", func(n int, w http.ResponseWriter) {
			if n < 2 {
				panic(http.ErrAbortHandler)
			}
			fmt.Fprint(w, organizationBody)
		}, 2, 1, true},
		{"a failure", func(_ int, w http.ResponseWriter) {
			refuse(w, http.StatusInternalServerError, "generalException", "no")
		}, 1, 1, false},
	} {
		for _, once := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, once %t", c.name, once), func(t *testing.T) {
				t.Parallel()
				f := scripted(t, func(n int, w http.ResponseWriter, _ *http.Request) { c.answer(n, w) })
				what := call{op: "test", method: http.MethodPost, path: "/x", body: map[string]string{"a": "b"}, into: &struct{}{}, once: once}
				err := f.client(t).do(t.Context(), what)
				want, ok := c.want, c.ok
				if once {
					want = c.once
					ok = ok && c.once == c.want
				}
				if f.count() != want || (err == nil) != ok {
					t.Errorf("%d requests, want %d; %v", f.count(), want, err)
				}
				if e := tributary.AsError(err); err != nil && (e.Fix != tributary.FixRetry || c.name == "throttled for long" && e.After != 2*time.Minute) {
					t.Errorf("the error is %+v", e)
				}
			})
		}
	}
}

func TestRefusedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	tokens := 0
	var bodies []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b strings.Builder
		_, _ = fmt.Fprint(&b, r.ContentLength)
		bodies = append(bodies, b.String())
		if r.Header.Get("Authorization") != "Bearer token-2" {
			refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token "+r.Header.Get("Authorization")[7:]+" has expired.")
			return
		}
		fmt.Fprint(w, organizationBody)
	}))
	t.Cleanup(server.Close)
	cfg := f.config()
	cfg.Client, cfg.Cloud.Graph = server.Client(), server.URL
	var rejected []string
	cfg.Token = func(_ context.Context, resource string) (tributary.AccessToken, error) {
		if resource != "https://graph.microsoft.com" {
			t.Errorf("a token for %s is asked for", resource)
		}
		tokens++
		return tributary.AccessToken{Value: tributary.NewSecret(fmt.Sprintf("token-%d", tokens))}, nil
	}
	cfg.Reject = func(_ string, token tributary.AccessToken) { rejected = append(rejected, token.Value.Reveal()) }
	err := New(cfg).do(t.Context(), call{op: "test", method: http.MethodPost, path: "/x", body: map[string]int{"a": 1}})
	if err != nil || len(rejected) != 1 || rejected[0] != "token-1" || len(bodies) != 2 || bodies[0] != bodies[1] {
		t.Errorf("rejected %v, bodies %v, %v", rejected, bodies, err)
	}
	tokens = 10
	err = New(cfg).do(t.Context(), call{op: "test", method: http.MethodGet, path: "/x"})
	e := f.failed(t, err, tributary.CodeUnauthorized, tributary.FixMSSP)
	if strings.Contains(e.Error(), "token-1") || !strings.Contains(e.Error(), "[redacted]") {
		t.Errorf("the error repeats the token: %v", e)
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	cfg := f.config()
	cfg.Token = func(context.Context, string) (tributary.AccessToken, error) {
		return tributary.AccessToken{}, &tributary.Error{Code: tributary.CodeSignInAgain, Op: "sign in", Err: errors.New("nobody is signed in"), Fix: tributary.FixMSSP, Next: "sign in"}
	}
	_, err := New(cfg).Organization(t.Context())
	if e := f.failed(t, err, tributary.CodeSignInAgain, tributary.FixMSSP); e.Op != "sign in" || f.count() != 0 {
		t.Errorf("%v after %d requests", e, f.count())
	}
}

// TestUnusableAnswers: what is no answer of Graph's ends in an error that says
// who mends it, and quotes nothing.
func TestUnusableAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		code   string
		fix    tributary.Fixer
		says   string
	}{
		{"not JSON", func(w http.ResponseWriter) { fmt.Fprint(w, "secretText "+secretPart) }, tributary.CodeUnavailable, tributary.FixRetry, "not the JSON"},
		{"another shape", func(w http.ResponseWriter) { fmt.Fprint(w, `{"value":"`+secretPart+`"}`) }, tributary.CodeUnavailable, tributary.FixRetry, "not the JSON"},
		{"cut", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"value":[`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, tributary.CodeUnavailable, tributary.FixRetry, "cut"},
		{"no organization", func(w http.ResponseWriter) { fmt.Fprint(w, `{"value":[]}`) }, tributary.CodeUnavailable, tributary.FixRetry, "names no directory"},
		{"a redirect", func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://elsewhere.example/"+secretPart)
			w.WriteHeader(http.StatusFound)
		}, CodeSettings, tributary.FixMSSP, "302"},
		{"a web page", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden); fmt.Fprint(w, "<html>blocked") }, tributary.CodeForbidden, tributary.FixMSSP, "web page"},
		{"a long error", func(w http.ResponseWriter) {
			refuse(w, http.StatusBadRequest, "BadRequest", strings.Repeat("long\r\n", 5_000))
		}, CodeRequestRefused, tributary.FixMSSP, "long long"},
		{"the token echoed", func(w http.ResponseWriter) {
			refuse(w, http.StatusBadRequest, "BadRequest", "Bearer "+new(fake).echo())
		}, CodeRequestRefused, tributary.FixMSSP, "[redacted]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := scripted(t, func(_ int, w http.ResponseWriter, _ *http.Request) { c.answer(w) })
			f.scopes = ""
			_, err := f.client(t).Organization(t.Context())
			e := f.failed(t, err, c.code, c.fix)
			if !strings.Contains(e.Error(), c.says) || len(e.Error()) > 800 || strings.Contains(e.Error(), "\n") {
				t.Errorf("the error is %q", e.Error())
			}
		})
	}
}

// echo is the text of a token without scopes.
func (f *fake) echo() string { return f.token().Value.Reveal() }

func TestUnreachable(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	gone := httptest.NewTLSServer(http.NotFoundHandler())
	gone.Close()
	for _, c := range []struct {
		name, address, code string
		fix                 tributary.Fixer
		client              *http.Client
	}{
		{"nobody listens", gone.URL, tributary.CodeUnreachable, tributary.FixRetry, f.Client()},
		{"unknown authority", f.URL, tributary.CodeUnreachable, tributary.FixMSSP, nil},
		{"no TLS", "http://127.0.0.1:1", CodeSettings, tributary.FixMSSP, nil},
		{"no address", "", CodeSettings, tributary.FixMSSP, nil},
		{"a password", "https://anna:" + secretPart + "@graph.microsoft.com", CodeSettings, tributary.FixMSSP, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := f.config()
			cfg.Cloud.Graph, cfg.Client = c.address, c.client
			_, err := New(cfg).Organization(t.Context())
			f.failed(t, err, c.code, c.fix)
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := scripted(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := f.client(t).Organization(ctx)
	if f.failed(t, err, tributary.CodeUnavailable, tributary.FixRetry); !errors.Is(err, context.Canceled) || f.count() != 1 {
		t.Errorf("%v after %d requests", err, f.count())
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	var f *fake
	f = scripted(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n < 3 {
			reply(w, http.StatusOK, map[string]any{"value": []any{map[string]any{"tenantId": newID(), "displayName": fmt.Sprint("c", n)}}, "@odata.nextLink": f.URL + r.URL.Path + "?$skiptoken=" + fmt.Sprint(n)})
			return
		}
		if r.URL.Query().Get("$skiptoken") != "2" {
			t.Errorf("the third page is asked for with %s", r.URL.RawQuery)
		}
		reply(w, http.StatusOK, map[string]any{"value": []any{map[string]any{"tenantId": newID(), "displayName": "a"}}})
	})
	all, err := f.client(t).DelegatedCustomers(t.Context())
	if err != nil || len(all) != 3 || all[0].Name != "a" || all[2].Name != "c2" {
		t.Errorf("%v, %v", all, err)
	}
	for _, link := range []string{"https://elsewhere.example/v1.0/x", "http://graph.microsoft.com/v1.0/x", "/v1.0/x", "%"} {
		f := scripted(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			reply(w, http.StatusOK, map[string]any{"value": []any{}, "@odata.nextLink": link})
		})
		_, err := f.client(t).DelegatedCustomers(t.Context())
		f.failed(t, err, CodeForeignLink, tributary.FixMSSP)
		if f.count() != 1 {
			t.Errorf("%s was followed", link)
		}
	}
}

// TestOrganizationUnreadable: whose directory it is stands in the token, too.
func TestOrganizationUnreadable(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1.0/organization" {
			return false
		}
		refuse(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		return true
	}
	var h holder
	r := h.registration()
	r.MultiTenant, r.Customer = false, ownTenant
	done, err := f.client(t).Register(t.Context(), r)
	if err != nil || done.DirectoryID != ownTenant || done.Directory != ownTenant {
		t.Errorf("%+v, %v", done, err)
	}
}
