package alerts

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"sort"
	"time"

	"tributary"
)

// Ref is one version as one API shows it.
type Ref struct {
	e      entry
	tenant int32
	source shows
}

// Query asks for what an API shows at a moment.
type Query struct {
	Tenant int
	Source tributary.Source
	Now    time.Time // by the true clock
	// From and To bound the update time, both included; zero is no bound.
	From, To time.Time
	// Newest puts the newest first; otherwise the oldest is.
	Newest bool
	// After leaves out everything up to and including that place.
	After *Place
	// Skip leaves out that many matches, Limit ends the list; zero is no limit.
	Skip, Limit int
	// Match chooses by property; nil takes all. Get returns the value of a
	// property by the API's own name: a string, an int64, a time.Time, or nil
	// for null.
	Match func(get func(name string) any) bool
	// Count asks for the number of all matches as well.
	Count bool
}

// Found is the answer to a [Query].
type Found struct {
	Refs  []Ref
	More  bool // matches follow the last of Refs
	Total int  // all matches from the beginning, if Count was set
}

// Place is a position in the order of the entries, for the next page.
type Place struct {
	updated int64
	alert   int32
	seq     uint16
}

// Place is where the version stands.
func (r Ref) Place() Place { return Place{r.e.updated, r.e.alert, r.e.seq} }

// String is an opaque text for a URL.
func (p Place) String() string {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.updated))
	b = binary.BigEndian.AppendUint32(b, uint32(p.alert))
	return hex.EncodeToString(binary.BigEndian.AppendUint16(b, p.seq))
}

// ParsePlace reads what String wrote.
func ParsePlace(text string) (Place, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 14 {
		return Place{}, errors.New("the token is not one of ours")
	}
	return Place{int64(binary.BigEndian.Uint64(b)), int32(binary.BigEndian.Uint32(b[8:])), binary.BigEndian.Uint16(b[12:])}, nil
}

// Find lists what the API shows.
func (s *Set) Find(q Query) Found {
	s.Advance(q.Now)
	s.mu.RLock()
	defer s.mu.RUnlock()
	w := showsOf[q.Source]
	list := s.span(w, q)
	now := q.Now.UnixNano()
	var found Found
	skip := q.Skip
	for i := range list {
		e := &list[i]
		if q.Newest {
			e = &list[len(list)-1-i]
		}
		if e.shows&w == 0 || e.visible > now || e.hidden <= now {
			continue
		}
		r := Ref{*e, int32(q.Tenant), w}
		if q.Match != nil && !q.Match(func(name string) any { return s.property(r, name) }) {
			continue
		}
		found.Total++
		if q.After != nil && !past(*e, *q.After, q.Newest) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if q.Limit > 0 && len(found.Refs) == q.Limit {
			found.More = true
			if !q.Count {
				break
			}
			continue
		}
		found.Refs = append(found.Refs, r)
	}
	return found
}

func past(e entry, p Place, newest bool) bool {
	at := entry{updated: p.updated, alert: p.alert, seq: p.seq}
	if newest {
		return e.before(at)
	}
	return at.before(e)
}

// span is the part of the shelf that the query's times can touch. The caller
// holds the lock.
func (s *Set) span(w shows, q Query) []entry {
	if q.Tenant < 0 || q.Tenant >= len(s.shelves) {
		return nil
	}
	list := *s.shelves[q.Tenant].of(w)
	from, to := 0, len(list)
	if !q.From.IsZero() {
		ns := q.From.UnixNano()
		from = sort.Search(len(list), func(i int) bool { return list[i].updated >= ns })
	}
	if !q.To.IsZero() {
		ns := q.To.UnixNano()
		to = sort.Search(len(list), func(i int) bool { return list[i].updated > ns })
	}
	// The total counts what lies before the page as well.
	if q.After != nil && !q.Count {
		at := entry{updated: q.After.updated, alert: q.After.alert, seq: q.After.seq}
		i := sort.Search(len(list), func(i int) bool { return !list[i].before(at) })
		if q.Newest {
			to = min(to, i)
		} else {
			from = max(from, i)
		}
	}
	if from >= to {
		return nil
	}
	return list[from:to]
}

// One returns the newest visible version of the alert of that id.
func (s *Set) One(tenant int, source tributary.Source, now time.Time, id string) (Ref, bool) {
	found := s.Find(Query{
		Tenant: tenant, Source: source, Now: now, Newest: true, Limit: 1,
		Match: func(get func(string) any) bool { return get("id") == any(id) },
	})
	if len(found.Refs) == 0 {
		return Ref{}, false
	}
	return found.Refs[0], true
}

// Shape is how a client wants bodies.
type Shape struct {
	// KnownMembers writes the newer members of evolvable enumerations as
	// unknownFutureValue (Graph without Prefer: include-unknown-enum-members).
	KnownMembers bool
	// Evidence is Defender's $expand=evidence.
	Evidence bool
	// Select names the members to keep; nil keeps all.
	Select []string
}

// Render appends the body of a version to dst. The same version in the same
// shape has the same bytes every time.
func (s *Set) Render(dst []byte, r Ref, shape Shape) []byte {
	if shape.Select != nil {
		names := shape.Select
		shape.Select = nil
		return append(dst, selectMembers(s.Render(nil, r, shape), names)...)
	}
	s.mu.RLock()
	if r.e.alert < 0 {
		raw := s.recording(r.e).Raw
		s.mu.RUnlock()
		if r.source == showsEndpoint && !shape.Evidence {
			raw = withoutEvidence(raw)
		}
		return append(dst, raw...)
	}
	n := int(r.e.alert)
	a, history := s.alerts[n], slices.Clip(s.history[r.e.alert])
	s.mu.RUnlock()

	f := s.facts(n, a)
	switch r.source {
	case showsGraph:
		return renderGraph(dst, f, s.stateOf(n, a, int(r.e.seq), history), r.e.updated, shape.KnownMembers)
	case showsEndpoint:
		return renderEndpoint(dst, f, s.stateOf(n, a, int(r.e.seq), history), r.e.updated, shape.Evidence)
	default:
		return s.renderDetection(dst, f, s.stateOf(n, a, 1, nil), n, r.e)
	}
}
