package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
)

const endpoint = tributary.SourceEndpoint

func TestDefenderListing(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 200, Seed: 1, Still: true})
	whole := l.page(l.ask(endpoint, ""))
	at := updates(t, whole.Value, "lastUpdateTime")
	if len(at) < 80 || !slices.IsSortedFunc(at, func(a, b time.Time) int { return b.Compare(a) }) || whole.Next != "" {
		t.Fatalf("%d alerts, next link %q, newest first: %v", len(at), whole.Next, at[0].After(at[len(at)-1]))
	}
	if e := whole.Value[0]["evidence"].([]any); len(e) != 0 {
		t.Error("evidence without $expand")
	}
	page := l.page(l.ask(endpoint, "", "$top", "10", "$skip", "5", "$expand", "evidence"))
	if len(page.Value) != 10 || page.Next != "" || key(endpoint, page.Value[0]) != key(endpoint, whole.Value[5]) {
		t.Errorf("$top=10&$skip=5: %d alerts, next link %q", len(page.Value), page.Next)
	}
	pieces := 0
	for _, a := range page.Value {
		pieces += len(a["evidence"].([]any))
	}
	if pieces < 10 {
		t.Errorf("%d pieces of evidence with $expand", pieces)
	}
	versioned := l.send(l.URL()+"/mde/api/v1.0/alerts?$top=1", l.token(l.Tenants()[0].ID, "https://api.securitycenter.microsoft.com"), nil)
	if p := l.page(versioned); key(endpoint, p.Value[0]) != key(endpoint, whole.Value[0]) {
		t.Error("/api/v1.0/alerts shows something else")
	}
	number := whole.Value[0]["incidentId"].(float64)
	filtered := l.page(l.ask(endpoint, "", "$filter", fmt.Sprintf("incidentId eq %.0f and lastUpdateTime ge %s", number, at[len(at)-1].Format(time.RFC3339Nano))))
	if len(filtered.Value) == 0 || len(filtered.Value) > 5 {
		t.Errorf("%d alerts of incident %.0f", len(filtered.Value), number)
	}
	for _, a := range filtered.Value {
		if a["incidentId"] != number {
			t.Errorf("incident %v", a["incidentId"])
		}
	}
}

// TestDefenderNextLink has a server whose pages are small: a next link comes
// only where the client did not name a $top.
func TestDefenderNextLink(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 200, Seed: 1, Still: true})
	l.SetDefenderPage(30)
	seen := map[string]bool{}
	address := l.address(endpoint, "", "$filter", "severity ne 'Low'")
	for pages := 0; address != "" && pages < 20; pages++ {
		p := l.page(l.send(address, l.token(l.Tenants()[0].ID, "https://api.securitycenter.microsoft.com"), nil))
		for _, a := range p.Value {
			seen[key(endpoint, a)] = true
		}
		address = p.Next
	}
	want := len(l.page(l.ask(endpoint, "", "$filter", "severity ne 'Low'", "$top", "10000")).Value)
	if len(seen) != want || want < 60 {
		t.Errorf("%d alerts by next links, %d in one page", len(seen), want)
	}
}

func TestDefenderRefusals(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 20, Seed: 1, Still: true})
	for _, tt := range []struct{ name, value, code, says string }{
		{"$top", "10001", "BadRequest", "limit of '10000' for Top"},
		{"$skip", "x", "BadRequest", "$skip"},
		{"$filter", "title eq 'x'", "ODataError", "'title'"},
		{"$filter", "severity eq High", "ODataError", "single quotes"},
		{"$orderby", "lastUpdateTime", "ODataError", "'$orderby' is not supported"},
		{"$expand", "machine", "ODataError", "'machine'"},
	} {
		a := l.ask(endpoint, "", tt.name, tt.value)
		l.refused(a, http.StatusBadRequest, tt.says)
		var body struct {
			Error struct{ Code, Message, Target string }
		}
		if err := json.Unmarshal(a.body, &body); err != nil || body.Error.Code != tt.code || len(body.Error.Target) != 36 {
			t.Errorf("%s=%s: %s", tt.name, tt.value, a.body)
		}
	}
	l.refused(l.ask(endpoint, "/da1_1"), http.StatusNotFound, `"code":"ResourceNotFound","message":"Alert da1_1 was not found"`)
	id := l.page(l.ask(endpoint, "", "$top", "1")).Value[0]["id"].(string)
	one := l.ask(endpoint, "/"+id)
	if one.status != http.StatusOK || !strings.HasPrefix(string(one.body), `{"id":"`+id) || !strings.Contains(string(one.body), `"entityType"`) {
		t.Errorf("a single alert: %d %.300s", one.status, one.body)
	}
}
