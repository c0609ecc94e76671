package defender

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tributary"
)

func TestFailures(t *testing.T) {
	t.Parallel()
	const (
		graph    = tributary.SourceGraph
		endpoint = tributary.SourceEndpoint
		siem     = tributary.SourceSIEM
	)
	header := func(name, value string) http.Header { return http.Header{name: {value}} }
	for name, tc := range map[string]struct {
		source tributary.Source
		status int
		header http.Header
		body   string
		code   string
		fix    tributary.Fixer
		says   string // part of the error
		next   string // part of the next step
		after  time.Duration
	}{
		"graph without roles": {
			source: graph, status: 403, body: `{"error":{"code":"Forbidden","message":"Missing application roles. API required roles: SecurityAlert.Read.All,SecurityAlert.ReadWrite.All, application roles: .","innerError":{"date":"2026-11-23T12:00:00","request-id":"7c6d","client-request-id":"x"}}}`,
			code: tributary.CodeForbidden, fix: tributary.FixCustomer, says: "403 Forbidden: Missing application roles",
			next: "one of the permissions SecurityAlert.Read.All, SecurityAlert.ReadWrite.All",
		},
		"endpoint without roles": {
			source: endpoint, status: 403, body: `{"error":{"code":"Forbidden","message":"The application does not have any of the required application permissions (Alert.Read.All, Alert.ReadWrite.All) to access the resource.","target":"t-1"}}`,
			code: tributary.CodeForbidden, fix: tributary.FixCustomer, says: "(request-id t-1)", next: "Alert.Read.All, Alert.ReadWrite.All",
		},
		"one role":              {source: endpoint, status: 403, body: `{"error":{"code":"Forbidden","message":"Missing application roles. API required roles: Alert.Read.All."}}`, code: tributary.CodeForbidden, fix: tributary.FixCustomer, next: "the permission Alert.Read.All"},
		"graph forbids":         {source: graph, status: 403, body: `nothing more`, code: tributary.CodeForbidden, fix: tributary.FixCustomer, says: "403 Forbidden: nothing more", next: "SecurityAlert.Read.All of Microsoft Graph"},
		"endpoint forbids":      {source: endpoint, status: 403, code: tributary.CodeForbidden, fix: tributary.FixCustomer, says: "403 Forbidden", next: "Alert.Read.All of WindowsDefenderATP"},
		"no plan":               {source: graph, status: 403, body: `{"error":{"code":"Forbidden","message":"Account is not provisioned."}}`, code: CodeNoPlan, fix: tributary.FixCustomer, says: "Account is not provisioned", next: "plan"},
		"no plan, as 401":       {source: endpoint, status: 401, body: `{"error":{"code":"Unauthorized","message":"Account mode is inactive"}}`, code: CodeNoPlan, fix: tributary.FixCustomer, next: "plan"},
		"conditional access":    {source: graph, status: 403, header: header("Www-Authenticate", `Bearer error="insufficient_claims", claims="eyJ9"`), code: tributary.CodePolicy, fix: tributary.FixPolicy, next: "Conditional Access"},
		"claims, as 401":        {source: graph, status: 401, header: header("Www-Authenticate", `Bearer realm="", error="insufficient_claims"`), code: tributary.CodePolicy, fix: tributary.FixPolicy, next: "Conditional Access"},
		"siem unauthorised":     {source: siem, status: 403, body: ``, code: tributary.CodeNotAuthorised, fix: tributary.FixMSSP, next: "https://security.microsoft.com?tid=" + tenantID + ", Settings > SIEM > MSSP"},
		"siem token":            {source: siem, status: 401, body: ``, code: tributary.CodeUnauthorized, fix: tributary.FixMSSP, says: "401 Unauthorized"},
		"bad request":           {source: endpoint, status: 400, body: `{"error":{"code":"ODataError","message":"bad filter","target":"t-2"}}`, code: CodeRequestRefused, fix: tributary.FixMSSP, says: "400 Bad Request: ODataError: bad filter (request-id t-2)"},
		"page too large":        {source: endpoint, status: 400, body: `{"error":{"code":"BadRequest","message":"The limit of '50' for Top query has been exceeded. The value from the incoming request is '100'."}}`, code: tributary.CodeTooLarge, fix: tributary.FixRetry},
		"not there":             {source: graph, status: 404, body: `<html>not here</html>`, code: CodeNotThere, fix: tributary.FixMSSP, says: "404 Not Found: the body is a web page", next: "address of graph"},
		"gone":                  {source: siem, status: 410, code: CodeNotThere, fix: tributary.FixMSSP, next: "retired"},
		"seconds":               {source: graph, status: 429, header: header("Retry-After", "17"), code: tributary.CodeThrottled, fix: tributary.FixRetry, after: 17 * time.Second},
		"date":                  {source: graph, status: 429, header: header("Retry-After", noon.Add(90*time.Second).Format(http.TimeFormat)), code: tributary.CodeThrottled, fix: tributary.FixRetry, after: 90 * time.Second},
		"date gone by":          {source: graph, status: 429, header: header("Retry-After", noon.Add(-time.Hour).Format(http.TimeFormat)), code: tributary.CodeThrottled, fix: tributary.FixRetry},
		"absurd wait":           {source: graph, status: 429, header: header("Retry-After", "99999999"), code: tributary.CodeThrottled, fix: tributary.FixRetry, after: maxWait},
		"nonsense":              {source: graph, status: 429, header: header("Retry-After", "-3 weeks"), code: tributary.CodeThrottled, fix: tributary.FixRetry},
		"no wait":               {source: graph, status: 429, code: tributary.CodeThrottled, fix: tributary.FixRetry},
		"wait in words":         {source: endpoint, status: 429, body: `{"error":{"code":"429","message":"API calls quota exceeded! Maximum allowed 100 per 00:01:00 for the key Destination+TenantID+AppID. You can send requests again in 8 seconds.","target":"t"}}`, code: tributary.CodeThrottled, fix: tributary.FixRetry, says: "429 Too Many Requests: API calls quota exceeded", after: 8 * time.Second},
		"header before words":   {source: endpoint, status: 429, header: header("Retry-After", "3"), body: `{"error":{"code":"429","message":"again in 8 seconds."}}`, code: tributary.CodeThrottled, fix: tributary.FixRetry, after: 3 * time.Second},
		"server error":          {source: graph, status: 500, body: `{"error":{"code":"UnknownError","message":"","innererror":{"innerError":{"Request-Id":"deep"}}}}`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "500 Internal Server Error: UnknownError (request-id deep)"},
		"unavailable":           {source: graph, status: 503, header: header("Retry-After", "120"), code: tributary.CodeUnavailable, fix: tributary.FixRetry, after: 2 * time.Minute},
		"bandwidth":             {source: graph, status: 509, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "509"},
		"timeout":               {source: graph, status: 408, code: tributary.CodeUnavailable, fix: tributary.FixRetry},
		"header has the id":     {source: graph, status: 500, header: header("Request-Id", "top"), body: `{"error":{"code":"x","innerError":{"request-id":"in"}}}`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "(request-id top)"},
		"error is a word":       {source: graph, status: 500, body: `{"error":"server_error","error_description":"AADSTS90033: busy."}`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "server_error: AADSTS90033: busy"},
		"message alone":         {source: siem, status: 500, body: `{"Message":"An error has occurred."}`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "500 Internal Server Error: An error has occurred"},
		"error is null":         {source: graph, status: 500, body: `{"error":null}`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "500 Internal Server Error"},
		"control characters":    {source: graph, status: 500, body: "line one\r\n\x1b[31mline two\x00", code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "line one [31mline two"},
		"echoes the token":      {source: graph, status: 500, body: `you sent "Bearer key-1"`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: `you sent "Bearer [redacted]"`},
		"a very long body":      {source: graph, status: 500, body: strings.Repeat("ä ", 3*maxErrorBody), code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "…"},
		"no content":            {source: graph, status: 204, code: CodeRequestRefused, fix: tributary.FixMSSP},
		"precondition":          {source: graph, status: 412, code: CodeRequestRefused, fix: tributary.FixMSSP, says: "412 Precondition Failed"},
		"a status of their own": {source: graph, status: 599, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "599"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				for name, values := range tc.header {
					w.Header()[name] = values
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			})
			got, p, err := page(t, s.reader(t, tc.source), tributary.Request{Window: hour})
			e := failed(t, err, tc.code, tc.fix)
			if e.After != tc.after {
				t.Errorf("after %v, want %v", e.After, tc.after)
			}
			if text := e.Error(); !strings.Contains(text, tc.says) || len(text) > 800 || strings.Contains(text, "key-") {
				t.Errorf("the error says %q", text)
			}
			if !strings.Contains(e.Next, tc.next) {
				t.Errorf("the next step is %q", e.Next)
			}
			if len(got) != 0 || p.Next != "" || !p.Served.Equal(noon) {
				t.Errorf("%d alerts, page %+v", len(got), p)
			}
		})
	}
}

