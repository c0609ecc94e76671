package collect

import (
	"time"

	"tributary"
)

// seen is the set of versions that lie in the stream already, as far back as
// a window may reach. It lives in memory and is derived: rebuilt from the
// stream's headers when a worker first takes the feed, so it can't disagree
// with the stream.
type seen map[tributary.EventID]mark

type mark struct {
	updated  int64  // Unix nanoseconds
	sequence uint64 // in the stream
}

func (s seen) add(id tributary.EventID, updated time.Time, sequence uint64) {
	s[id] = mark{updated.UnixNano(), sequence}
}

func (s seen) has(id tributary.EventID) bool {
	_, ok := s[id]
	return ok
}

// forget drops the versions that no window from here on can reach.
func (s seen) forget(before time.Time) {
	limit := before.UnixNano()
	for id, m := range s {
		if m.updated < limit {
			delete(s, id)
		}
	}
}

// from is the first sequence from which the versions updated between two times
// can be rebuilt, or next if there are none.
func (s seen) from(since, until time.Time, next uint64) uint64 {
	first := next
	for _, m := range s {
		if m.updated >= since.UnixNano() && m.updated <= until.UnixNano() && m.sequence < first {
			first = m.sequence
		}
	}
	return first
}

// slack is how much further back than it is asked for the set reaches: a
// service may round the times of a filter.
const slack = 2 * time.Minute

// reach is how far back the seen-set goes.
func (c *Collector) reach(watermark time.Time) time.Time { return watermark.Add(-c.Overlap - slack) }

// far is where update times are no longer believed. A version from beyond it
// is a stray: in the seen-set it would hold the trimming for ever.
func (c *Collector) far(f *feed) time.Time { return c.Now().Add(f.clock + 24*time.Hour) }

// strays are versions that came with a window they don't lie in: the service
// reads a filter in its own way, or Microsoft tells no update time and we know
// only when the alert was made. The seen-set knows nothing of their times, so
// the stream itself is asked once. What is here lies in it, or did.
type strays struct {
	set map[tributary.EventID]struct{}
}

// mostStrays bounds the memory. Beyond it the stream is asked again.
const mostStrays = 10_000

func (s *strays) has(id tributary.EventID) bool {
	_, ok := s.set[id]
	return ok
}

func (s *strays) add(id tributary.EventID) {
	if s.set == nil || len(s.set) >= mostStrays {
		s.set = map[tributary.EventID]struct{}{}
	}
	s.set[id] = struct{}{}
}
