package sim_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim"
)

// TestTruthIsWhatTheAPIsShow lets time pass and things happen, reads everything
// after each step, and compares what was seen with the truth: a version is in
// it exactly if a reader could meet it, and was seen exactly if one of the
// readings fell into its span.
func TestTruthIsWhatTheAPIsShow(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 3, Alerts: 60, Seed: 5, Past: 8 * time.Hour, Live: 0.5, Changing: 0.5, Tied: 0.3, Late: 0.2})
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]bool{}
	var readings []time.Time
	made := map[string]bool{}
	note := func(list []sim.Version) {
		for _, v := range list {
			made[v.Tenant+" "+versionKey(v)] = true
		}
	}
	for step := range 18 {
		readings = append(readings, l.clock.now())
		for _, tenant := range l.Tenants() {
			for _, source := range sources {
				for _, alert := range l.all(tenant.ID, source) {
					seen[tenant.Slug+" "+key(source, alert)] = true
				}
			}
		}
		if step == 17 {
			break // nothing happens after the last reading
		}
		switch r.IntN(6) {
		case 0:
			note(l.Change(1 + r.IntN(5)))
		case 1:
			note(l.Arrive(1+r.IntN(4), "fabrikam"))
		case 2:
			note(l.ArriveLate(2, time.Duration(1+r.IntN(300))*time.Minute))
		case 3:
			note(l.CloseMany("contoso", 5))
		case 4:
			note(l.Arrive(2))
			note(l.Change(2, "contoso", l.Tenants()[2].ID)) // at the same instant
		}
		if r.IntN(4) > 0 {
			l.clock.advance(time.Duration(r.IntN(40)) * time.Minute)
		}
	}
	truth := map[string]bool{}
	missed := 0
	for v := range l.Truth(sim.Scope{}) {
		k := v.Tenant + " " + versionKey(v)
		if truth[k] {
			t.Errorf("%s is twice in the truth", k)
		}
		truth[k] = true
		could := slices.ContainsFunc(readings, func(at time.Time) bool {
			return !at.Before(v.Visible) && (v.Replaced.IsZero() || at.Before(v.Replaced))
		})
		if could && !seen[k] {
			t.Errorf("%s was visible from %v to %v, and no reading shows it", k, v.Visible, v.Replaced)
		}
		if !could {
			missed++
		}
	}
	for k := range seen {
		if !truth[k] {
			t.Errorf("%s was seen but is not in the truth", k)
		}
	}
	for k := range made {
		if !truth[k] {
			t.Errorf("%s was made by a step but is not in the truth", k)
		}
	}
	if missed == 0 || len(made) < 20 || len(seen) < 200 {
		t.Errorf("the run was too tame: %d unseen versions, %d made, %d seen", missed, len(made), len(seen))
	}
}

func TestStepsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 3, Alerts: 120, Seed: 1, Still: true})
	l.clock.advance(time.Hour)
	now := l.clock.now()
	count := func(list []sim.Version, source tributary.Source) (n int) {
		for _, v := range list {
			if v.Source == source {
				n++
			}
		}
		return n
	}
	changed := l.Change(7)
	if count(changed, graph) != 7 || count(changed, siem) != 0 {
		t.Errorf("changed: %d of Graph, %d detections, which never change", count(changed, graph), count(changed, siem))
	}
	for _, v := range changed {
		if !v.Updated.Equal(now) || !v.Visible.Equal(now) {
			t.Errorf("changed at %v, visible %v", v.Updated, v.Visible)
		}
	}
	if n := count(l.Change(1000), graph); n != 120 {
		t.Errorf("%d of 120 alerts changed", n)
	}
	arrived := l.Arrive(10, "fabrikam")
	if count(arrived, graph) != 10 || count(arrived, siem) < count(arrived, endpoint) {
		t.Errorf("arrived: %d of Graph, %d of Defender, %d detections", count(arrived, graph), count(arrived, endpoint), count(arrived, siem))
	}
	for _, v := range arrived {
		if v.Tenant != "fabrikam" || v.Updated.After(now) || v.Updated.Before(now.Add(-time.Second)) {
			t.Errorf("arrived in %s at %v", v.Tenant, v.Updated)
		}
	}
	for _, v := range l.ArriveLate(5, 3*time.Hour) {
		if late := now.Sub(v.Updated); late < 3*time.Hour || late > 3*time.Hour+time.Second || !v.Visible.Equal(now) {
			t.Errorf("late by %v, visible %v", late, v.Visible)
		}
	}
	if l.CloseMany("nobody", 5) != nil || len(l.Arrive(5, "nobody")) != 0 {
		t.Error("something happened to an unknown tenant")
	}
}

