package sim_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
	"tributary/microsoft/sim/fault"
)

func (l *lab) faults(list ...fault.Fault) {
	l.Helper()
	if err := l.SetFaults(list); err != nil {
		l.Fatal(err)
	}
}

func TestFaultsOfAnswers(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Alerts: 200, Seed: 1, Still: true})
	for _, source := range sources {
		good := l.ask(source, "", "ago", "P2D")
		one := func(f fault.Fault) answer {
			t.Helper()
			f.Count, f.Source, f.Tenant = 1, source, "contoso"
			l.faults(f)
			if other := l.askOf(l.Tenants()[1].ID, source, ""); other.status != http.StatusOK || other.cut != nil || !json.Valid(other.body) {
				t.Errorf("%s: %s struck another tenant", source, f.Kind)
			}
			a := l.ask(source, "", "ago", "P2D")
			if next := l.ask(source, "", "ago", "P2D"); string(next.body) != string(good.body) {
				t.Errorf("%s: after a %s the API did not recover", source, f.Kind)
			}
			return a
		}
		if a := one(fault.Fault{Kind: fault.Throttle, RetryAfter: fault.Duration(1500 * time.Millisecond)}); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "2" {
			t.Errorf("%s: throttled: %d, Retry-After %q", source, a.status, a.header.Get("Retry-After"))
		}
		a := one(fault.Fault{Kind: fault.Throttle, RetryAfter: fault.Duration(90 * time.Second), Form: fault.AsDate})
		if at, err := http.ParseTime(a.header.Get("Retry-After")); err != nil || !at.Equal(noon.Add(90*time.Second)) {
			t.Errorf("%s: Retry-After %q, %v", source, a.header.Get("Retry-After"), err)
		}
		if a := one(fault.Fault{Kind: fault.Throttle, Form: fault.NotSaid}); a.status != http.StatusTooManyRequests || a.header["Retry-After"] != nil {
			t.Errorf("%s: Retry-After %q", source, a.header["Retry-After"])
		}
		l.refused(one(fault.Fault{Kind: fault.ServerError}), http.StatusInternalServerError, "internal server error")
		l.refused(one(fault.Fault{Kind: fault.ExpiredToken}), http.StatusUnauthorized, "expired")
		if a := one(fault.Fault{Kind: fault.CutBody}); a.cut == nil || a.status == http.StatusOK && len(a.body) >= len(good.body) {
			t.Errorf("%s: cut: %d bytes of %d, error %v", source, len(a.body), len(good.body), a.cut)
		}
		if a := one(fault.Fault{Kind: fault.InvalidJSON}); a.status != http.StatusOK || a.cut != nil || json.Valid(a.body) {
			t.Errorf("%s: invalid JSON: %d, %v, %d bytes", source, a.status, a.cut, len(a.body))
		}
	}
}

// TestCutsAndSpoiledBodies strikes every answer of a row, so that all ways to
// cut and to spoil occur, on long and on empty bodies, plain and compressed.
func TestCutsAndSpoiledBodies(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 60, Seed: 1, Still: true})
	token := l.token(l.Tenants()[0].ID, "https://graph.microsoft.com")
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(l.CA()) {
		t.Fatal("CA is not PEM")
	}
	http1 := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}}
	defer http1.CloseIdleConnections()
	for _, kind := range []fault.Kind{fault.CutBody, fault.InvalidJSON} {
		l.faults(fault.Fault{Kind: kind, Probability: 1})
		pages, cutEarly := 0, 0
		for i := range 60 {
			header := http.Header{}
			if i%2 == 0 {
				header.Set("Accept-Encoding", "identity")
			}
			query := []string{"$top", "20"}
			if i%3 == 0 {
				query = []string{"$filter", "severity eq 'none'"}
			}
			client := l.Client()
			if i%4 < 2 {
				client = http1
			}
			a := l.sendBy(client, l.address(graph, "", query...), token, header)
			if kind == fault.CutBody && a.cut == nil || kind == fault.InvalidJSON && (a.cut != nil || a.status != http.StatusOK || json.Valid(a.body)) {
				t.Fatalf("%s, answer %d: status %d, error %v, body %.100q", kind, i, a.status, a.cut, a.body)
			}
			if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				pages++
			}
			if len(a.body) < 1000 {
				cutEarly++
			}
		}
		if kind == fault.InvalidJSON && pages == 0 || cutEarly == 0 || cutEarly == 60 {
			t.Errorf("%s: %d web pages, %d of 60 short bodies: want some of each", kind, pages, cutEarly)
		}
	}
}

