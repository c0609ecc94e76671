package defender

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary"
)

// entry is an alert that a book holds.
type entry struct {
	id      string
	updated time.Time
}

func (e entry) version() string { return e.id + " " + e.updated.Format(literal) }

// book is a strict stand-in for the two OData sources. It answers only
// questions that Microsoft documents or is known to answer, and fails the test
// on any other. Its alerts may change before each request.
type book struct {
	t      *testing.T
	source tributary.Source

	mu      sync.Mutex
	entries []entry
	before  func(b *book, request int) // changes the book

	ascending  bool // sorted oldest first when not asked
	deaf       bool // ignores $orderby
	refuse     bool // answers 400 to $orderby
	linked     bool // gives next links
	foreign    string
	emptyFirst bool // the first page of a link chain is empty
	clamp      int  // the largest page it gives, whatever was asked
	shuffled   bool // sorted by nothing
	byCreation bool // sorted by creation, newest first
	coarse     bool // cuts the bounds of filters to milliseconds
	requests   int
}

var (
	odataFilter = regexp.MustCompile(`^(?:(\w+) ge (\S+))?(?: and )?(?:(\w+) (le|lt) (\S+))?$`)
	odataTime   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$`)
)

func (b *book) bound(column, text string) time.Time {
	want := "lastUpdateDateTime"
	if b.source == tributary.SourceEndpoint {
		want = "lastUpdateTime"
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if column != want || !odataTime.MatchString(text) || err != nil {
		b.t.Errorf("a filter on %q with the time %q", column, text)
	}
	if b.coarse {
		at = at.Truncate(time.Millisecond)
	}
	return at
}

// ServeHTTP answers one page.
func (b *book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests++
	if b.before != nil {
		b.before(b, b.requests)
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method != http.MethodGet || strings.Contains(r.URL.RawQuery, "+") && !q.Has("$skiptoken") {
		b.t.Errorf("%s with the query %q: %v", r.Method, r.URL.RawQuery, err)
	}
	path, header, most := "/graph/v1.0/security/alerts_v2", "include-unknown-enum-members", 1000
	if b.source == tributary.SourceEndpoint {
		path, header, most = "/mde/api/alerts", "", 10_000
	}
	if r.URL.Path != path || r.Header.Get("Prefer") != header {
		b.t.Errorf("path %q, Prefer %q", r.URL.Path, r.Header.Get("Prefer"))
	}
	for name, values := range q {
		if len(values) != 1 || !slices.Contains([]string{"$filter", "$orderby", "$expand", "$top", "$skip", "$skiptoken"}, name) {
			b.t.Errorf("%s given %d times", name, len(values))
		}
	}
	if want := map[bool]string{true: "evidence"}[b.source == tributary.SourceEndpoint]; q.Get("$expand") != want {
		b.t.Errorf("$expand=%q", q.Get("$expand"))
	}
	ascending := b.ascending
	if order := q.Get("$orderby"); order != "" {
		if order != "lastUpdateDateTime asc" || b.source != tributary.SourceGraph {
			b.t.Errorf("$orderby=%q", order)
		}
		if b.refuse {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"code":"BadRequest","message":"The query specified in the URI is not valid.","innerError":{"request-id":"r-1"}}}`)
			return
		}
		ascending = ascending || !b.deaf
	}

	found := slices.Clone(b.entries)
	m := odataFilter.FindStringSubmatch(q.Get("$filter"))
	if m == nil {
		b.t.Errorf("$filter=%q", q.Get("$filter"))
		return
	}
	if m[1] != "" {
		from := b.bound(m[1], m[2])
		found = slices.DeleteFunc(found, func(e entry) bool { return e.updated.Before(from) })
	}
	if m[3] != "" {
		to := b.bound(m[3], m[5])
		found = slices.DeleteFunc(found, func(e entry) bool {
			return e.updated.After(to) || m[4] == "lt" && e.updated.Equal(to)
		})
	}
	slices.SortFunc(found, func(x, y entry) int {
		c := x.updated.Compare(y.updated)
		if !ascending {
			c = -c
		}
		if b.shuffled {
			c = cmp.Compare(versionHash(&tributary.Alert{Version: tributary.Version{ID: x.id}}, false), versionHash(&tributary.Alert{Version: tributary.Version{ID: y.id}}, false))
		}
		if b.byCreation {
			return strings.Compare(y.id, x.id) // they are numbered as they were made
		}
		return cmp.Or(c, strings.Compare(x.id, y.id))
	})

	top, err := strconv.Atoi(q.Get("$top"))
	if err != nil || top < 1 || top > most {
		b.t.Errorf("$top=%q", q.Get("$top"))
	}
	if b.clamp > 0 {
		top = min(top, b.clamp)
	}
	start := 0
	for _, name := range []string{"$skip", "$skiptoken"} {
		if text := q.Get(name); text != "" {
			if start, err = strconv.Atoi(text); err != nil {
				b.t.Errorf("%s=%q", name, text)
			}
		}
	}
	if b.emptyFirst && start == 0 && q.Get("$skiptoken") == "" {
		top = 0
	}
	end := min(start+top, len(found))
	found, more := found[min(start, end):end], end < len(found)

	fmt.Fprint(w, `{"@odata.context":"c",`)
	if more && b.linked {
		q.Del("$skip")
		q.Set("$skiptoken", strconv.Itoa(end))
		link := "https://" + r.Host + path + "?" + q.Encode()
		if b.foreign != "" {
			link = b.foreign
		}
		fmt.Fprintf(w, `"@odata.nextLink":%q,`, link)
	}
	fmt.Fprint(w, `"value":[`)
	for i, e := range found {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		at := e.updated.Format("2006-01-02T15:04:05.9999999Z")
		if b.source == tributary.SourceEndpoint {
			fmt.Fprintf(w, `{"id":%q,"severity":"Low","alertCreationTime":"2026-11-01T00:00:00Z","lastUpdateTime":%q}`, e.id, at)
		} else {
			fmt.Fprintf(w, `{"id":%q,"severity":"low","createdDateTime":"2026-11-01T00:00:00Z","lastUpdateDateTime":%q}`, e.id, at)
		}
	}
	fmt.Fprint(w, `]}`)
}

// fill puts n alerts into the book, each `ties` of them with one update time,
// step apart and ending before noon.
func (b *book) fill(n, ties int, step time.Duration) {
	for i := range n {
		at := noon.Add(-time.Duration(n/ties-i/ties+1) * step)
		b.entries = append(b.entries, entry{fmt.Sprintf("da%05d_1", i), at})
	}
}

// touch gives an alert a later update time.
func (b *book) touch(i int, at time.Time) { b.entries[i].updated = at }

// versions are those of alerts, without repeats, sorted.
func versions(alerts []tributary.Alert) []string {
	var list []string
	for _, a := range alerts {
		list = append(list, entry{a.ID, a.Updated}.version())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (b *book) versions() []string {
	var list []string
	for _, e := range b.entries {
		list = append(list, e.version())
	}
	slices.Sort(list)
	return slices.Compact(list)
}
