package defender

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tributary"
)

// dialect is how one of the two OData sources is asked.
type dialect struct {
	path    string // behind the service's address
	column  string // the update time, in $filter
	orderBy string // empty where the API has no $orderby
	expand  string
	pageMax int // the largest $top
	header  http.Header
	follow  bool // whether @odata.nextLink is followed inside a tie
	layout  layout
}

// query asks for the alerts of a span, from a number of them on.
func (d *dialect) query(w tributary.Window, limit, skip int, ordered bool) string {
	var conditions []string
	if !w.From.IsZero() {
		conditions = append(conditions, d.column+" ge "+from(w.From))
	}
	if !w.To.IsZero() {
		conditions = append(conditions, d.column+" le "+upTo(w.To))
	}
	var q query
	q.add("$filter", strings.Join(conditions, " and "))
	if ordered {
		q.add("$orderby", d.orderBy)
	}
	q.add("$expand", d.expand)
	q.add("$top", strconv.Itoa(limit))
	if skip > 0 {
		q.add("$skip", strconv.Itoa(skip))
	}
	return q.String()
}

// limit is the $top for a request.
func (d *dialect) limit(wanted int) int {
	if wanted <= 0 || wanted > d.pageMax {
		return d.pageMax
	}
	return wanted
}

// query is the query of an address. It writes the names as Microsoft's
// documents do, $ unescaped, and a blank as %20: not every service takes a
// plus.
type query struct{ strings.Builder }

func (q *query) add(name, value string) {
	if value == "" {
		return
	}
	if q.Len() > 0 {
		q.WriteByte('&')
	}
	q.WriteString(name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
}

// bounds are the bounds to ask for what a walk has left of a window.
func bounds(window tributary.Window, w walk) tributary.Window {
	left := w.left(window)
	if !w.Hi.IsZero() {
		// The services keep times on a grid of their own (a three-hundredth of
		// a second), shown rounded to seven decimals. A bound rounded up to
		// the next millisecond can't fall below the instant that it was read
		// from; what it takes in twice does no harm.
		left.To = ceil(left.To, time.Millisecond)
		if !window.Open() && left.To.After(window.To) {
			left.To = window.To
		}
	}
	return left
}