func TestSlowAnswersWaitButLetGo(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 10, Seed: 1, Still: true})
	token := l.token(l.Tenants()[0].ID, "https://graph.microsoft.com")
	l.faults(fault.Fault{Kind: fault.Slow, Count: 1, Delay: fault.Duration(60 * time.Millisecond)})
	began := time.Now()
	if a := l.send(l.address(graph, ""), token, nil); a.status != http.StatusOK || time.Since(began) < 60*time.Millisecond {
		t.Errorf("%d after %v", a.status, time.Since(began))
	}
	// A client that gives up is not kept, and neither is the server at its end.
	l.faults(fault.Fault{Kind: fault.Slow, Count: 1, Delay: fault.Duration(time.Hour)})
	impatient := *l.Client()
	impatient.Timeout = 50 * time.Millisecond
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.address(graph, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if resp, err := impatient.Do(req); err == nil {
		resp.Body.Close()
		t.Error("an answer came that should have taken an hour")
	}
}

func TestClockSkew(t *testing.T) {
	t.Parallel()
	ahead := fault.Fault{Kind: fault.ClockSkew, Skew: fault.Duration(7 * time.Minute)}
	l := start(t, sim.Options{Tenants: 1, Alerts: 100, Seed: 1, Still: true, Faults: []fault.Fault{ahead}})
	a := l.ask(graph, "", "$top", "1000")
	if got, want := a.header.Get("Date"), noon.Add(7*time.Minute).Format(http.TimeFormat); got != want {
		t.Errorf("Date %q, want %q", got, want)
	}
	plain := start(t, sim.Options{Tenants: 1, Alerts: 100, Seed: 1, Still: true})
	skewed, straight := updates(t, l.page(a).Value, "lastUpdateDateTime"), updates(t, plain.page(plain.ask(graph, "", "$top", "1000")).Value, "lastUpdateDateTime")
	for i := range straight {
		if d := skewed[i].Sub(straight[i]); d != 7*time.Minute {
			t.Fatalf("alert %d is off by %v", i, d)
		}
	}
	l.faults(fault.Fault{Kind: fault.ClockSkew, Skew: fault.Duration(-time.Minute)})
	if v := l.Arrive(1)[0]; !v.Updated.Equal(noon.Add(-time.Minute)) {
		t.Errorf("an alert of now is dated %v", v.Updated)
	}
	if got := l.send(l.URL()+"/"+l.Tenants()[0].ID+"/v2.0/.well-known/openid-configuration", "", nil).header.Get("Date"); got != noon.Add(-time.Minute).Format(http.TimeFormat) {
		t.Errorf("the login's Date is %q", got)
	}
}

func TestFaultsOfTheLogin(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Seed: 1})
	try := func(tenant int) (int, http.Header, string) {
		t.Helper()
		resp, err := l.Client().PostForm(l.URL()+"/"+l.Tenants()[tenant].ID+"/oauth2/v2.0/token", url.Values{
			"client_id": {l.App().ClientID}, "client_secret": {l.App().ClientSecret.Reveal()},
			"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, string(body)
	}
	l.faults(
		fault.Fault{Kind: fault.ServerError, Count: 1, Source: fault.Login, Tenant: "contoso"},
		fault.Fault{Kind: fault.Throttle, Count: 1, Source: fault.Login, Tenant: l.Tenants()[0].ID, RetryAfter: fault.Duration(3 * time.Second)})
	if status, _, _ := try(1); status != http.StatusOK {
		t.Errorf("another tenant: %d", status)
	}
	if status, _, body := try(0); status != http.StatusInternalServerError || json.Valid([]byte(body)) {
		t.Errorf("first: %d %s", status, body)
	}
	if status, header, _ := try(0); status != http.StatusTooManyRequests || header.Get("Retry-After") != "3" {
		t.Errorf("second: %d, Retry-After %q", status, header.Get("Retry-After"))
	}
	if status, _, _ := try(0); status != http.StatusOK {
		t.Errorf("third: %d", status)
	}
}

func TestRevokedGrant(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Seed: 1})
	refresh := map[string]string{}
	for _, tenant := range l.Tenants() {
		redirect := "https://" + l.Provider().Domain + "/SiemMsspConnector"
		q := url.Values{"client_id": {l.App().ClientID}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {"https://graph.microsoft.com/.default offline_access"}, "state": {"s"}}
		final, err := l.Analyst().Visit(t.Context(), l.URL()+"/"+tenant.ID+"/oauth2/v2.0/authorize?"+q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		_, body := l.post(l.URL()+"/"+tenant.ID+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"authorization_code"}, "client_id": {l.App().ClientID}, "client_secret": {l.App().ClientSecret.Reveal()},
			"code": {final.Query().Get("code")}, "redirect_uri": {redirect}, "scope": {"https://graph.microsoft.com/.default offline_access"},
		})
		var answer struct {
			Refresh string `json:"refresh_token"`
		}
		if json.Unmarshal(body, &answer) != nil || answer.Refresh == "" {
			t.Fatalf("%s", body)
		}
		refresh[tenant.ID] = answer.Refresh
	}
	l.faults(fault.Fault{Kind: fault.RevokedGrant, Tenant: "contoso"})
	for i, tenant := range l.Tenants() {
		status, body := l.post(l.URL()+"/"+tenant.ID+"/oauth2/v2.0/token", url.Values{
			"grant_type": {"refresh_token"}, "client_id": {l.App().ClientID}, "client_secret": {l.App().ClientSecret.Reveal()},
			"refresh_token": {refresh[tenant.ID]}, "scope": {"https://graph.microsoft.com/.default offline_access"},
		})
		if i == 0 && (status != http.StatusBadRequest || !strings.Contains(string(body), "invalid_grant")) || i == 1 && status != http.StatusOK {
			t.Errorf("%s: %d %s", tenant.Slug, status, body)
		}
	}
}

