package sim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tributary"
	"tributary/microsoft/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the tests' clocks begin.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clock is a clock that moves only when told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// lab is a running simulator with its clock in hand, all tenants having
// consented and authorised.
type lab struct {
	*testing.T
	*sim.Server
	clock  *clock
	mu     sync.Mutex
	tokens map[string]string
}

func start(t *testing.T, o sim.Options) *lab {
	t.Helper()
	l := &lab{T: t, clock: &clock{at: noon}, tokens: map[string]string{}}
	o.Now = l.clock.now
	s, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	l.Server = s
	for _, tenant := range s.Tenants() {
		s.Consent(tenant.ID, s.App().ClientID)
		if err := s.Authorise(t.Context(), tenant.ID, s.App().ClientID, s.Provider().TenantID); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

var paths = map[tributary.Source]string{
	tributary.SourceGraph: "/graph/v1.0/security/alerts_v2", tributary.SourceEndpoint: "/mde/api/alerts", tributary.SourceSIEM: "/siem/api/alerts",
}

var sources = []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint, tributary.SourceSIEM}

// token gets an app-only token as any client does. It is kept for half an hour.
func (l *lab) token(tenantID, resource string) string {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	key := tenantID + resource + l.clock.now().Truncate(30*time.Minute).String()
	if have := l.tokens[key]; have != "" {
		return have
	}
	status, body := l.post(l.URL()+"/"+tenantID+"/oauth2/v2.0/token", url.Values{
		"client_id": {l.App().ClientID}, "client_secret": {l.App().ClientSecret.Reveal()},
		"grant_type": {"client_credentials"}, "scope": {resource + "/.default"},
	})
	var answer struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Token == "" {
		l.Fatalf("token for %s: %d %s", resource, status, body)
	}
	l.tokens[key] = answer.Token
	return answer.Token
}

func (l *lab) post(address string, form url.Values) (int, []byte) {
	l.Helper()
	resp, err := l.Client().PostForm(address, form)
	if err != nil {
		l.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		l.Fatal(err)
	}
	return resp.StatusCode, body
}

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    error
}

// send sends a request with the given token.
func (l *lab) send(address, token string, header http.Header) answer {
	l.Helper()
	return l.sendBy(l.Client(), address, token, header)
}

func (l *lab) sendBy(client *http.Client, address, token string, header http.Header) answer {
	l.Helper()
	req, err := http.NewRequestWithContext(l.Context(), http.MethodGet, address, nil)
	if err != nil {
		l.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{cut: err}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	a.body, a.cut = io.ReadAll(resp.Body)
	return a
}

// ask asks a source with the first tenant's good token; query is unencoded.
func (l *lab) ask(source tributary.Source, path string, query ...string) answer {
	return l.askOf(l.Tenants()[0].ID, source, path, query...)
}

func (l *lab) askOf(tenantID string, source tributary.Source, path string, query ...string) answer {
	l.Helper()
	return l.send(l.address(source, path, query...), l.token(tenantID, l.Cloud().Resource(source)), http.Header{"Prefer": {"include-unknown-enum-members"}})
}

func (l *lab) address(source tributary.Source, path string, query ...string) string {
	var pairs []string
	for i := 0; i < len(query); i += 2 {
		pairs = append(pairs, query[i]+"="+url.QueryEscape(query[i+1]))
	}
	address := l.URL() + paths[source] + path
	if len(pairs) > 0 {
		address += "?" + strings.Join(pairs, "&")
	}
	return address
}

// list is a page of any of the APIs.
type list struct {
	Context string           `json:"@odata.context"`
	Count   *int             `json:"@odata.count"`
	Next    string           `json:"@odata.nextLink"`
	Value   []map[string]any `json:"value"`
}

func (l *lab) page(a answer) list {
	l.Helper()
	if a.status != http.StatusOK || a.cut != nil {
		l.Fatalf("answer %d, %v: %.300s", a.status, a.cut, a.body)
	}
	var p list
	to := any(&p)
	if a.body[0] == '[' {
		to = &p.Value
	}
	if err := json.Unmarshal(a.body, to); err != nil {
		l.Fatalf("%v: %.300s", err, a.body)
	}
	return p
}

// refused checks an error's status and words.
func (l *lab) refused(a answer, status int, says string) {
	l.Helper()
	if a.status != status || !strings.Contains(string(a.body), says) {
		l.Errorf("answer %d %.300s, want %d with %q", a.status, a.body, status, says)
	}
}

// all reads a source of a tenant to its end, page by page.
func (l *lab) all(tenantID string, source tributary.Source) []map[string]any {
	l.Helper()
	switch source {
	case tributary.SourceEndpoint:
		return l.page(l.askOf(tenantID, source, "", "$top", "10000")).Value
	case tributary.SourceSIEM:
		return l.page(l.askOf(tenantID, source, "", "sinceTimeUtc", "2000-01-01T00:00:00", "untilTimeUtc", "2100-01-01T00:00:00")).Value
	}
	var out []map[string]any
	p := l.page(l.askOf(tenantID, source, "", "$top", "300", "$orderby", "lastUpdateDateTime asc"))
	for {
		out = append(out, p.Value...)
		if p.Next == "" {
			return out
		}
		p = l.page(l.send(p.Next, l.token(tenantID, l.Cloud().Resource(source)), http.Header{"Prefer": {"include-unknown-enum-members"}}))
	}
}

// key is what identifies a version in a body, as the truth writes it.
func key(source tributary.Source, alert map[string]any) string {
	id, updated := alert["id"], alert["lastUpdateDateTime"]
	switch source {
	case tributary.SourceEndpoint:
		updated = alert["lastUpdateTime"]
	case tributary.SourceSIEM:
		id, updated = alert["FullId"].(string)+"#"+jsonNumber(alert["AlertPart"]), alert["LastProcessedTimeUtc"]
	}
	return string(source) + " " + id.(string) + " " + updated.(string)
}

func jsonNumber(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func versionKey(v sim.Version) string {
	return string(v.Source) + " " + v.ID + " " + v.Updated.Format(time.RFC3339Nano)
}