func TestTruthLines(t *testing.T) {
	t.Parallel()
	l := start(t, sim.Options{Tenants: 3, Alerts: 60, Seed: 1, Still: true})
	l.clock.advance(time.Minute)
	l.Change(5, "contoso")
	lines := func(scope sim.Scope) (list []map[string]string) {
		var b bytes.Buffer
		if err := l.WriteTruth(&b, scope); err != nil {
			t.Fatal(err)
		}
		for in := bufio.NewScanner(&b); in.Scan(); {
			var line map[string]string
			if err := json.Unmarshal(in.Bytes(), &line); err != nil {
				t.Fatalf("%v: %s", err, in.Text())
			}
			list = append(list, line)
		}
		return list
	}
	all := lines(sim.Scope{})
	replaced := 0
	for _, line := range all {
		names := slices.Sorted(maps.Keys(line))
		if line["replaced"] != "" {
			replaced++
			names = slices.DeleteFunc(names, func(n string) bool { return n == "replaced" })
		}
		if want := []string{"event_id", "id", "source", "tenant", "tenant_id", "updated", "visible"}; !slices.Equal(names, want) {
			t.Fatalf("members %v", names)
		}
		updated, err := time.Parse(time.RFC3339Nano, line["updated"])
		if err != nil || updated.Format(time.RFC3339Nano) != line["updated"] || !strings.HasSuffix(line["updated"], "Z") {
			t.Fatalf("updated %q", line["updated"])
		}
		v := tributary.Version{TenantID: line["tenant_id"], Source: tributary.Source(line["source"]), ID: line["id"], Updated: updated}
		if v.EventID().String() != line["event_id"] {
			t.Fatalf("event_id %q, want %s", line["event_id"], v.EventID())
		}
	}
	if replaced < 5 {
		t.Errorf("%d versions were replaced", replaced)
	}
	mine := lines(sim.Scope{Tenants: []string{"contoso", l.Tenants()[1].ID}, Sources: []tributary.Source{siem}})
	want := 0
	for _, line := range all {
		if line["source"] == "siem" && line["tenant"] != l.Tenants()[2].Slug {
			want++
		}
	}
	if len(mine) != want || want == 0 {
		t.Errorf("%d lines of two tenants' detections, want %d", len(mine), want)
	}
	if n := len(lines(sim.Scope{Tenants: []string{"nobody"}})); n != 0 {
		t.Errorf("%d lines of an unknown tenant", n)
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	t.Parallel()
	world := func(seed uint64) string {
		s, err := sim.New(sim.Options{Tenants: 40, Alerts: 400, Seed: seed, Now: (&clock{at: noon}).now, Changing: 0.3, Late: 0.1, Still: true})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		slugs := map[string]bool{}
		for _, tenant := range s.Tenants() {
			b.WriteString(strings.Join([]string{tenant.ID, tenant.Slug, tenant.Domain, tenant.Name, tenant.Admin, tenant.AdminPassword}, " ") + "\n")
			if err := tributary.CheckSlug(tenant.Slug); err != nil || slugs[tenant.Slug] || slugs[tenant.ID] || slugs[tenant.Domain] {
				t.Errorf("tenant %+v: %v", tenant, err)
			}
			slugs[tenant.Slug], slugs[tenant.ID], slugs[tenant.Domain] = true, true, true
		}
		b.WriteString(s.App().ClientID + s.App().ClientSecret.Reveal() + s.Provider().TenantID)
		if err := s.WriteTruth(&b, sim.Scope{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	first, again := world(1), world(1)
	if first != again {
		t.Error("the same seed made another world")
	}
	if first == world(2) {
		t.Error("two seeds made the same world")
	}
}

// TestRestart starts a world again, later, with the same seed and start.
func TestRestart(t *testing.T) {
	t.Parallel()
	files := savedFiles(t)
	truth := func(now, start time.Time) string {
		s, err := sim.New(sim.Options{
			Tenants: 3, Alerts: 100, Seed: 4, Now: (&clock{at: now}).now, Start: start, Live: 3, Changing: 0.4, Tied: 0.2, Late: 0.2,
			Replay: sim.Replay{Files: files, Move: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := s.WriteTruth(&b, sim.Scope{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	s, err := sim.New(sim.Options{
		Tenants: 3, Alerts: 100, Seed: 4, Now: (&clock{at: noon}).now, Live: 3, Changing: 0.4, Tied: 0.2, Late: 0.2, Replay: sim.Replay{Files: files, Move: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	var first strings.Builder
	if err := s.WriteTruth(&first, sim.Scope{}); err != nil {
		t.Fatal(err)
	}
	if first.String() != truth(noon, noon) {
		t.Error("a start that is named differs from the one that is not")
	}
	later := truth(noon.Add(40*time.Minute), noon)
	for line := range strings.Lines(first.String()) {
		// What was true at noon still is, though some of it was replaced since.
		line, _, _ = strings.Cut(strings.TrimSuffix(line, "}\n"), `,"replaced"`)
		if !strings.Contains(later, line) {
			t.Errorf("gone after the restart: %s", line)
		}
	}
	if a, b := strings.Count(first.String(), "\n"), strings.Count(later, "\n"); b < a+100 {
		t.Errorf("%d versions at noon, %d forty minutes later", a, b)
	}
	if _, err := sim.New(sim.Options{Now: (&clock{at: noon}).now, Start: noon.Add(time.Hour)}); err == nil {
		t.Error("a start in the future was taken")
	}
}
