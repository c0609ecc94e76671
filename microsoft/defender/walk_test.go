package defender

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
)

// newBook starts a server with a book.
func newBook(t *testing.T, source tributary.Source) (*book, *script) {
	t.Helper()
	b := &book{t: t, source: source}
	return b, serve(t, b.ServeHTTP)
}

func missing(want, got []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(v string) bool { return slices.Contains(got, v) })
}

// A still set comes whole, whatever the order of the answers and the size of
// the pages, with ties that are larger than a page.
func TestWalkReadsAll(t *testing.T) {
	t.Parallel()
	shapes := map[string]func(*book){
		"as asked":     func(*book) {},
		"linked":       func(b *book) { b.linked = true },
		"deaf":         func(b *book) { b.deaf = true },
		"deaf, linked": func(b *book) { b.deaf, b.linked = true, true },
		"refusing":     func(b *book) { b.refuse = true },
		"clamped":      func(b *book) { b.linked, b.clamp = true, 3 },
		"empty first":  func(b *book) { b.linked, b.emptyFirst = true, true },
		"ascending":    func(b *book) { b.ascending = true },
		"coarse":       func(b *book) { b.coarse = true },
		"deaf, coarse": func(b *book) { b.deaf, b.coarse = true, true },
		"shuffled":     func(b *book) { b.shuffled = true },
	}
	for _, source := range []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint} {
		for name, shape := range shapes {
			if source == tributary.SourceEndpoint && (name == "clamped" || name == "empty first") {
				continue // it has no next links that could tell
			}
			t.Run(string(source)+" "+name, func(t *testing.T) {
				t.Parallel()
				b, s := newBook(t, source)
				shape(b)
				r := s.reader(t, source)
				for _, ties := range []int{1, 6, 20} {
					b.entries = nil
					step := 170 * time.Millisecond
					if b.coarse {
						step = 130 * time.Microsecond
					}
					b.fill(20, ties, step)
					for _, limit := range []int{1, 3, 19, 20, 21, 0} {
						if b.shuffled && source == tributary.SourceGraph && limit > 0 && limit < 19 {
							continue // a few shuffled alerts may look sorted as they were asked to be
						}
						windows := []tributary.Window{hour}
						if limit == 3 {
							windows = append(windows, tributary.Window{From: hour.From}, tributary.Window{})
						}
						for _, w := range windows {
							got, pages := window(t, r, tributary.Request{Window: w, Limit: limit})
							if lost := missing(b.versions(), versions(got)); len(lost) > 0 {
								t.Fatalf("ties of %d, pages of %d, window %v: lost %q", ties, limit, w, lost)
							}
							checkThrough(t, b, w, pages, got)
						}
					}
				}
			})
		}
	}
}

// checkThrough proves each page's promise: what lies before Through has come.
func checkThrough(t *testing.T, b *book, w tributary.Window, pages []tributary.Page, got []tributary.Alert) {
	t.Helper()
	came := 0
	for i, p := range pages {
		came += p.Count
		seen := versions(got[:came])
		for _, e := range b.entries {
			if e.updated.Before(p.Through) && !slices.Contains(seen, e.version()) {
				t.Fatalf("page %d of %d promises all before %v, but %s had not come", i+1, len(pages), p.Through, e.version())
			}
		}
	}
	if last := pages[len(pages)-1]; !w.Open() && !last.Through.Equal(w.To) {
		t.Errorf("the last page promises %v, not the window's end", last.Through)
	}
}

// An ascending walk tells after each page how far it has come; a descending one
// can't before its end.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	for _, source := range []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint} {
		b, s := newBook(t, source)
		b.fill(20, 1, time.Second)
		_, pages := window(t, s.reader(t, source), tributary.Request{Window: hour, Limit: 5})
		if len(pages) < 4 {
			t.Fatalf("%s: %d pages", source, len(pages))
		}
		for i, p := range pages[:len(pages)-1] {
			if want := source == tributary.SourceGraph; p.Through.IsZero() == want {
				t.Errorf("%s: page %d reaches through %v", source, i+1, p.Through)
			}
			if !p.Served.Equal(noon) {
				t.Errorf("%s: served at %v, not at the time of the Date header", source, p.Served)
			}
		}
	}
}