func TestFaultsAreChecked(t *testing.T) {
	t.Parallel()
	for _, f := range []fault.Fault{{Kind: "flood", Count: 1}, {Kind: fault.ServerError, Count: 1, Tenant: "nobody"}} {
		if _, err := sim.New(sim.Options{Faults: []fault.Fault{f}}); err == nil {
			t.Errorf("%+v was taken", f)
		}
	}
}

// TestEverythingAtOnceCanBeSurvived reads all sources through all faults with
// nothing more than patience.
func TestEverythingAtOnceCanBeSurvived(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 4, Alerts: 120, Seed: 3, Still: true, Faults: sim.AllFaults()})
	got := map[string]bool{}
	struck := 0
	for _, tenant := range l.Tenants() {
		for _, source := range sources {
			address := l.address(source, "", "$top", "9")
			if source != graph {
				address = l.address(source, "", "ago", "P2D")
			}
			for tries := 0; address != ""; tries++ {
				if tries > 40 {
					t.Fatalf("%s of %s can't be read", source, tenant.Slug)
				}
				a := l.send(address, l.token(tenant.ID, l.Cloud().Resource(source)), nil)
				if a.status != http.StatusOK || a.cut != nil || !json.Valid(a.body) {
					struck++
					continue
				}
				p := l.page(a)
				for _, alert := range p.Value {
					got[tenant.Slug+" "+key(source, alert)] = true
				}
				address, tries = p.Next, 0
			}
		}
	}
	want := 0
	for v := range l.Truth(sim.Scope{}) {
		want++
		if !got[v.Tenant+" "+versionKey(v)] {
			t.Errorf("%s: %s never came", v.Tenant, versionKey(v))
		}
	}
	if len(got) != want || struck == 0 {
		t.Errorf("%d versions read, %d in the truth, %d requests struck", len(got), want, struck)
	}
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Alerts: 20, Seed: 1, Still: true, Quotas: map[tributary.Source]sim.Quota{
		endpoint: {PerMinute: 3, PerHour: 7}, graph: {PerMinute: 1},
	}})
	statuses := func(source tributary.Source, n int) (list []int) {
		for range n {
			list = append(list, l.ask(source, "").status)
		}
		return list
	}
	if got := statuses(endpoint, 3); got[2] != http.StatusOK {
		t.Errorf("within the quota: %v", got)
	}
	l.clock.advance(50 * time.Second)
	a := l.ask(endpoint, "")
	l.refused(a, http.StatusTooManyRequests, "Maximum allowed 3 per 00:01:00 for the key Destination+TenantID+AppID. You can send requests again in 10 seconds.")
	if a.header.Get("Retry-After") != "10" || !strings.Contains(string(a.body), `"code":"429"`) {
		t.Errorf("Retry-After %q, %s", a.header.Get("Retry-After"), a.body)
	}
	if other := l.askOf(l.Tenants()[1].ID, endpoint, ""); other.status != http.StatusOK {
		t.Errorf("another tenant: %d", other.status)
	}
	l.clock.advance(10 * time.Second)
	if got := statuses(endpoint, 3); got[2] != http.StatusOK {
		t.Errorf("in the next minute: %v", got)
	}
	l.clock.advance(time.Minute)
	l.refused(l.ask(endpoint, ""), http.StatusTooManyRequests, "Maximum allowed 7 per 01:00:00") // the refused one counted too
	if got := statuses(graph, 2); got[0] != http.StatusOK || got[1] != http.StatusTooManyRequests {
		t.Errorf("graph: %v", got)
	}
	if got := statuses(siem, 20); got[19] != http.StatusOK {
		t.Errorf("siem has no quota: %v", got)
	}
	if q := sim.DocumentedQuotas(); q[endpoint] != (sim.Quota{PerMinute: 100, PerHour: 1500}) || q[graph].PerMinute != 150 {
		t.Errorf("%v", q)
	}
}
