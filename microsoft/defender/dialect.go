package defender

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
func (d *dialect) query(s span, limit, skip int, ordered bool) string {
	var conditions []string
	if !s.from.IsZero() {
		conditions = append(conditions, d.column+" ge "+from(s.from))
	}
	switch {
	case s.to.IsZero():
	case s.closed:
		conditions = append(conditions, d.column+" le "+upTo(s.to))
	default:
		conditions = append(conditions, d.column+" lt "+from(s.to))
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
