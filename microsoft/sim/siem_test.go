package sim_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
)

const siem = tributary.SourceSIEM

const siemForm = "2006-01-02T15:04:05.999999999"

func TestSIEMRanges(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Alerts: 600, Seed: 1, Still: true})
	all := l.all(l.Tenants()[0].ID, siem)
	at := updates(t, all, "LastProcessedTimeUtc")
	if len(at) < 300 || !slices.IsSortedFunc(at, time.Time.Compare) {
		t.Fatalf("%d detections, sorted: %v", len(at), slices.IsSortedFunc(at, time.Time.Compare))
	}
	within := func(from, to time.Time) (n int) {
		for _, u := range at {
			if !u.Before(from) && !u.After(to) {
				n++
			}
		}
		return n
	}
	from, to := at[100], at[200]
	tests := []struct {
		name  string
		query []string
		want  int
	}{
		{"without a parameter: two hours", nil, within(noon.Add(-2*time.Hour), noon)},
		{"since", []string{"sinceTimeUtc", from.Format(siemForm)}, within(from, noon)},
		{"since and until, both included", []string{"sinceTimeUtc", from.Format(siemForm), "untilTimeUtc", to.Format(siemForm)}, within(from, to)},
		{"with a Z and in another case", []string{"sincetimeutc", from.Format(time.RFC3339Nano), "UntilTimeUTC", to.Format(time.RFC3339Nano)}, within(from, to)},
		{"ago", []string{"ago", "PT3H30M"}, within(noon.Add(-210*time.Minute), noon)},
		{"ago in days", []string{"ago", "P1DT1H"}, len(at)},
	}
	for _, tt := range tests {
		for _, slash := range []string{"", "/"} {
			if got := len(l.page(l.ask(siem, slash, tt.query...)).Value); got != tt.want || tt.want == 0 {
				t.Errorf("%s%s: %d detections, want %d", tt.name, slash, got, tt.want)
			}
		}
	}
	limited := l.page(l.ask(siem, "", "sinceTimeUtc", from.Format(siemForm), "limit", "7")).Value
	if len(limited) != 7 || key(siem, limited[0]) != key(siem, all[len(all)-7]) || key(siem, limited[6]) != key(siem, all[len(all)-1]) {
		t.Errorf("limit=7 gave %d detections, not the most recent ones in their order", len(limited))
	}
	group := all[0]["MachineGroup"].(string)
	in, both := 0, 0
	for _, a := range all {
		if a["MachineGroup"] == group {
			in++
		}
		if a["MachineGroup"] == group || a["MachineGroup"] == "Kiosk devices" {
			both++
		}
	}
	wide := []string{"ago", "P2D", "machinegroups", group}
	if got := len(l.page(l.ask(siem, "", wide...)).Value); got != in || in == len(all) {
		t.Errorf("machinegroups=%s: %d detections, want %d of %d", group, got, in, len(all))
	}
	if got := len(l.page(l.ask(siem, "", append(wide, "machinegroups", "Kiosk devices")...)).Value); got != both {
		t.Errorf("two machine groups: %d detections, want %d", got, both)
	}
	tagged := 0
	for _, a := range all {
		if a["DeviceCreatedMachineTags"] == "VIP" {
			tagged++
		}
	}
	if got := len(l.page(l.ask(siem, "", "ago", "P2D", "DeviceCreatedMachineTags", "VIP")).Value); got != tagged || tagged == 0 {
		t.Errorf("tag VIP: %d detections, want %d", got, tagged)
	}
}

func TestSIEMIsABareArray(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Seed: 1})
	if a := l.ask(siem, ""); string(a.body) != "[]" || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("an empty range is %s, %s", a.body, a.header.Get("Content-Type"))
	}
}

func TestSIEMMalformed(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 1, Seed: 1})
	for _, query := range [][]string{
		{"sinceTimeUtc", "yesterday"}, {"untilTimeUtc", "2026-13-01T00:00:00"}, {"ago", "10 minutes"}, {"ago", "PT"}, {"ago", "P"}, {"ago", "P1DT"}, {"ago", "PT99999999999M"}, {"limit", "-1"}, {"limit", "0"},
	} {
		l.refused(l.ask(siem, "", query...), http.StatusUnauthorized, "Malformed request")
	}
}

// TestSIEMNeedsThePortalStep follows an application from 403 to 200.
func TestSIEMNeedsThePortalStep(t *testing.T) {
	t.Parallel()
	s, err := sim.New(sim.Options{Tenants: 2, Alerts: 40, Seed: 1, Still: true, Now: (&clock{at: noon}).now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := &lab{T: t, Server: s, clock: &clock{at: noon}, tokens: map[string]string{}}
	mine, other := s.Tenants()[0].ID, s.Tenants()[1].ID
	for _, id := range []string{mine, other} {
		s.Consent(id, s.App().ClientID)
	}
	l.refused(l.askOf(mine, siem, ""), http.StatusForbidden, "not authorized")
	if err := s.Authorise(t.Context(), mine, s.App().ClientID, other); err != nil {
		t.Fatal(err)
	}
	l.refused(l.askOf(mine, siem, ""), http.StatusForbidden, "not authorized") // a wrong provider was entered
	if err := s.Authorise(t.Context(), mine, s.App().ClientID, s.Provider().TenantID); err != nil {
		t.Fatal(err)
	}
	if n := len(l.page(l.askOf(mine, siem, "", "ago", "P2D")).Value); n == 0 {
		t.Error("no detections after the application was authorised")
	}
	l.refused(l.askOf(other, siem, ""), http.StatusForbidden, "not authorized")
	if err := s.Authorise(t.Context(), mine, "not a guid", s.Provider().TenantID); err == nil {
		t.Error("the portal took an application id that is no GUID")
	}
}
