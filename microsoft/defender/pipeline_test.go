package defender

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tributary"
)

const oneAlert = `{"value":[{"id":"a","lastUpdateDateTime":"2026-11-23T11:30:00Z"}]}`

func TestRequestNamesUs(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, oneAlert) })
	cfg := s.config(tributary.SourceGraph)
	cfg.UserAgent = "MdePartner-Contoso-Tributary/1.0"
	if _, _, err := page(t, newReader(t, cfg), tributary.Request{Window: hour}); err != nil {
		t.Fatal(err)
	}
	h := s.requests()[0].Header
	for name, want := range map[string]string{
		"Authorization": "^Bearer key-1$", "User-Agent": "^MdePartner-Contoso-Tributary/1.0$", "Accept": "^application/json$", "Accept-Encoding": "gzip",
		"Client-Request-Id": "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$",
	} {
		if !regexp.MustCompile(want).MatchString(h.Get(name)) {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
	if s.keys.resource != "https://graph.microsoft.com" {
		t.Errorf("a token for %q", s.keys.resource)
	}
}

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		good     string
		rejected []string
	}{
		"second is good": {"Bearer key-2", []string{"key-1"}},
		"none is good":   {"Bearer none", []string{"key-1", "key-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != tc.good {
					w.Header().Set("request-id", "r-401")
					w.WriteHeader(http.StatusUnauthorized)
					fmt.Fprint(w, `{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed, the token is expired."}}`)
					return
				}
				fmt.Fprint(w, oneAlert)
			})
			got, _, err := page(t, s.reader(t, tributary.SourceGraph), tributary.Request{Window: hour})
			if !slices.Equal(s.keys.rejected, tc.rejected) || len(s.requests()) != 2 {
				t.Errorf("rejected %q in %d requests", s.keys.rejected, len(s.requests()))
			}
			if len(tc.rejected) == 1 {
				if err != nil || len(got) != 1 {
					t.Errorf("%d alerts, error %v", len(got), err)
				}
				return
			}
			e := failed(t, err, tributary.CodeUnauthorized, tributary.FixMSSP)
			if text := e.Error(); !strings.Contains(text, "token is expired (request-id r-401)") || strings.Contains(text, "key-") {
				t.Errorf("the error says %q", text)
			}
		})
	}
}

func TestTokenErrorsComeThrough(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	s.keys.err = &tributary.Error{Code: tributary.CodeConsentMissing, Op: "sign in", Tenant: "contoso", Fix: tributary.FixCustomer, Next: "consent"}
	_, _, err := page(t, s.reader(t, tributary.SourceGraph), tributary.Request{Window: hour})
	failed(t, err, tributary.CodeConsentMissing, tributary.FixCustomer)
	if len(s.requests()) != 0 {
		t.Error("a request went out without a token")
	}
}

// A gateway's bad moment is retried at once, twice; what is to be waited for is
// not waited for here.
func TestQuickRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		header string
		bad    int32 // answers that are bad, from the first
		want   int   // requests
		fine   bool
	}{
		"502 once":              {http.StatusBadGateway, "", 1, 2, true},
		"503 twice":             {http.StatusServiceUnavailable, "", 2, 3, true},
		"504 thrice":            {http.StatusGatewayTimeout, "", 3, 3, false},
		"503 that says when":    {http.StatusServiceUnavailable, "1", 1, 1, false},
		"500":                   {http.StatusInternalServerError, "", 1, 1, false},
		"429":                   {http.StatusTooManyRequests, "1", 1, 1, false},
		"429 that says no when": {http.StatusTooManyRequests, "", 1, 1, false},
		"connection reset":      {0, "", 2, 3, true},
		"always reset":          {0, "", 99, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case n.Add(1) > tc.bad:
					fmt.Fprint(w, oneAlert)
				case tc.status == 0:
					panic(http.ErrAbortHandler)
				default:
					if tc.header != "" {
						w.Header().Set("Retry-After", tc.header)
					}
					w.WriteHeader(tc.status)
				}
			})
			_, _, err := page(t, s.reader(t, tributary.SourceGraph), tributary.Request{Window: hour})
			if (err == nil) != tc.fine || int(n.Load()) != tc.want {
				t.Errorf("%d requests, want %d; error %v", n.Load(), tc.want, err)
			}
			if err != nil {
				code := tributary.CodeUnavailable
				if tc.status == http.StatusTooManyRequests {
					code = tributary.CodeThrottled
				}
				failed(t, err, code, tributary.FixRetry)
			}
		})
	}
}

