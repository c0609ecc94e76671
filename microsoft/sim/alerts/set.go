package alerts

import (
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"tributary"
)

// Options plan a [Set].
type Options struct {
	Seed      uint64
	Companies []Company
	// Alerts is how many there are at the start, over all companies: unevenly
	// spread, but each company has one if there are enough.
	Alerts int
	// Start is the beginning by the true clock. The first alerts lie in the
	// Past before it.
	Start time.Time
	Past  time.Duration
	// Live is how many alerts a minute come after the start, over all companies.
	Live float64
	// Changing, Tied and Late are shares of the alerts, from 0 to 1: those that
	// change later, those that share their update time with others of the same
	// company, and those that become visible a minute to six hours after their
	// update time.
	Changing, Tied, Late float64
	// TieSize is how many alerts share one update time. Zero means 2 to 12.
	TieSize int
	// Still leaves out everything that would happen by itself after the start:
	// changes that would come later don't, and late alerts are there at once.
	Still bool
	// Skew is how far the service's clock is ahead of the true one.
	Skew time.Duration
}

// Set is the alerts of all companies. It is safe for concurrent use.
type Set struct {
	seed      uint64
	companies []Company
	start     time.Time
	opts      Options

	skew     atomic.Int64 // the service's clock minus the true clock, in nanoseconds
	nextLive atomic.Int64 // when the next live alert comes, by the true clock

	mu       sync.RWMutex
	alerts   []alert
	history  map[int32][]step // of the alerts that changed
	shelves  []shelf          // by company
	recorded []Recorded
	weights  []float64 // running sums over companies
	ties     []tie     // by company
	live     int       // live alerts so far
	scripted int       // scripted alerts so far
}

// alert is what is remembered of an alert that was generated.
type alert struct {
	created  int64 // service's clock, as all times inside alerts
	last     int64 // update time of its newest version
	tenant   int32
	kind     uint16
	versions uint16
}

// entry is one version on the shelf of a company.
type entry struct {
	updated int64
	visible int64  // by the true clock
	hidden  int64  // by the true clock: when a newer version took its place
	alert   int32  // number in Set.alerts; negative: see Set.recording
	seq     uint16 // version, from 1; of a detection: its part, from 0
	shows   shows
}

// shows says which APIs an entry is for, and whether it is known to have shown.
type shows uint8

const (
	showsGraph shows = 1 << iota
	showsEndpoint
	showsSIEM
	wasShown // a step replaced it, so it could be read until then
)

var showsOf = map[tributary.Source]shows{
	tributary.SourceGraph: showsGraph, tributary.SourceEndpoint: showsEndpoint, tributary.SourceSIEM: showsSIEM,
}

var sourceOf = map[shows]tributary.Source{
	showsGraph: tributary.SourceGraph, showsEndpoint: tributary.SourceEndpoint, showsSIEM: tributary.SourceSIEM,
}

const never = math.MaxInt64

// shelf holds a company's entries in the order of [entry.before].
type shelf struct {
	alerts     []entry // Graph and Defender
	detections []entry // SIEM
}

func (sh *shelf) of(w shows) *[]entry {
	if w == showsSIEM {
		return &sh.detections
	}
	return &sh.alerts
}

// before is the one order of entries: by update time, then by number, so that
// it is the same every time although many share a time.
func (e entry) before(o entry) bool {
	if e.updated != o.updated {
		return e.updated < o.updated
	}
	if e.alert != o.alert {
		return e.alert < o.alert
	}
	return e.seq < o.seq
}

// insert puts an entry in its place. Most belong at the end.
func insert(list []entry, e entry) []entry {
	i := len(list)
	if i > 0 && e.before(list[i-1]) {
		i = sort.Search(len(list), func(i int) bool { return e.before(list[i]) })
	}
	list = append(list, entry{})
	copy(list[i+1:], list[i:])
	list[i] = e
	return list
}

// NewSet plans the alerts.
func NewSet(o Options) *Set {
	s := &Set{
		seed: o.Seed, companies: o.Companies, start: o.Start, opts: o,
		history: map[int32][]step{},
		shelves: make([]shelf, len(o.Companies)), ties: make([]tie, len(o.Companies)),
	}
	s.SetSkew(o.Skew)
	s.nextLive.Store(never)
	sum := 0.0
	for i := range o.Companies {
		// A few customers are large, most are small.
		d := newDraw(o.Seed, streamTenant, uint64(i), 2)
		sum += 0.3 + 6*d.unit()*d.unit()*d.unit()
		s.weights = append(s.weights, sum)
	}
	if len(o.Companies) == 0 {
		return s
	}
	s.planPast()
	if o.Live > 0 && !o.Still {
		s.nextLive.Store(s.liveTime(0))
	}
	return s
}

// SetSkew changes the service's clock from now on. Alerts that exist keep
// their times.
func (s *Set) SetSkew(skew time.Duration) { s.skew.Store(int64(skew.Truncate(tick))) }

// Clock is the service's clock at a moment of the true one.
func (s *Set) Clock(now time.Time) time.Time { return now.Add(time.Duration(s.skew.Load())) }

// weighted is a company, large ones more often.
func (s *Set) weighted(d *draw) int {
	return min(sort.SearchFloat64s(s.weights, d.unit()*s.weights[len(s.weights)-1]), len(s.companies)-1)
}

func weightedKind(d *draw) uint16 {
	n := d.n(kindWeights[len(kindWeights)-1])
	return uint16(sort.SearchInts(kindWeights, n+1))
}
