package sim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
)

func stringReader(s string) io.Reader { return strings.NewReader(s) }

// TestPortalPageByPage does the portal step as a person would, on the pages.
func TestPortalPageByPage(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Alerts: 10, Seed: 1, Still: true})
	tenant := l.Tenants()[0]
	open := func(path string, status int, want ...string) string {
		t.Helper()
		a := l.send(l.URL()+path, "", nil)
		for _, w := range want {
			if a.status != status || !strings.Contains(string(a.body), w) {
				t.Errorf("%s: %d, no %q in %.600s", path, a.status, w, a.body)
			}
		}
		return string(a.body)
	}
	open("/portal/", http.StatusOK, "Contoso", "Fabrikam, Inc.")
	open("/portal?tid="+tenant.ID, http.StatusOK, "/portal/settings/siem/mssp?tid="+tenant.ID)
	open("/portal/?tid=00000000-0000-0000-0000-000000000000", http.StatusNotFound, "No tenant of that id")
	open("/portal/nothing?tid="+tenant.ID, http.StatusNotFound, "no such page")
	form := "/portal/settings/siem/mssp?tid=" + tenant.ID
	open(form, http.StatusOK, `name="application_id"`, `name="tenant_id"`, `name="user"`, l.App().ClientID)

	send := func(clientID, provider, user string) (int, string) {
		status, body := l.post(l.URL()+form, url.Values{"application_id": {clientID}, "tenant_id": {provider}, "user": {user}})
		return status, string(body)
	}
	const other = "22222222-2222-4222-8222-222222222222"
	if status, body := send(other, l.Provider().TenantID, "guest@contoso.com"); status != http.StatusForbidden || strings.Contains(body, other) {
		t.Errorf("somebody without the right: %d", status)
	}
	if status, body := send("x", l.Provider().TenantID, tenant.Admin); status != http.StatusBadRequest || !strings.Contains(body, "Application ID") {
		t.Errorf("no GUID: %d", status)
	}
	if status, body := send(other, "<script>", tenant.Admin); status != http.StatusBadRequest || strings.Contains(body, "<script>") {
		t.Errorf("no GUID of the provider: %d", status)
	}
	if status, body := send(" "+strings.ToUpper(other)+" ", l.Provider().TenantID, strings.ToUpper(tenant.Admin)); status != http.StatusOK || !strings.Contains(body, other) {
		t.Errorf("an administrator: %d %s", status, body)
	}
	id := l.all(tenant.ID, graph)[0]["id"].(string)
	link := strings.TrimPrefix(l.Cloud().AlertURL(tenant.ID, id), l.URL())
	open(link, http.StatusOK, id, "alertWebUrl")
	open("/portal/alerts/"+id+"?tid="+l.Tenants()[1].ID, http.StatusNotFound, "No alert of that id")
}

func TestControl(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Alerts: 30, Seed: 1, Still: true})
	do := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, l.URL()+path, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := l.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, body := do("POST", "/control/faults", `{"kind":"500","count":1,"source":"graph"}`); status != 200 || !strings.Contains(body, `"kind":"500"`) {
		t.Errorf("one fault: %d %s", status, body)
	}
	if a := l.ask(graph, ""); a.status != http.StatusInternalServerError {
		t.Errorf("the fault does not strike: %d", a.status)
	}
	if status, body := do("POST", "/control/faults", `[{"kind":"429","probability":1,"retry_after":"5s"},{"kind":"clock-skew","skew":"1m"}]`); status != 200 || !strings.Contains(body, `"5s"`) {
		t.Errorf("a list: %d %s", status, body)
	}
	if a := l.ask(graph, ""); a.status != http.StatusTooManyRequests || a.header.Get("Date") != noon.Add(time.Minute).Format(http.TimeFormat) {
		t.Errorf("the list is not in force: %d at %s", a.status, a.header.Get("Date"))
	}
	if status, body := do("DELETE", "/control/faults", ""); status != 200 || strings.TrimSpace(body) != "null" && strings.TrimSpace(body) != "[]" {
		t.Errorf("delete: %d %s", status, body)
	}
	if a := l.ask(graph, ""); a.status != http.StatusOK {
		t.Errorf("after the faults were deleted: %d", a.status)
	}
	for _, tt := range []struct{ path, body, says string }{
		{"/control/faults", `{"kind":"flood","count":1}`, "use one of"},
		{"/control/faults", `{"kind":"slow","count":1,"dealy":"1s"}`, "dealy"},
		{"/control/faults", `{"kind":"slow","count":1,"tenant":"nobody"}`, "nobody"},
		{"/control/faults", `nonsense`, "body"},
		{"/control/advance", `{}`, "give one of"},
		{"/control/advance", `{"change":1,"arrive":1}`, "give one of"},
		{"/control/advance", `{"arrive":-1}`, "use 1 to"},
		{"/control/advance", `{"arrive_late":1}`, "late_by"},
		{"/control/advance", `{"close_many":3}`, "exactly one tenant"},
		{"/control/advance", `{"arrive":1,"tenants":["nobody"]}`, "nobody"},
	} {
		if status, body := do("POST", tt.path, tt.body); status != http.StatusBadRequest || !strings.Contains(body, tt.says) {
			t.Errorf("%s %s: %d %s", tt.path, tt.body, status, body)
		}
	}
	for _, step := range []string{`{"change":2}`, `{"arrive":3,"tenants":["fabrikam"]}`, `{"arrive_late":1,"late_by":"2h"}`, `{"close_many":4,"tenants":["contoso"]}`} {
		l.clock.advance(time.Minute)
		status, body := do("POST", "/control/advance", step)
		var made []map[string]string
		if err := json.Unmarshal([]byte(body), &made); status != 200 || err != nil || len(made) == 0 {
			t.Errorf("%s: %d %s", step, status, body)
		}
	}
	want := 0
	for range l.Truth(sim.Scope{Tenants: []string{"fabrikam"}, Sources: []tributary.Source{graph}}) {
		want++
	}
	if status, body := do("GET", "/control/truth?tenant=fabrikam&source=graph", ""); status != 200 || strings.Count(body, "\n") != want || want == 0 {
		t.Errorf("truth: %d, %d lines, want %d", status, strings.Count(body, "\n"), want)
	}
	if status, _ := do("GET", "/control/truth?source=sentinel", ""); status != http.StatusBadRequest {
		t.Errorf("truth of an unknown source: %d", status)
	}
	if status, body := do("GET", "/control/tenants", ""); status != 200 || !strings.Contains(body, l.Tenants()[1].ID) || strings.Contains(body, l.Tenants()[1].AdminPassword) {
		t.Errorf("tenants: %d %s", status, body)
	}
}
