package alerts

import (
	"slices"
	"sort"
	"time"
)

// Change makes n alerts change now: a person or an automated investigation
// does something to each. They are chosen from the alerts whose versions are
// all visible, of the given companies or (nil) of all. It returns the versions
// that came to be, one for each API that shows the alert; fewer than n alerts
// change if there are fewer.
func (s *Set) Change(now time.Time, n int, companies []int) []Version {
	s.Advance(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.scriptDraw()
	ready := s.ready(now, companies)
	var out []change
	for len(out) < n && len(ready) > 0 {
		i := d.n(len(ready))
		number := ready[i]
		ready[i] = ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		a := &s.alerts[number]
		updated := max(s.stamp(now), a.last+int64(tick))
		out = append(out, s.amend(number, step{updated, nextAct(d, int(a.versions)+1, d.chance(0.3))}, now))
	}
	return s.versions(out, now)
}

// CloseMany resolves n alerts of a company in one go, so that all get the same
// update time. Fewer are closed if there are fewer.
func (s *Set) CloseMany(now time.Time, company, n int) []Version {
	s.Advance(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	ready := s.ready(now, []int{company})
	ready = ready[:min(n, len(ready))]
	updated := s.stamp(now)
	for _, number := range ready {
		updated = max(updated, s.alerts[number].last+int64(tick))
	}
	var out []change
	for _, number := range ready {
		out = append(out, s.amend(number, step{updated, actResolve}, now))
	}
	return s.versions(out, now)
}

// Arrive makes n new alerts, of the given companies or (nil) of all, large
// ones more often.
func (s *Set) Arrive(now time.Time, n int, companies []int) []Version {
	return s.arrive(now, n, 0, companies)
}

// ArriveLate makes n alerts visible now whose update time lies by that much in
// the past.
func (s *Set) ArriveLate(now time.Time, n int, by time.Duration, companies []int) []Version {
	return s.arrive(now, n, by, companies)
}

func (s *Set) arrive(now time.Time, n int, by time.Duration, companies []int) []Version {
	if len(s.companies) == 0 || companies != nil && len(companies) == 0 {
		return nil
	}
	s.Advance(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.scriptDraw()
	var out []change
	for i := range n {
		tenant := 0
		if companies == nil {
			tenant = s.weighted(d)
		} else {
			tenant = pick(d, companies)
		}
		// Not all at one instant: that is what CloseMany is for.
		apart := time.Duration(n-1-i) * 100 * time.Microsecond
		p := planned{alert: alert{tenant: int32(tenant), kind: weightedKind(d)}}
		updated := s.stamp(now.Add(-by - apart))
		p.alert.created = updated - int64(d.span(400*time.Millisecond, 90*time.Second))
		p.add(s, updated, 0)
		p.visible[0] = now.UnixNano()
		out = append(out, change{s.shelve(p, true), 1, true})
	}
	return s.versions(out, now)
}

func (s *Set) scriptDraw() *draw {
	s.scripted++
	return newDraw(s.seed, streamScript, uint64(s.scripted))
}

// stamp is the service's time at a moment, in its own resolution.
func (s *Set) stamp(now time.Time) int64 {
	t := now.UnixNano() + s.skew.Load()
	return t - t%int64(tick)
}

// ready lists the alerts all of whose versions can be seen, in their order.
func (s *Set) ready(now time.Time, companies []int) []int {
	var out []int
	for company := range s.shelves {
		if companies != nil && !slices.Contains(companies, company) {
			continue
		}
		for _, e := range s.shelves[company].alerts {
			if e.alert >= 0 && e.seq == s.alerts[e.alert].versions && e.visible <= now.UnixNano() && s.alerts[e.alert].versions < 1<<15 {
				out = append(out, int(e.alert))
			}
		}
	}
	sort.Ints(out)
	return out
}

// change is a version that a step made; fresh says that the alert is new.
type change struct {
	number int
	seq    uint16
	fresh  bool
}

// amend gives an alert a new version now and hides the one before it.
func (s *Set) amend(number int, st step, now time.Time) change {
	n := int32(number)
	a := &s.alerts[n]
	sh := &s.shelves[a.tenant]
	old := find(sh.alerts, entry{updated: a.last, alert: n, seq: a.versions})
	// It could be read until now, even where the clock stood still.
	old.hidden, old.shows = now.UnixNano(), old.shows|wasShown
	e := *old
	e.updated, e.visible, e.hidden, e.seq, e.shows = st.updated, now.UnixNano(), never, e.seq+1, e.shows&^wasShown
	a.last = st.updated
	a.versions++
	s.history[n] = append(s.history[n], st)
	sh.alerts = insert(sh.alerts, e)
	return change{number, a.versions, false}
}

// find returns the entry of that place, which must be there.
func find(list []entry, at entry) *entry {
	return &list[sort.Search(len(list), func(i int) bool { return !list[i].before(at) })]
}

// versions tells what the APIs show of the changes. The caller holds the lock.
func (s *Set) versions(changes []change, now time.Time) []Version {
	var out []Version
	for _, c := range changes {
		a := s.alerts[c.number]
		sh := &s.shelves[a.tenant]
		entries := []entry{*find(sh.alerts, entry{updated: a.last, alert: int32(c.number), seq: c.seq})}
		if c.fresh && entries[0].shows&showsEndpoint != 0 {
			for part := range s.parts(c.number) {
				at := entry{updated: s.partTime(c.number, part, a.last), alert: int32(c.number), seq: uint16(part)}
				entries = append(entries, *find(sh.detections, at))
			}
		}
		for _, e := range entries {
			for _, source := range sources {
				if e.shows&showsOf[source] != 0 {
					out = append(out, s.version(e, int(a.tenant), showsOf[source], now))
				}
			}
		}
	}
	return out
}
