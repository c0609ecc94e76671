package sim_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
)

const graph = tributary.SourceGraph

func updates(t *testing.T, alerts []map[string]any, name string) []time.Time {
	t.Helper()
	var out []time.Time
	for _, a := range alerts {
		at, err := time.Parse(time.RFC3339Nano, a[name].(string))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, at)
	}
	return out
}

func TestGraphPagesAndOrder(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 250, Seed: 1, Still: true})
	p := l.page(l.ask(graph, "", "$count", "true"))
	if len(p.Value) != 100 || *p.Count != 250 || !strings.HasSuffix(p.Context, "/v1.0/$metadata#security/alerts_v2") {
		t.Errorf("first page: %d alerts of %d, context %s", len(p.Value), *p.Count, p.Context)
	}
	if at := updates(t, p.Value, "lastUpdateDateTime"); !slices.IsSortedFunc(at, func(a, b time.Time) int { return b.Compare(a) }) {
		t.Error("the default order is not newest first")
	}
	seen := map[string]bool{}
	for pages := 1; ; pages++ {
		for _, a := range p.Value {
			seen[key(graph, a)] = true
		}
		if p.Next == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		if !strings.HasPrefix(p.Next, l.URL()) || !strings.Contains(p.Next, "$skiptoken=") {
			t.Fatalf("next link %s", p.Next)
		}
		p = l.page(l.send(p.Next, l.token(l.Tenants()[0].ID, "https://graph.microsoft.com"), nil))
	}
	if len(seen) != 250 {
		t.Errorf("%d different alerts on all pages", len(seen))
	}
	rising := updates(t, l.all(l.Tenants()[0].ID, graph), "lastUpdateDateTime")
	if len(rising) != 250 || !slices.IsSortedFunc(rising, time.Time.Compare) {
		t.Errorf("%d alerts, oldest first: %v", len(rising), slices.IsSortedFunc(rising, time.Time.Compare))
	}
}

// TestGraphPagesThroughTies changes alerts while a client pages through many
// with one update time.
func TestGraphPagesThroughTies(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 300, Seed: 1, Still: true})
	l.clock.advance(time.Minute)
	closed := l.CloseMany("contoso", 260)
	at := closed[0].Updated
	want := map[string]bool{}
	for _, v := range closed {
		if !v.Updated.Equal(at) {
			t.Fatalf("closed at %v and %v", at, v.Updated)
		}
		if v.Source == graph {
			want[v.ID] = true
		}
	}
	if len(want) != 260 {
		t.Fatalf("%d alerts closed", len(want))
	}
	address := l.address(graph, "", "$filter", "lastUpdateDateTime eq "+at.Format(time.RFC3339Nano), "$top", "50", "$orderby", "lastUpdateDateTime asc")
	for address != "" {
		p := l.page(l.send(address, l.token(l.Tenants()[0].ID, "https://graph.microsoft.com"), nil))
		for _, a := range p.Value {
			if a["status"] != "resolved" || a["resolvedDateTime"] != a["lastUpdateDateTime"] {
				t.Fatalf("a closed alert is %v, resolved %v", a["status"], a["resolvedDateTime"])
			}
			if !want[a["id"].(string)] {
				t.Errorf("%v came twice or was not closed", a["id"])
			}
			delete(want, a["id"].(string))
		}
		address = p.Next
	}
	if len(want) > 0 {
		t.Errorf("%d alerts of the tie never came", len(want))
	}
}

func TestGraphFilters(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 200, Seed: 2, Still: true, Changing: 0.5})
	all := l.all(l.Tenants()[0].ID, graph)
	at := updates(t, all, "lastUpdateDateTime")
	from, to := at[50], at[120]
	bounds := func(lo, hi string) string {
		return "lastUpdateDateTime " + lo + " " + from.Format(time.RFC3339Nano) + " and lastUpdateDateTime " + hi + " " + to.Format(time.RFC3339Nano)
	}
	count := func(keep func(a map[string]any, at time.Time) bool) (n int) {
		for i, a := range all {
			if keep(a, at[i]) {
				n++
			}
		}
		return n
	}
	tests := []struct {
		filter string
		want   int
	}{
		{bounds("ge", "le"), count(func(_ map[string]any, u time.Time) bool { return !u.Before(from) && !u.After(to) })},
		{bounds("gt", "lt"), count(func(_ map[string]any, u time.Time) bool { return u.After(from) && u.Before(to) })},
		{"severity eq 'high'", count(func(a map[string]any, _ time.Time) bool { return a["severity"] == "high" })},
		{"status eq 'resolved' and severity ne 'low'", count(func(a map[string]any, _ time.Time) bool { return a["status"] == "resolved" && a["severity"] != "low" })},
		{"serviceSource eq 'microsoftDefenderForEndpoint'", count(func(a map[string]any, _ time.Time) bool { return a["serviceSource"] == "microsoftDefenderForEndpoint" })},
		{"assignedTo eq null", count(func(a map[string]any, _ time.Time) bool { return a["assignedTo"] == nil })},
		{"createdDateTime lt " + all[30]["createdDateTime"].(string), count(func(a map[string]any, _ time.Time) bool {
			x, _ := time.Parse(time.RFC3339Nano, a["createdDateTime"].(string))
			y, _ := time.Parse(time.RFC3339Nano, all[30]["createdDateTime"].(string))
			return x.Before(y)
		})},
	}
	for _, tt := range tests {
		p := l.page(l.ask(graph, "", "$filter", tt.filter, "$top", "1000", "$count", "true"))
		if len(p.Value) != tt.want || *p.Count != tt.want || tt.want == 0 || tt.want == len(all) {
			t.Errorf("%s: %d alerts, count %d, want %d (of %d)", tt.filter, len(p.Value), *p.Count, tt.want, len(all))
		}
	}
}

