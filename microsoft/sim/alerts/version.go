package alerts

import (
	"iter"
	"slices"
	"time"

	"tributary"
)

// Version is one alert version as one API showed it.
type Version struct {
	tributary.Version
	Company int       // number in Options.Companies
	Visible time.Time // since when the API showed it, by the true clock
	// Replaced is when a newer version took its place, by the true clock; zero
	// while it is the newest.
	Replaced time.Time
}

// sources in the order of the truth.
var sources = []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint, tributary.SourceSIEM}

// Truth lists every version that an API showed at some moment between the
// start and now. A version that was replaced before the start, or that never
// showed because a newer one came to be seen first, is not one of them.
// Companies and only choose; nil means all.
func (s *Set) Truth(now time.Time, companies []int, only []tributary.Source) iter.Seq[Version] {
	return func(yield func(Version) bool) {
		s.Advance(now)
		for company := range s.shelves {
			if companies != nil && !slices.Contains(companies, company) {
				continue
			}
			s.mu.RLock()
			shelf := shelf{slices.Clone(s.shelves[company].alerts), slices.Clone(s.shelves[company].detections)}
			s.mu.RUnlock()
			for _, source := range sources {
				if only != nil && !slices.Contains(only, source) {
					continue
				}
				w := showsOf[source]
				for _, e := range *shelf.of(w) {
					if e.shows&w == 0 || !s.showed(e, now) {
						continue
					}
					s.mu.RLock()
					v := s.version(e, company, w, now)
					s.mu.RUnlock()
					if !yield(v) {
						return
					}
				}
			}
		}
	}
}

// showed reports whether the entry was visible at some moment from the start to now.
func (s *Set) showed(e entry, now time.Time) bool {
	return e.visible <= now.UnixNano() && (e.shows&wasShown != 0 || e.hidden > max(e.visible, s.start.UnixNano()))
}

// version tells an entry as an API shows it. The caller holds the lock.
func (s *Set) version(e entry, company int, w shows, now time.Time) Version {
	v := Version{Company: company, Visible: time.Unix(0, e.visible).UTC()}
	if e.hidden <= now.UnixNano() {
		v.Replaced = time.Unix(0, e.hidden).UTC()
	}
	v.TenantID = s.companies[company].ID
	v.Source = sourceOf[w]
	v.Updated = time.Unix(0, e.updated).UTC()
	switch {
	case e.alert < 0:
		v.ID = s.recording(e).ID
	case w == showsSIEM:
		v.ID = s.detectionVersionID(e)
	default:
		v.ID, _ = s.alertID(int(e.alert), s.alerts[e.alert])
	}
	return v
}
