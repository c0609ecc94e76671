package identity

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestErrorBody(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	req := l.request("/"+contoso+"/oauth2/v2.0/token", "grant_type", "client_credentials")
	req.Header.Set("client-request-id", "12345678-ABCD-4000-8000-000000000001")
	a := l.do(req)
	if _, err := uuid.Parse(a.text("trace_id")); err != nil || a.header.Get("x-ms-request-id") != a.text("trace_id") {
		t.Errorf("trace id %q, header %q", a.text("trace_id"), a.header.Get("x-ms-request-id"))
	}
	want := map[string]any{
		"error": "invalid_request",
		"error_description": "AADSTS900144: The request must contain the following parameter: 'client_id'.\r\nTrace ID: " + a.text("trace_id") +
			"\r\nCorrelation ID: 12345678-abcd-4000-8000-000000000001\r\nTimestamp: 2026-11-23 09:30:00Z",
		"error_codes":    []any{json.Number("900144")},
		"timestamp":      "2026-11-23 09:30:00Z",
		"trace_id":       a.text("trace_id"),
		"correlation_id": "12345678-abcd-4000-8000-000000000001",
		"error_uri":      l.url + "/error?code=900144",
	}
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Errorf("body (-want +got)\n%s", diff)
	}
	if e := l.get(a.text("error_uri")); e.status != http.StatusOK || !strings.Contains(e.raw, "AADSTS900144") {
		t.Errorf("error_uri: HTTP %d %s", e.status, e.raw)
	}
	if e := l.get(l.url + "/error?code=1"); e.status != http.StatusNotFound {
		t.Errorf("unknown code: HTTP %d", e.status)
	}
	if got := a.header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		t.Errorf("Cache-Control %q", got)
	}
}

// An owner provokes any refusal, for the tenants and grants it chooses.
func TestFail(t *testing.T) {
	t.Parallel()
	var next *Error
	var asked []string
	l := newLab(t, func(o *Options) {
		o.Fail = func(tenant string, r *http.Request) *Error {
			asked = append(asked, tenant+" "+r.PostForm.Get("grant_type"))
			if tenant != contoso {
				return nil
			}
			return next
		}
	})
	l.Consent(contoso, multiApp)
	l.Consent(adatum, multiApp)
	ask := func(tenant string) answer { return l.appOnly(tenant, "client_id", multiApp, "client_secret", secret) }
	for _, tc := range []struct {
		err        *Error
		status     int
		error      string
		suberror   string
		retryAfter string
	}{
		{AADSTS(50173), 400, "invalid_grant", "bad_token", ""},
		{AADSTS(53003), 400, "invalid_grant", "message_only", ""},
		{AADSTS(7000222), 401, "invalid_client", "", ""},
		{AADSTS(90055), 429, "temporarily_unavailable", "", "10"},
		{AADSTS(90033), 503, "temporarily_unavailable", "", ""},
		{AADSTS(99999), 400, "invalid_grant", "", ""},
	} {
		next = tc.err
		a := ask("contoso.example")
		if a.status != tc.status || a.text("error") != tc.error || a.text("suberror") != tc.suberror || a.header.Get("Retry-After") != tc.retryAfter {
			t.Errorf("%d: HTTP %d %s, Retry-After %q", tc.err.Code, a.status, a.raw, a.header.Get("Retry-After"))
		}
	}
	next = AADSTS(50076)
	next.Claims = `{"access_token":{"capolids":{"essential":true}}}`
	if a := ask(contoso); a.text("claims") != next.Claims {
		t.Errorf("claims: %s", a.raw)
	}
	for _, status := range []int{500, 429} {
		next = Plain(status, "the <gateway> is unwell", 1500*time.Millisecond)
		a := ask(contoso)
		if a.status != status || a.body != nil || !strings.Contains(a.raw, "the &lt;gateway&gt; is unwell") || a.header.Get("Retry-After") != "2" {
			t.Errorf("HTTP %d %q, Retry-After %q", a.status, a.raw, a.header.Get("Retry-After"))
		}
	}
	l.claims(ask(adatum))
	next = nil
	l.claims(ask(contoso))
	if asked[0] != contoso+" client_credentials" {
		t.Errorf("asked for %q", asked[0])
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	classes := map[Class]bool{ClassRetry: true, ClassSignIn: true, ClassCustomer: true, ClassRegistration: true, ClassRequest: true}
	for _, code := range Codes() {
		e := AADSTS(code)
		if e.Code != code || e.Name == "" || e.Text == "" || !classes[e.Class] || e.Status < 400 || strings.Contains(e.Text, "%") {
			t.Errorf("%+v", e)
		}
		// A caller may word its copy anew.
		e.Text = "changed"
		if AADSTS(code).Text == "changed" {
			t.Errorf("%d: the catalogue was changed", code)
		}
	}
	if got := AADSTS(50173).Error(); !strings.HasPrefix(got, "invalid_grant: AADSTS50173: ") {
		t.Errorf("%q", got)
	}
}
