package alerts

import (
	"slices"
	"time"
)

// tie is a group of a company's alerts that share one update time.
type tie struct {
	updated int64
	left    int
}

// lead is how long before the start the youngest of the first alerts was made,
// so that its first version is older than the start.
const lead = 2 * time.Minute

// planned is one alert with all its versions, before it goes on the shelf.
type planned struct {
	alert   alert
	steps   []step
	updated []int64 // by version
	visible []int64
}

func (s *Set) planPast() {
	past := s.opts.Past
	if past <= 0 {
		past = 24 * time.Hour
	}
	s.alerts = make([]alert, 0, s.opts.Alerts)
	for i := range s.opts.Alerts {
		d := newDraw(s.seed, streamPlan, uint64(i))
		tenant := i
		if i >= len(s.companies) {
			tenant = s.weighted(d)
		}
		age := d.span(min(lead, past/2), past)
		updated := s.start.Add(-age).UnixNano() + s.skew.Load()
		s.shelve(s.plan(d, tenant, s.tied(d, tenant, updated-updated%int64(tick), never)), false)
	}
	for i := range s.shelves {
		for _, w := range []shows{showsGraph, showsSIEM} {
			list := s.shelves[i].of(w)
			slices.SortFunc(*list, func(a, b entry) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
			*list = slices.Clip(*list)
		}
	}
}

// plan makes up one alert whose first update time is given.
func (s *Set) plan(d *draw, tenant int, updated int64) planned {
	p := planned{alert: alert{tenant: int32(tenant), kind: weightedKind(d)}}
	p.alert.created = updated - int64(d.span(400*time.Millisecond, 90*time.Second))
	p.add(s, updated, s.delay(d))
	if !d.chance(s.opts.Changing) {
		return p
	}
	more := d.between(1, 3)
	for i := range more {
		updated += int64(d.steep(time.Minute, 8*time.Hour))
		if s.opts.Still && updated-s.skew.Load() > s.start.UnixNano() {
			break
		}
		p.steps = append(p.steps, step{updated, nextAct(d, i+2, i == more-1)})
		p.add(s, updated, s.delay(d))
	}
	return p
}

func (p *planned) add(s *Set, updated int64, delay time.Duration) {
	visible := updated - s.skew.Load() + int64(delay)
	if start := s.start.UnixNano(); s.opts.Still && visible > start {
		visible = start
	}
	p.updated = append(p.updated, updated)
	p.visible = append(p.visible, visible)
	p.alert.last = updated
	p.alert.versions++
}

// delay is how long after its update time a version can be seen.
func (s *Set) delay(d *draw) time.Duration {
	if d.chance(s.opts.Late) {
		return d.steep(time.Minute, 6*time.Hour)
	}
	if d.chance(0.5) {
		return 0
	}
	return d.span(0, 3*time.Second)
}

// tied returns the update time for a new alert: its own or, for the share that
// is tied, that of the company's open tie if it is no older than that.
func (s *Set) tied(d *draw, tenant int, updated, age int64) int64 {
	if !d.chance(s.opts.Tied) {
		return updated
	}
	t := &s.ties[tenant]
	if t.left <= 0 || updated-t.updated > age {
		t.left, t.updated = s.opts.TieSize, updated
		if t.left <= 0 {
			t.left = d.between(2, 12)
		}
	}
	t.left--
	return t.updated
}

// shelve puts a planned alert with all its versions on the company's shelf and
// returns its number. Sorted says that the shelf is in order and has to stay so.
func (s *Set) shelve(p planned, sorted bool) int {
	n := int32(len(s.alerts))
	s.alerts = append(s.alerts, p.alert)
	if len(p.steps) > 0 {
		s.history[n] = p.steps
	}
	sh := &s.shelves[p.alert.tenant]
	put := func(list *[]entry, e entry) {
		if sorted {
			*list = insert(*list, e)
		} else {
			*list = append(*list, e)
		}
	}
	show := showsGraph
	if kinds[p.alert.kind].onEndpoint() {
		show |= showsEndpoint
	}
	hidden := int64(never)
	for i := len(p.updated) - 1; i >= 0; i-- {
		put(&sh.alerts, entry{p.updated[i], p.visible[i], hidden, n, uint16(i + 1), show})
		hidden = min(hidden, p.visible[i])
	}
	if show&showsEndpoint != 0 {
		for part := range s.parts(int(n)) {
			put(&sh.detections, entry{s.partTime(int(n), part, p.updated[0]), p.visible[0], never, n, uint16(part), showsSIEM})
		}
	}
	return int(n)
}

// partTime is when the SIEM API's back end handled a part of an alert: with
// the alert itself, or a moment before.
func (s *Set) partTime(n, part int, updated int64) int64 {
	d := newDraw(s.seed, streamPart, uint64(n), uint64(part), 1)
	if part == 0 || d.chance(0.5) {
		return updated
	}
	return updated - int64(d.span(0, 300*time.Millisecond))
}

// liveTime is when the live alert of that number comes, by the true clock.
func (s *Set) liveTime(n int) int64 {
	d := newDraw(s.seed, streamLive, uint64(n))
	at := (float64(n) + d.unit()) / s.opts.Live * float64(time.Minute)
	t := s.start.UnixNano() + int64(at)
	return t - t%int64(tick)
}

// Advance lets the live alerts come that are due. Every reading call does it
// by itself.
func (s *Set) Advance(now time.Time) {
	if now.UnixNano() < s.nextLive.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.nextLive.Load() <= now.UnixNano() {
		d := newDraw(s.seed, streamLive, uint64(s.live), 1)
		at := s.nextLive.Load()
		tenant := s.weighted(d)
		p := s.plan(d, tenant, s.tied(d, tenant, at+s.skew.Load(), int64(time.Minute)))
		// One that joins an older tie still comes only now.
		p.visible[0] = max(p.visible[0], at)
		s.shelve(p, true)
		s.live++
		s.nextLive.Store(s.liveTime(s.live))
	}
}