// Paging costs few requests: one for each page that brings something new.
func TestWalkIsFrugal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source tributary.Source
		n      int
		ties   int
		limit  int
		most   int
	}{
		"one page":          {tributary.SourceGraph, 99, 1, 100, 1},
		"no alert":          {tributary.SourceGraph, 0, 1, 100, 1},
		"exactly one page":  {tributary.SourceGraph, 100, 1, 100, 2},
		"graph pages":       {tributary.SourceGraph, 1000, 1, 100, 12},
		"endpoint pages":    {tributary.SourceEndpoint, 1000, 1, 100, 22}, // each page is asked for again
		"largest page":      {tributary.SourceGraph, 1500, 1, 0, 2},
		"one tie, read two": {tributary.SourceGraph, 300, 300, 100, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s := newBook(t, tc.source)
			b.fill(tc.n, tc.ties, 20*time.Millisecond)
			got, _ := window(t, s.reader(t, tc.source), tributary.Request{Window: hour, Limit: tc.limit})
			if n := len(versions(got)); n != tc.n {
				t.Errorf("%d alerts of %d", n, tc.n)
			}
			if b.requests > tc.most {
				t.Errorf("%d requests, at most %d would do", b.requests, tc.most)
			}
		})
	}
}

// Alerts change while their window is paged. Those that stay as they are must
// all come. This is what paging by position loses.
func TestWalkThroughAChangingSet(t *testing.T) {
	t.Parallel()
	for _, source := range []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint} {
		for shape := range 8 {
			t.Run(fmt.Sprint(source, shape), func(t *testing.T) {
				t.Parallel()
				b, s := newBook(t, source)
				b.linked, b.deaf, b.ascending = shape&1 != 0, shape&2 != 0, shape&4 != 0
				r := s.reader(t, source)
				for seed := range uint64(8) {
					rnd := rand.New(rand.NewPCG(seed, uint64(shape)))
					b.entries, b.requests = nil, 0
					b.fill(30+rnd.IntN(60), 1+rnd.IntN(25), time.Duration(1+rnd.IntN(3000))*time.Microsecond)
					touched := map[int]bool{}
					b.before = func(b *book, request int) {
						for range rnd.IntN(3) {
							if len(touched) < 15 {
								i := rnd.IntN(len(b.entries))
								touched[i] = true
								b.touch(i, noon.Add(time.Duration(request)*time.Second))
							}
						}
					}
					got, _ := window(t, r, tributary.Request{Window: hour, Limit: 1 + rnd.IntN(20)})
					came := versions(got)
					for i, e := range b.entries {
						if !touched[i] && !slices.Contains(came, e.version()) {
							t.Fatalf("seed %d: %s slipped through (%d of %d touched)", seed, e.version(), len(touched), len(b.entries))
						}
					}
				}
			})
		}
	}
}

// The very case: a tie larger than a page, and an alert of its first page
// changes before the second is asked for.
func TestWalkReadsATieAgainWhenItChanged(t *testing.T) {
	t.Parallel()
	for _, linked := range []bool{false, true} {
		b, s := newBook(t, tributary.SourceGraph)
		b.linked = linked
		b.fill(10, 10, time.Second)
		b.before = func(b *book, request int) {
			if request == 2 {
				b.touch(0, noon.Add(time.Second))
			}
		}
		got, _ := window(t, s.reader(t, tributary.SourceGraph), tributary.Request{Window: hour, Limit: 4})
		if lost := missing(b.versions()[1:], versions(got)); len(lost) > 0 {
			t.Errorf("linked %v: lost %q", linked, lost)
		}
	}
}

func TestWalkGivesUpOnARestlessTie(t *testing.T) {
	t.Parallel()
	b, s := newBook(t, tributary.SourceGraph)
	b.fill(400, 400, time.Second)
	b.before = func(b *book, request int) { b.touch(request, noon.Add(time.Second)) }
	r := s.reader(t, tributary.SourceGraph)
	req := tributary.Request{Window: hour, Limit: 100}
	for range 200 {
		_, p, err := page(t, r, req)
		if err != nil {
			failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
			return
		}
		if req.Page = p.Next; req.Page == "" {
			t.Fatal("the window ended, although each reading differed")
		}
	}
	t.Fatal("no end")
}

// Sorted by creation, the newest alerts look sorted by update time too, until
// the old one comes that changed lately.
func TestWalkIsNotDeceivedByAnotherOrder(t *testing.T) {
	t.Parallel()
	for _, source := range []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint} {
		b, s := newBook(t, source)
		b.byCreation, b.deaf = true, true
		b.fill(60, 1, time.Second)
		b.touch(3, noon.Add(-1500*time.Millisecond))
		b.touch(30, noon.Add(-40500*time.Millisecond))
		got, pages := window(t, s.reader(t, source), tributary.Request{Window: hour, Limit: 10})
		if lost := missing(b.versions(), versions(got)); len(lost) > 0 {
			t.Errorf("%s: lost %q", source, lost)
		}
		checkThrough(t, b, hour, pages, got)
	}
}