// Answers that begin well.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	first := `{"id":"a","lastUpdateDateTime":"2026-11-23T11:30:00Z"}`
	for name, tc := range map[string]struct {
		status int
		kind   string
		body   string
		alerts int
		code   string
		fix    tributary.Fixer
		says   string
	}{
		"cut":                 {body: `{"value":[` + first + `,{"id":`, alerts: 1, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "the answer was cut: unexpected EOF (request-id r-9)"},
		"invalid":             {body: `{"value":[` + first + `,{"id":bang}]}`, alerts: 1, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "byte 71"},
		"fault at the end":    {body: `{"value":[` + first + `],"error":{"code":"generalException","message":"Backend timed out."}}`, alerts: 1, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "in the middle: generalException: Backend timed out"},
		"fault at once":       {body: `{"error":{"code":"UnknownError"}}`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "UnknownError"},
		"no list":             {body: `{"@odata.context":"c"}`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "no list"},
		"empty":               {body: ``, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "empty"},
		"a sign-in page":      {kind: "text/html; charset=utf-8", body: `<!DOCTYPE html>`, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: "the answer is text/html"},
		"partial":             {status: 206, body: `{"value":[` + first + `]}`, alerts: 1, code: tributary.CodeUnavailable, fix: tributary.FixRetry, says: `only a part of the alerts came (206): 199 - "Microsoft/x/504/10000"`},
		"too large":           {body: `{"value":[` + first + `,{"x":1,"id":"da7_8","blob":"` + strings.Repeat("x", 2000) + `"}]}`, alerts: 1, code: CodeAlertTooLarge, fix: tributary.FixMSSP, says: "alert da7_8: an alert of 2030 bytes is above the limit of 1500 (request-id r-9)"},
		"too large, nameless": {body: `{"value":[{"blob":"` + strings.Repeat("x", 2000) + `"}]}`, code: CodeAlertTooLarge, fix: tributary.FixMSSP, says: "graph: an alert of 2011 bytes is above the limit of 1500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if tc.kind != "" {
					w.Header().Set("Content-Type", tc.kind)
				}
				w.Header().Set("request-id", "r-9")
				if tc.status != 0 {
					w.Header().Set("Warning", `199 - "Microsoft/x/504/10000"`)
					w.WriteHeader(tc.status)
				}
				fmt.Fprint(w, tc.body)
			})
			cfg := s.config(tributary.SourceGraph)
			cfg.MaxAlert = 1500
			got, p, err := page(t, newReader(t, cfg), tributary.Request{Window: hour})
			failed(t, err, tc.code, tc.fix)
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the error says %q", err)
			}
			if len(got) != tc.alerts || p.Next != "" || !p.Through.IsZero() {
				t.Errorf("%d alerts, page %+v", len(got), p)
			}
		})
	}
}

