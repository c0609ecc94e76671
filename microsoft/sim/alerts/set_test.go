package alerts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
	"unsafe"

	"tributary"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func companies(n int) []Company {
	var list []Company
	for i := range n {
		list = append(list, Company{ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", i), Domain: fmt.Sprintf("contoso%d.com", i)})
	}
	return list
}

// lively is a set in which everything occurs.
func lively(seed uint64, n int) Options {
	return Options{
		Seed: seed, Companies: companies(5), Alerts: n, Start: noon, Past: 24 * time.Hour,
		Changing: 0.3, Tied: 0.1, Late: 0.1,
	}
}

func everything(s *Set, source tributary.Source, now time.Time) []Ref {
	var out []Ref
	for company := range s.companies {
		out = append(out, s.Find(Query{Tenant: company, Source: source, Now: now}).Refs...)
	}
	return out
}

// TestSameSeedSameBytes renders everything twice from two sets and compares.
func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	body := func(seed uint64) []byte {
		s := NewSet(lively(seed, 400))
		var b []byte
		for _, source := range sources {
			for _, r := range everything(s, source, noon) {
				once, twice := s.Render(nil, r, Shape{Evidence: true}), s.Render(nil, r, Shape{Evidence: true})
				if !bytes.Equal(once, twice) {
					t.Fatalf("one version rendered in two ways:\n%s\n%s", once, twice)
				}
				b = append(b, once...)
			}
		}
		return b
	}
	first := body(1)
	if !bytes.Equal(first, body(1)) {
		t.Error("the same seed gave other bytes")
	}
	if bytes.Equal(first, body(2)) {
		t.Error("another seed gave the same bytes")
	}
}

func TestAlertsAreSpreadUnevenlyAndIDsAreUnique(t *testing.T) {
	t.Parallel()
	s := NewSet(lively(3, 3000))
	var counts []int
	for company := range s.companies {
		ids := map[string]bool{}
		for _, e := range s.shelves[company].alerts {
			id, _ := s.alertID(int(e.alert), s.alerts[e.alert])
			ids[id] = true
		}
		counts = append(counts, len(ids))
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	if total != 3000 {
		t.Errorf("%d distinct ids, want 3000", total)
	}
	if most, least := slices.Max(counts), slices.Min(counts); least == 0 || most < least*3/2 {
		t.Errorf("spread %v: want an uneven one without gaps", counts)
	}
}

// TestMemoryPerAlert counts what a set keeps for each alert.
func TestMemoryPerAlert(t *testing.T) {
	t.Parallel()
	o := lively(1, 20_000)
	s := NewSet(o)
	bytes := cap(s.alerts) * int(unsafe.Sizeof(alert{}))
	for _, sh := range s.shelves {
		bytes += (cap(sh.alerts) + cap(sh.detections)) * int(unsafe.Sizeof(entry{}))
	}
	for _, steps := range s.history {
		bytes += cap(steps)*int(unsafe.Sizeof(step{})) + 48 // and its place in the map
	}
	if per := bytes / o.Alerts; per > 200 {
		t.Errorf("%d bytes for each alert, want at most 200", per)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	o := lively(5, 6000)
	s := NewSet(o)
	late, changed, tied := 0, 0, 0
	for _, sh := range s.shelves {
		for i, e := range sh.alerts {
			if e.visible < e.updated {
				t.Fatalf("visible %v before its update time %v", e.visible, e.updated)
			}
			delay := time.Duration(e.visible - e.updated)
			if delay > 6*time.Hour {
				t.Fatalf("late by %v", delay)
			}
			if e.seq == 1 && delay >= time.Minute {
				late++
			}
			if e.seq == 2 {
				changed++
			}
			if i > 0 && sh.alerts[i-1].updated == e.updated || i+1 < len(sh.alerts) && sh.alerts[i+1].updated == e.updated {
				tied++
			}
		}
	}
	for _, c := range []struct {
		what string
		got  int
		want float64
	}{{"late", late, o.Late}, {"changed", changed, o.Changing}, {"tied", tied, o.Tied}} {
		if share := float64(c.got) / float64(o.Alerts); share < c.want*0.85 || share > c.want*1.15 {
			t.Errorf("%s: a share of %.3f, want about %.3f", c.what, share, c.want)
		}
	}
}

func TestTieSize(t *testing.T) {
	t.Parallel()
	o := lively(1, 3000)
	o.Tied, o.TieSize, o.Changing, o.Companies = 1, 1200, 0, companies(1)
	groups := map[int64]int{}
	for _, e := range NewSet(o).shelves[0].alerts {
		groups[e.updated]++
	}
	var sizes []int
	for _, n := range groups {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	if !slices.Equal(sizes, []int{600, 1200, 1200}) {
		t.Errorf("ties of %v, want 1200, 1200 and the rest", sizes)
	}
}

// TestStill checks that a still set shows the same now and a day later, and all
// its alerts from the start.
func TestStill(t *testing.T) {
	t.Parallel()
	o := lively(1, 500)
	o.Still, o.Live = true, 100
	s := NewSet(o)
	for _, source := range sources {
		if now, later := everything(s, source, noon), everything(s, source, noon.Add(24*time.Hour)); !slices.Equal(now, later) {
			t.Errorf("%s: %d versions at the start, %d others a day later", source, len(now), len(later))
		}
	}
	if n := len(everything(s, tributary.SourceGraph, noon)); n != o.Alerts {
		t.Errorf("%d alerts at the start, want %d", n, o.Alerts)
	}
	seen := 0
	for v := range s.Truth(noon, nil, nil) {
		seen++
		if !v.Replaced.IsZero() || v.Updated.After(noon) {
			t.Fatalf("a version that nobody can read is in the truth: %+v", v)
		}
	}
	if want := len(everything(s, "graph", noon)) + len(everything(s, "endpoint", noon)) + len(everything(s, "siem", noon)); seen != want {
		t.Errorf("truth of %d versions, the APIs show %d", seen, want)
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	o := lively(1, 0)
	o.Live, o.Late = 30, 0
	a, b := NewSet(o), NewSet(o)
	later := noon.Add(20 * time.Minute)
	for minute := range 20 { // looked at often
		everything(a, tributary.SourceGraph, noon.Add(time.Duration(minute)*time.Minute))
	}
	got, want := everything(a, tributary.SourceGraph, later), everything(b, tributary.SourceGraph, later) // looked at once
	if !slices.Equal(got, want) {
		t.Error("what came depends on how often it was looked at")
	}
	if n := len(a.alerts); n < 590 || n > 610 {
		t.Errorf("%d alerts in 20 minutes at 30 a minute", n)
	}
	for _, r := range got {
		if r.e.visible < r.e.updated-a.skew.Load() || r.e.visible > later.UnixNano() {
			t.Fatalf("visible at %v, updated %v", time.Unix(0, r.e.visible).UTC(), time.Unix(0, r.e.updated).UTC())
		}
	}
}

func TestSkewMovesTimesButNotVisibility(t *testing.T) {
	t.Parallel()
	o := lively(1, 300)
	plain := NewSet(o)
	o.Skew = 5*time.Minute + 3
	skewed := NewSet(o)
	p, k := everything(plain, tributary.SourceGraph, noon), everything(skewed, tributary.SourceGraph, noon)
	if len(p) != len(k) {
		t.Fatalf("%d and %d visible", len(p), len(k))
	}
	for i := range p {
		if d := time.Duration(k[i].e.updated - p[i].e.updated); d != 5*time.Minute {
			t.Fatalf("update time moved by %v", d)
		}
		if p[i].e.visible != k[i].e.visible {
			t.Fatal("visibility moved with the clock's skew")
		}
	}
	skewed.SetSkew(-time.Hour)
	if v := skewed.Arrive(noon, 1, nil)[0]; v.Updated != noon.Add(-time.Hour) || v.Visible != noon {
		t.Errorf("after a change of the skew: updated %v, visible %v", v.Updated, v.Visible)
	}
}

func TestSteepReachesItsWholeRange(t *testing.T) {
	t.Parallel()
	d := newDraw(1)
	low, high := time.Minute, 6*time.Hour
	least, most, short := high, low, 0
	for range 5000 {
		v := d.steep(low, high)
		if v < low || v >= high || v%tick != 0 {
			t.Fatalf("%v is not in [%v, %v) or no whole tick", v, low, high)
		}
		least, most = min(least, v), max(most, v)
		if v < 30*time.Minute {
			short++
		}
	}
	if least > 65*time.Second || most < 5*time.Hour+30*time.Minute || short < 2000 {
		t.Errorf("from %v to %v, %d of 5000 below half an hour", least, most, short)
	}
}

func TestPlaceSurvivesText(t *testing.T) {
	t.Parallel()
	for _, p := range []Place{{}, {updated: noon.UnixNano(), alert: 7, seq: 3}, {updated: -1, alert: -9, seq: 65535}} {
		if got, err := ParsePlace(p.String()); err != nil || got != p {
			t.Errorf("%+v came back as %+v, %v", p, got, err)
		}
	}
	for _, text := range []string{"", "zz", "00", "X'0'"} {
		if _, err := ParsePlace(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func valid(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return v
}