// A service that points to one more page for ever is left.
func TestWalkLeavesALoop(t *testing.T) {
	t.Parallel()
	var s *script
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"value":[{"id":"a","lastUpdateDateTime":"2026-11-23T11:30:00Z"}],"@odata.nextLink":"%s/graph/v1.0/security/alerts_v2?$skiptoken=1"}`, s.URL)
	})
	r := s.reader(t, tributary.SourceGraph)
	_, p, err := page(t, r, tributary.Request{Window: hour})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = page(t, r, tributary.Request{Window: hour, Page: p.Next})
	failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
}

// A service that answers with a little more than it was asked for doesn't lead
// the walk out of its window.
func TestWalkWithAServiceThatAnswersMoreThanAsked(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"value":[{"id":"a","lastUpdateDateTime":"2026-11-23T11:59:59Z"},{"id":"b","lastUpdateDateTime":"2026-11-23T12:00:00.4Z"}]}`)
	})
	got, pages := window(t, s.reader(t, tributary.SourceGraph), tributary.Request{Window: hour, Limit: 2})
	if len(got) != 2 || len(pages) != 1 {
		t.Errorf("%d alerts in %d pages", len(got), len(pages))
	}
}

func TestPageTokens(t *testing.T) {
	t.Parallel()
	b, s := newBook(t, tributary.SourceGraph)
	b.linked = true
	b.fill(30, 10, time.Second)
	r := s.reader(t, tributary.SourceGraph)
	_, p, err := page(t, r, tributary.Request{Window: hour, Limit: 4})
	if err != nil || p.Next == "" {
		t.Fatal(p, err)
	}
	if !strings.Contains(p.Next, "skiptoken") || strings.Contains(p.Next, "127.0.0.1") {
		t.Errorf("the token holds an address, or no position: %s", p.Next)
	}
	other := hour
	other.From = noon.Add(-time.Second)
	asked := len(s.requests())
	_, two, err := page(t, r, tributary.Request{Window: hour, Limit: 15})
	if err != nil {
		t.Fatal(err)
	}
	asked++
	for name, tc := range map[string]struct {
		token  string
		window tributary.Window
	}{
		"no JSON":         {"next please", hour},
		"another source":  {strings.Replace(p.Next, `"graph"`, `"endpoint"`, 1), hour},
		"another window":  {two.Next, tributary.Window{From: noon.Add(-2 * time.Second), To: noon.Add(-time.Second)}},
		"unknown member":  {strings.Replace(p.Next, `{`, `{"host":"evil.example",`, 1), hour},
		"something more":  {p.Next + "{}", hour},
		"negative skip":   {strings.Replace(p.Next, `"skip":4`, `"skip":-4`, 1), hour},
		"absurd pages":    {strings.Replace(p.Next, `"pages":1`, `"pages":99999999`, 1), hour},
		"bad order":       {`{"source":"graph","order":"sideways"}`, hour},
		"line break":      {`{"source":"graph","link":"a=1\r\nHost: evil.example"}`, hour},
		"too long":        {`{"source":"graph","link":"` + strings.Repeat("a", maxToken) + `"}`, hour},
		"backward window": {"", tributary.Window{From: noon, To: noon.Add(-time.Second)}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.token == p.Next {
				t.Fatal("the token is unchanged")
			}
			_, _, err := page(t, r, tributary.Request{Window: tc.window, Page: tc.token})
			failed(t, err, CodeBadRequest, tributary.FixMSSP)
		})
	}
	if n := len(s.requests()); n != asked {
		t.Errorf("a bad token led to %d requests", n-asked)
	}
}

func FuzzToken(f *testing.F) {
	f.Add(`{"source":"graph","lo":"2026-11-23T11:30:00Z","skip":3,"sum":"17","link":"$top=1"}`)
	f.Add(`{"source":"siem","lo":"2026-11-23T11:30:00Z"}`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := parseToken(text, tributary.SourceGraph, hour)
		if err != nil {
			return
		}
		// What was accepted stays inside the window and in one line, and comes
		// back as it was.
		if s := w.stretch(hour); s.from.Before(hour.From) || s.to.After(hour.To) {
			t.Errorf("%q reads from %v to %v", text, s.from, s.to)
		}
		if q := graph.query(w.stretch(hour), 10, w.Skip, true) + w.Link; !isQuery(q) {
			t.Errorf("%q leads to the query %q", text, q)
		}
		again, err := parseToken(token{tributary.SourceGraph, w}.String(), tributary.SourceGraph, hour)
		one, _ := json.Marshal(w)
		two, _ := json.Marshal(again)
		if err != nil || string(one) != string(two) {
			t.Errorf("%s came back as %s: %v", one, two, err)
		}
	})
}
