package defender

import (
	"errors"
	"strconv"
	"time"

	"tributary"
)

// A window may hold more alerts than a page. How it is read to its end without
// losing one, while alerts change under the reader's eyes:
//
// An alert that changes gets a new update time and moves to the newest end of
// the set. Paging by position ($skip, or a next link, which is one in disguise)
// then lets every alert behind it move up by one, and the one at the page's
// edge slips through unread. So a walk pages by time.
//
// Sorted oldest first, as it was asked for: everything before the last time of
// a page has been read, and what is left of the window begins there, that time
// included: alerts of one instant may come twice, but none stays away.
//
// In an order that couldn't be asked for: a page that looks sorted proves
// little. Sorted by creation it looks the same as long as nothing changes, and
// an old alert that changed an hour ago comes many pages later. So nothing is
// concluded from a page that is full, but for a guess where to cut. The newer
// part is asked for, and cut again until it fits into a page that is not full:
// that part has been read, whatever the order. What is left is the older part,
// up to but not including the cut. Both parts are asked for with the same time,
// "ge" in one and "lt" in the other, so there is no gap between them, however
// roughly a service reads that time. If the alerts are sorted newest first, the
// first cut fits.
//
// That leaves alerts that time can't divide: more of one instant than a page
// holds. Only there does the walk page by position. Something may slip through
// meanwhile; but only if an alert that was already read left the set, and then
// reading the same stretch again doesn't show that alert again. So such a
// stretch counts as read only when two readings of it in succession showed the
// same versions.

const (
	// maxReadings is how often a stretch is read for want of two alike.
	maxReadings = 10
	// maxPages is how many pages one reading of a stretch may have: a service
	// that always points to one more page must not hold a worker for ever.
	maxPages = 10_000
)

var (
	errRestless = errors.New("alerts with one update time changed during each of " + strconv.Itoa(maxReadings) + " readings")
	errEndless  = errors.New("the service announces page after page of one stretch without an end")
)

// order is how the update times of a stretch run.
type order string

const (
	level   order = ""        // one time only, or nothing yet
	rising  order = "rising"  // oldest first
	falling order = "falling" // newest first
	mixed   order = "mixed"
)

// walk is where the reading of one window stands. Its zero value is the beginning.
type walk struct {
	// What is left of the window: update times from Lo, included, to Hi, not
	// included. A zero bound is the window's own.
	Lo time.Time `json:"lo,omitzero"`
	Hi time.Time `json:"hi,omitzero"`
	// Cut is where the present stretch begins, if it is only the newer part of
	// what is left.
	Cut time.Time `json:"cut,omitzero"`
	// Unsorted: the service answers in an order that wasn't asked for.
	Unsorted bool `json:"unsorted,omitempty"`

	reading

	// The readings of the stretch before this one.
	Readings int    `json:"readings,omitempty"`
	Before   uint64 `json:"before,string,omitempty"` // the Sum of the last one
}

// reading is one reading of a stretch: which page of it comes next, and what
// its pages have shown so far.
type reading struct {
	Skip  int       `json:"skip,omitempty"`
	Link  string    `json:"link,omitempty"` // the query of the service's next link
	Pages int       `json:"pages,omitempty"`
	Seen  int       `json:"seen,omitempty"`
	Sum   uint64    `json:"sum,string,omitempty"` // of the versions' hashes: the same for any order
	Order order     `json:"order,omitempty"`
	Last  time.Time `json:"last,omitzero"`
	Min   time.Time `json:"min,omitzero"`
	Max   time.Time `json:"max,omitzero"`
}

// see notes one alert of a page. Timed is false for an alert whose update time
// was filled in, and says nothing about its place.
func (r *reading) see(a *tributary.Alert, timed bool) {
	r.Sum += versionHash(a, timed)
	if !timed {
		return
	}
	at := a.Updated
	if r.Last.IsZero() {
		r.Min, r.Max, r.Last = at, at, at
		return
	}
	switch c := at.Compare(r.Last); {
	case c > 0 && (r.Order == level || r.Order == rising):
		r.Order = rising
	case c < 0 && (r.Order == level || r.Order == falling):
		r.Order = falling
	case c != 0:
		r.Order = mixed
	}
	r.Last = at
	if at.Before(r.Min) {
		r.Min = at
	}
	if at.After(r.Max) {
		r.Max = at
	}
}