// The real waits add up to less than two seconds.
func TestPatience(t *testing.T) {
	t.Parallel()
	if total := min(usual.retry*13/10, 5*usual.retry) + min(3*usual.retry*13/10, 5*usual.retry); total > 2*time.Second {
		t.Errorf("two quick retries wait up to %v", total)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	thief := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a request with %q reached another host", r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+"/?secret=1", http.StatusTemporaryRedirect)
	})
	_, _, err := page(t, s.reader(t, tributary.SourceGraph), tributary.Request{Window: hour})
	failed(t, err, CodeRedirected, tributary.FixMSSP)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error repeats the query: %v", err)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]int{"whole": 0, "cut": 5} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			var b strings.Builder
			z := gzip.NewWriter(&b)
			fmt.Fprint(z, oneAlert)
			z.Close()
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, b.String()[:b.Len()-cut])
		})
		got, _, err := page(t, s.reader(t, tributary.SourceGraph), tributary.Request{Window: hour})
		if len(got) != 1 || (err == nil) != (cut == 0) {
			t.Errorf("%s: %d alerts, error %v", name, len(got), err)
		}
		if err != nil {
			failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
		}
	}
}

// A service that doesn't answer, or stops in the middle, holds no worker.
func TestStandstill(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"no header": "", "in the body": oneAlert[:len(oneAlert)-2]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if first != "" {
					fmt.Fprint(w, first)
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			})
			cfg := s.config(tributary.SourceGraph)
			cfg.patience.stall, cfg.patience.header = 500*time.Millisecond, 100*time.Millisecond
			if first != "" {
				cfg.patience.header = time.Minute
			}
			got, _, err := page(t, newReader(t, cfg), tributary.Request{Window: hour})
			failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
			if want := map[bool]error{true: errNoHeader, false: errStalled}[first == ""]; !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
			if (len(got) == 1) != (first != "") {
				t.Errorf("%d alerts", len(got))
			}
			if n := len(s.requests()); n > 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"before the header": "", "in the body": oneAlert[:len(oneAlert)-2]} {
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, first)
			if first != "" {
				w.(http.Flusher).Flush()
			} else {
				cancel()
			}
			<-r.Context().Done()
		})
		_, err := s.reader(t, tributary.SourceGraph).Read(ctx, tributary.Request{Window: hour}, func(tributary.Alert) error {
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) || tributary.AsError(err) == nil {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestReceiversErrorComesBackAsItIs(t *testing.T) {
	t.Parallel()
	full := errors.New("the stream is full")
	b, s := newBook(t, tributary.SourceGraph)
	b.fill(3, 1, time.Second)
	calls := 0
	p, err := s.reader(t, tributary.SourceGraph).Read(t.Context(), tributary.Request{Window: hour}, func(tributary.Alert) error {
		if calls++; calls == 2 {
			return full
		}
		return nil
	})
	if err != full || calls != 2 || p.Count != 1 || p.Next != "" {
		t.Errorf("error %v after %d calls, page %+v", err, calls, p)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	plainServer := httptest.NewServer(http.NotFoundHandler())
	defer plainServer.Close()
	for name, tc := range map[string]struct {
		url    string
		client *http.Client
		fix    tributary.Fixer
	}{
		"nobody listens":    {"https://" + closed.Addr().String(), s.Client(), tributary.FixRetry},
		"unknown authority": {s.URL, &http.Client{Transport: &http.Transport{}}, tributary.FixMSSP},
		"another name":      {strings.Replace(s.URL, "127.0.0.1", "localhost", 1), s.Client(), tributary.FixMSSP},
		"no TLS":            {strings.Replace(plainServer.URL, "http://", "https://", 1), s.Client(), tributary.FixMSSP},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config(tributary.SourceGraph)
			cfg.Cloud.Graph, cfg.Client = tc.url, tc.client
			_, _, err := page(t, newReader(t, cfg), tributary.Request{Window: hour})
			e := failed(t, err, tributary.CodeUnreachable, tc.fix)
			if e != nil && (strings.Contains(e.Error(), "filter") || e.Next == "") {
				t.Errorf("the error says %q, %q", e, e.Next)
			}
		})
	}
}
