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

// from is the first sequence from which the versions updated at or after a
// time can be rebuilt, or next if there are none.
func (s seen) from(since time.Time, next uint64) uint64 {
	limit := since.UnixNano()
	first := next
	for _, m := range s {
		if m.updated >= limit && m.sequence < first {
			first = m.sequence
		}
	}
	return first
}
