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
// edge slips through unread. So a walk pages by time. The page itself shows
// which way it is sorted, whatever was asked for: if it ends later than it
// began, everything before its last time has been read, and what is left begins
// there; if it ends earlier, what is left ends there. The bound is inclusive,
// so alerts of the same instant come twice rather than never. Each step makes
// what is left smaller, and a change elsewhere can't disturb it.
//
// That leaves the page whose alerts all have one update time. Only there does
// the walk page by position, until the times move on. Something may have
// slipped through meanwhile: but only if an alert that was already read left
// the set, and then reading the same stretch again doesn't show that alert
// again. So such a stretch counts as read only when two readings of it in
// succession showed the same versions.

const (
	// maxReadings is how often a stretch is read for want of two alike.
	maxReadings = 10
	// maxPages is how many pages one reading of a stretch may have: a service
	// that always points to one more page must not hold a worker for ever.
	maxPages = 10_000
)

var (
	errUnsorted = errors.New("the alerts of a full page are not sorted by update time, so the rest can't be asked for")
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
	// What is left of the window: update times from Lo to Hi, both included. A
	// zero bound is the window's own.
	Lo time.Time `json:"lo,omitzero"`
	Hi time.Time `json:"hi,omitzero"`

	// The reading of the present stretch: which page of it comes next, and
	// what its pages have shown so far.
	Skip  int       `json:"skip,omitempty"`
	Link  string    `json:"link,omitempty"` // the query of the service's next link
	Order order     `json:"order,omitempty"`
	Last  time.Time `json:"last,omitzero"`
	Pages int       `json:"pages,omitempty"`
	Seen  int       `json:"seen,omitempty"`
	Sum   uint64    `json:"sum,string,omitempty"` // of the versions' hashes: the same for any order

	// The readings of the stretch before this one.
	Readings int    `json:"readings,omitempty"`
	Before   uint64 `json:"before,string,omitempty"` // the Sum of the last one
}

// see notes one alert of a page. Timed is false for an alert whose place in the
// order is not known.
func (w *walk) see(a *tributary.Alert, timed bool) {
	w.Sum += versionHash(a)
	if !timed {
		return
	}
	if !w.Last.IsZero() {
		switch c := a.Updated.Compare(w.Last); {
		case c > 0 && (w.Order == level || w.Order == rising):
			w.Order = rising
		case c < 0 && (w.Order == level || w.Order == falling):
			w.Order = falling
		case c != 0:
			w.Order = mixed
		}
	}
	w.Last = a.Updated
}

// step ends a page of count alerts, all of them noted. More says that the page
// was not the last one, link is the query of the service's own next link if it
// gave one. Done means that the window has been read to its end.
func (w *walk) step(window tributary.Window, count int, more bool, link string) (done bool, err error) {
	several := w.Seen > 0 // alerts were read on an earlier page of this reading
	w.Seen += count
	w.Pages++
	if more && !w.advances(window) {
		if w.Order == mixed {
			return false, errUnsorted
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
		*w = walk{Lo: w.Lo, Hi: w.Hi, Readings: w.Readings + 1, Before: w.Sum}
		return false, nil
	}
	if !more {
		return true, nil
	}
	if w.Order == rising {
		*w = walk{Lo: w.Last, Hi: w.Hi}
	} else {
		*w = walk{Lo: w.Lo, Hi: w.Last}
	}
	return w.over(window), nil
}

// advances reports whether what has been read of the stretch makes what is left
// of the window smaller.
func (w *walk) advances(window tributary.Window) bool {
	switch left := w.left(window); w.Order {
	case rising:
		return w.Last.After(left.From)
	case falling:
		return left.Open() || w.Last.Before(left.To)
	}
	return false
}

// left is the part of the window that is still to be read.
func (w *walk) left(window tributary.Window) tributary.Window {
	if w.Lo.After(window.From) {
		window.From = w.Lo
	}
	if !w.Hi.IsZero() && (window.Open() || w.Hi.Before(window.To)) {
		window.To = w.Hi
	}
	return window
}

// over reports whether nothing is left: a service may answer with a little more
// than it was asked for.
func (w *walk) over(window tributary.Window) bool {
	left := w.left(window)
	return !left.Open() && left.To.Before(left.From)
}

// versionHash is FNV-1a over what tells one version from another.
func versionHash(a *tributary.Alert) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(a.ID) {
		h = (h ^ uint64(a.ID[i])) * prime
	}
	for n := uint64(a.Updated.UnixNano()); n > 0; n >>= 8 {
		h = (h ^ n&0xff) * prime
	}
	return h
}