func TestGraphRefusals(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 30, Seed: 1, Still: true})
	for _, tt := range []struct {
		name, value, says string
	}{
		{"$filter", "investigationState eq 'running'", "investigationState"},
		{"$filter", "lastUpdateDateTime ge yesterday", "not a date"},
		{"$skip", "501", "limit of '500' for Skip"},
		{"$skip", "-1", "limit of '500' for Skip"},
		{"$top", "0", "page size"},
		{"$top", "many", "page size"},
		{"$orderby", "severity", "not supported"},
		{"$orderby", "lastUpdateDateTime downwards", "not supported"},
		{"$count", "yes", "$count"},
		{"$expand", "evidence", "'$expand' is not supported"},
		{"$skiptoken", "zzz", "skiptoken"},
	} {
		a := l.ask(graph, "", tt.name, tt.value)
		l.refused(a, http.StatusBadRequest, tt.says)
		var body struct {
			Error struct {
				Code, Message string
				InnerError    map[string]string
			}
		}
		if err := json.Unmarshal(a.body, &body); err != nil || body.Error.Code != "BadRequest" || body.Error.InnerError["request-id"] != a.header.Get("request-id") {
			t.Errorf("%s=%s: %s", tt.name, tt.value, a.body)
		}
	}
	l.refused(l.send(l.address(graph, "", "$top", "1", "$top", "2"), l.token(l.Tenants()[0].ID, "https://graph.microsoft.com"), nil), http.StatusBadRequest, "more than once")
	if p := l.page(l.ask(graph, "", "$skip", "25", "$top", "5000")); len(p.Value) != 5 || p.Next != "" {
		t.Errorf("a page behind $skip=25 of 30 has %d alerts", len(p.Value))
	}
}

func TestGraphTopIsCut(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 1100, Seed: 1, Still: true})
	p := l.page(l.ask(graph, "", "$top", "2000", "$select", "id,lastUpdateDateTime"))
	if len(p.Value) != 1000 || p.Next == "" || len(p.Value[0]) != 2 {
		t.Errorf("$top=2000: %d alerts of %d members, next link %q", len(p.Value), len(p.Value[0]), p.Next)
	}
	rest := l.page(l.send(p.Next, l.token(l.Tenants()[0].ID, "https://graph.microsoft.com"), nil))
	if len(rest.Value) != 100 || len(rest.Value[0]) != 2 {
		t.Errorf("the rest: %d alerts of %d members", len(rest.Value), len(rest.Value[0]))
	}
}

func TestGraphSingleAlertAndNewerMembers(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 2, Alerts: 300, Seed: 1, Still: true})
	p := l.page(l.ask(graph, "", "$filter", "serviceSource eq 'microsoftSentinel'", "$top", "1"))
	if len(p.Value) != 1 || p.Value[0]["serviceSource"] != "microsoftSentinel" {
		t.Fatalf("%v", p.Value)
	}
	id := p.Value[0]["id"].(string)
	token := l.token(l.Tenants()[0].ID, "https://graph.microsoft.com")
	var alert map[string]any
	a := l.send(l.address(graph, "/"+id), token, nil)
	if err := json.Unmarshal(a.body, &alert); err != nil || alert["id"] != id || alert["serviceSource"] != "unknownFutureValue" || alert["@odata.context"] == nil {
		t.Errorf("without Prefer: %v, %.200s", err, a.body)
	}
	a = l.send(l.address(graph, "/"+id), token, http.Header{"Prefer": {"odata.maxpagesize=5, include-unknown-enum-members"}})
	if !strings.Contains(string(a.body), `"serviceSource":"microsoftSentinel"`) {
		t.Errorf("with Prefer: %.300s", a.body)
	}
	l.refused(l.ask(graph, "/da637_0"), http.StatusNotFound, "ResourceNotFound")
	l.refused(l.askOf(l.Tenants()[1].ID, graph, "/"+id), http.StatusNotFound, "ResourceNotFound")
}