// step ends a page of count alerts, all of them noted. More says that the page
// was not the last one of its stretch, link is the query of the service's own
// next link if it gave one. Done means that the window has been read to its end.
func (w *walk) step(window tributary.Window, count int, more bool, link string) (done bool, err error) {
	several := w.Seen > 0 // alerts were read on an earlier page of this reading
	w.Seen += count
	w.Pages++
	advanced := !w.Unsorted && w.Order == rising && w.Last.After(w.stretch(window).from)
	if more && !advanced {
		if !w.Unsorted && (w.Order == falling || w.Order == mixed) {
			w.Unsorted, several = true, false
		}
		if cut, ok := w.cut(window); ok && w.Unsorted && !several {
			*w = walk{Lo: w.Lo, Hi: w.Hi, Cut: cut, Unsorted: true}
			return false, nil
		}
		if w.Pages >= maxPages || link != "" && link == w.Link {
			return false, errEndless
		}
		w.Skip, w.Link = w.Seen, link
		return false, nil
	}
	if several && (w.Readings == 0 || w.Sum != w.Before) {
		if w.Readings+1 >= maxReadings {
			return false, errRestless
		}
		*w = walk{Lo: w.Lo, Hi: w.Hi, Cut: w.Cut, Unsorted: w.Unsorted, Readings: w.Readings + 1, Before: w.Sum}
		return false, nil
	}
	switch {
	case more:
		*w = walk{Lo: w.Last, Hi: w.Hi}
	case !w.Cut.IsZero():
		*w = walk{Lo: w.Lo, Hi: w.Cut, Unsorted: w.Unsorted}
	default:
		return true, nil
	}
	// A service may answer with a little more than it was asked for, and lead
	// the walk out of its window.
	rest := w.stretch(window)
	return !rest.holds(rest.from), nil
}

// cut guesses where the newer part of the stretch begins that fits into a page.
// It reports false where time can't divide the stretch.
func (w *walk) cut(window tributary.Window) (time.Time, bool) {
	part := w.stretch(window)
	if w.Last.IsZero() || w.Max.Before(part.from) {
		return time.Time{}, false
	}
	next := w.Min.Add(tick) // everything on the page but its oldest instant
	if part.inside(next) && (w.Order == falling || w.Order == level) {
		return next, true
	}
	if w.Order == level {
		return w.Max, part.inside(w.Max)
	}
	low := w.Min
	if low.Before(part.from) {
		low = part.from
	}
	half := low.Add(w.Max.Sub(low) / 2).Truncate(tick)
	if !half.After(low) {
		half = low.Add(tick)
	}
	return half, part.inside(half) && !half.After(w.Max)
}

// span is what one stretch asks for.
type span struct {
	from, to time.Time
	closed   bool // to is included; otherwise not
}

// stretch is the part of the window that is being read.
func (w *walk) stretch(window tributary.Window) span {
	s := span{from: window.From, to: window.To, closed: true}
	for _, later := range []time.Time{w.Lo, w.Cut} {
		if later.After(s.from) {
			s.from = later
		}
	}
	if !w.Hi.IsZero() {
		s.to, s.closed = w.Hi, false
	}
	return s
}

// holds reports whether a time lies before the span's end.
func (s span) holds(at time.Time) bool {
	return s.to.IsZero() || at.Before(s.to) || s.closed && at.Equal(s.to)
}

// inside reports whether a time would divide the span.
func (s span) inside(at time.Time) bool { return at.After(s.from) && s.holds(at) }

// versionHash is FNV-1a over what tells one version from another.
func versionHash(a *tributary.Alert, timed bool) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(a.ID) {
		h = (h ^ uint64(a.ID[i])) * prime
	}
	if timed {
		for n := uint64(a.Updated.UnixNano()); n > 0; n >>= 8 {
			h = (h ^ n&0xff) * prime
		}
	}
	return h
}