// A connection that breaks after any byte of the body: the alerts that were
// whole come, and the page fails.
func TestConnectionBreaksAtEveryByte(t *testing.T) {
	t.Parallel()
	body := `{"value":[{"id":"a","lastUpdateDateTime":"2026-11-23T11:30:00Z"},{"id":"b","lastUpdateDateTime":"2026-11-23T11:31:00Z"}]}`
	n := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		fmt.Fprint(w, body[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	r := s.reader(t, tributary.SourceGraph)
	for n = range len(body) {
		got, _, err := page(t, r, tributary.Request{Window: hour})
		failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
		if want := strings.Count(body[:n], `Z"}`); len(got) != want {
			t.Fatalf("cut after %d bytes: %d alerts, want %d", n, len(got), want)
		}
	}
}

// $orderby is documented nowhere: if it is what was refused, it goes without;
// if the request is refused either way, the first refusal is what is told.
func TestRefusedOrder(t *testing.T) {
	t.Parallel()
	b, s := newBook(t, tributary.SourceGraph)
	b.refuse = true
	b.fill(10, 1, time.Second)
	r := s.reader(t, tributary.SourceGraph)
	for round := range 2 {
		got, _ := window(t, r, tributary.Request{Window: hour})
		if len(got) != 10 {
			t.Errorf("%d alerts", len(got))
		}
		if want := 2 + round; b.requests != want {
			t.Errorf("%d requests after round %d, want %d", b.requests, round, want)
		}
	}

	n := 0
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":{"code":"BadRequest","message":"refusal %d"}}`, n)
	})
	r = s.reader(t, tributary.SourceGraph)
	_, _, err := page(t, r, tributary.Request{Window: hour})
	failed(t, err, CodeRequestRefused, tributary.FixMSSP)
	if !strings.Contains(err.Error(), "refusal 1") || n != 2 {
		t.Errorf("%v after %d requests", err, n)
	}
	if r.(*odata).unordered {
		t.Error("the order was given up, although that wasn't what was refused")
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	good := s.config(tributary.SourceGraph)
	for name, spoil := range map[string]func(*Config){
		"no tenant id":   func(c *Config) { c.Tenant.ID = "contoso.com" },
		"no tokens":      func(c *Config) { c.Tokens = nil },
		"no such source": func(c *Config) { c.Source = tributary.SourceXDR },
		"no address":     func(c *Config) { c.Cloud.Graph = "" },
		"plain http":     func(c *Config) { c.Cloud.Graph = "http://graph.microsoft.com" },
		"a user name":    func(c *Config) { c.Cloud.Graph = "https://me@graph.microsoft.com" },
		"a query":        func(c *Config) { c.Cloud.Graph = "https://graph.microsoft.com?x=1" },
		"no audience":    func(c *Config) { c.Cloud.Resources = nil },
	} {
		cfg := good
		spoil(&cfg)
		if r, err := New(cfg); err == nil || r != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for source, longest := range map[tributary.Source]time.Duration{tributary.SourceGraph: 0, tributary.SourceEndpoint: 0, tributary.SourceSIEM: siemWindow} {
		r := s.reader(t, source)
		if r.Source() != source || r.MaxWindow() != longest {
			t.Errorf("source %s, longest window %v", r.Source(), r.MaxWindow())
		}
	}
}

func FuzzFault(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"Forbidden","message":"Missing application roles. API required roles: A.Read.All,B, application roles: .","innerError":{"innererror":{"request-id":"r"}}}}`))
	f.Add([]byte(`{"error":"invalid_grant","error_description":"x\u0000y"}`))
	f.Add([]byte(`{"error":[{"code":7}]}`))
	f.Add([]byte("\xff<html>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &client{source: tributary.SourceGraph, tenant: tributary.Tenant{Slug: "contoso"}}
		fault := readFault(body)
		for _, text := range []string{c.text(&http.Response{}, fault.sentence()), clean(fault.requestID, 100)} {
			if len(text) > 510 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%q became %q", body, text)
			}
		}
		if roles := c.roles(fault.sentence()); roles == "" || strings.ContainsAny(roles, "\r\n") {
			t.Errorf("%q asks for %q", body, roles)
		}
		if wait := after(http.Header{"Retry-After": {string(body)}}, fault.message, noon); wait < 0 || wait > maxWait {
			t.Errorf("%q asks to wait %v", body, wait)
		}
	})
}
