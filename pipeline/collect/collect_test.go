package collect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/collect"
	"tributary/pipeline/stream"
)

// shelf is a source that holds what a test puts on it. It answers as an API
// does that orders by update time and pages by it.
type shelf struct {
	mu     sync.Mutex
	source tributary.Source
	alerts []tributary.Alert
	page   int           // alerts a page; 0: all
	skew   time.Duration // of Microsoft's clock
	fail   func(req tributary.Request) error
	// cut ends a page with an error after that many alerts, once.
	cut     int
	windows []tributary.Window
	longest time.Duration
	newest  bool            // newest first: no page proves anything but the last
	loose   time.Duration   // how much more than it is asked for it answers, at the old end
	dates   []time.Duration // how wrong Microsoft's clock is in the answers that come next
	calls   int             // but for looks at the clock
}

func (s *shelf) Source() tributary.Source { return s.source }

func (s *shelf) MaxWindow() time.Duration { return s.longest }

func (s *shelf) put(alerts ...tributary.Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alerts = append(s.alerts, alerts...)
	slices.SortStableFunc(s.alerts, func(a, b tributary.Alert) int { return a.Updated.Compare(b.Updated) })
}

func (s *shelf) Read(_ context.Context, req tributary.Request, yield func(tributary.Alert) error) (tributary.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page := tributary.Page{Served: time.Now().Add(s.skew)}
	if len(s.dates) > 0 {
		page.Served = page.Served.Add(s.dates[0])
		s.dates = s.dates[1:]
	}
	if s.fail != nil {
		if err := s.fail(req); err != nil {
			return page, err
		}
	}
	if req.Limit != 1 {
		s.windows = append(s.windows, req.Window)
		s.calls++
	}
	skip := 0
	if req.Page != "" {
		if _, err := fmt.Sscan(req.Page, &skip); err != nil {
			return page, err
		}
	}
	n := 0
	alerts := s.alerts
	if s.newest {
		alerts = slices.Clone(alerts)
		slices.Reverse(alerts)
	}
	for _, a := range alerts {
		if a.Updated.Before(req.Window.From.Add(-s.loose)) || !req.Window.Open() && a.Updated.After(req.Window.To) {
			continue
		}
		if n++; n <= skip {
			continue
		}
		if s.cut > 0 && page.Count == s.cut {
			s.cut = 0
			return page, &tributary.Error{Code: tributary.CodeUnavailable, Op: "read", Err: errors.New("cut"), Fix: tributary.FixRetry}
		}
		if s.page > 0 && page.Count == s.page {
			page.Next = fmt.Sprint(skip + page.Count)
			return page, nil
		}
		if err := yield(a); err != nil {
			return page, err
		}
		page.Count++
		if !s.newest {
			page.Through = a.Updated
		}
	}
	return page, nil
}

const slug = "contoso"

var name = tributary.Feed{Tenant: slug, Source: tributary.SourceGraph}

func alert(id string, updated time.Time) tributary.Alert {
	return tributary.Alert{
		Version: tributary.Version{TenantID: tenantID, Source: name.Source, ID: id, Updated: updated.UTC().Truncate(100)},
		Tenant:  slug, Severity: tributary.SeverityLow, Fetched: time.Now(),
		Raw: []byte(`{"id":"` + id + `"}`),
	}
}

const tenantID = "11111111-1111-1111-1111-111111111111"

// bench is a store with one tenant, and a collector that reads a shelf.
type bench struct {
	*testing.T
	dir   string
	store *stream.Store
	shelf *shelf
	cfg   collect.Config
}

func setup(t *testing.T, change func(*collect.Config)) *bench {
	b := &bench{T: t, dir: t.TempDir(), shelf: &shelf{source: name.Source}}
	b.open()
	t.Cleanup(func() { _ = b.store.Close() })
	_, err := b.store.PutTenant(t.Context(), tributary.Tenant{
		Slug: slug, ID: tenantID, Auth: tributary.AuthAppOnly, Sources: []tributary.Source{name.Source},
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.cfg = collect.Config{
		Reader:   func(tributary.Tenant, tributary.Source) (tributary.Reader, error) { return b.shelf, nil },
		Interval: 20 * time.Millisecond, Workers: 2,
	}
	if change != nil {
		change(&b.cfg)
	}
	return b
}

func (b *bench) open() {
	b.Helper()
	s, err := stream.Open(b.Context(), stream.Options{Dir: b.dir, AtRest: bytes.Repeat([]byte{1}, 32), MaxBytes: 64 << 20, Reserve: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.store = s
}

// collecting runs a collector until the function returns.
func (b *bench) collecting(while func()) {
	b.Helper()
	cfg := b.cfg
	cfg.Store = b.store
	ctx, cancel := context.WithCancel(b.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := collect.New(cfg).Run(ctx); err != nil {
			b.Error(err)
		}
	})
	defer done.Wait()
	defer cancel()
	while()
}

// delivered waits for n alerts in the stream and returns how often each
// version lies there.
func (b *bench) delivered(n int) map[tributary.EventID]int {
	b.Helper()
	lane, err := b.store.OpenLane(b.Context(), "test-"+b.Name(), tributary.Filter{})
	if err != nil {
		b.Fatal(err)
	}
	defer lane.Close()
	ctx, cancel := context.WithTimeout(b.Context(), 60*time.Second)
	defer cancel()
	got := map[tributary.EventID]int{}
	for total := 0; total < n; {
		batch, err := lane.Next(ctx, stream.Batch{Count: n - total, Bytes: 1 << 30, Age: 10 * time.Millisecond})
		if err != nil {
			b.Fatalf("%d of %d alerts came: %v", total, n, err)
		}
		for _, d := range batch {
			got[d.Alert.EventID()]++
		}
		total += len(batch)
	}
	return got
}

// quiet waits until the feed has been polled several times more.
func (b *bench) quiet(polls int) {
	b.Helper()
	b.shelf.mu.Lock()
	until := len(b.shelf.windows) + polls
	b.shelf.mu.Unlock()
	b.await("more polls", func() bool {
		b.shelf.mu.Lock()
		defer b.shelf.mu.Unlock()
		return len(b.shelf.windows) >= until
	})
}

func (b *bench) await(what string, ok func() bool) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			b.Fatalf("waited a minute for %s", what)
		}
	}
}

// held is how often each version lies in the stream now.
func (b *bench) held() map[tributary.EventID]int {
	b.Helper()
	got := map[tributary.EventID]int{}
	if err := b.store.Versions(b.Context(), name, 1, func(v stream.StoredVersion) { got[v.EventID]++ }); err != nil {
		b.Fatal(err)
	}
	return got
}

func (b *bench) expect(alerts []tributary.Alert) {
	b.Helper()
	got := b.held()
	for _, a := range alerts {
		if n := got[a.EventID()]; n != 1 {
			b.Errorf("version %s of %v lies %d times in the stream, want once", a.ID, a.Updated, n)
		}
		delete(got, a.EventID())
	}
	if len(got) > 0 {
		b.Errorf("%d versions in the stream that nobody put there", len(got))
	}
}

func spread(n int, since time.Duration) []tributary.Alert {
	var alerts []tributary.Alert
	start := time.Now().Add(-since)
	for i := range n {
		alerts = append(alerts, alert(fmt.Sprintf("a%d", i), start.Add(since*time.Duration(i)/time.Duration(n))))
	}
	return alerts
}

func TestEveryVersionOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.shelf.page = 70
	all := spread(1200, 20*time.Hour)
	b.shelf.put(all...)
	b.collecting(func() {
		b.delivered(len(all))
		// A change is a version of its own.
		changed := alert("a7", time.Now())
		late := alert("late", time.Now().Add(-5*time.Minute)) // within the overlap
		b.shelf.put(changed, late)
		all = append(all, changed, late)
		b.await("the change", func() bool { return len(b.held()) == len(all) })
		b.quiet(3)
	})
	b.expect(all)
}

func TestTiesOverPages(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.shelf.page = 10
	at := time.Now().Add(-time.Hour)
	var all []tributary.Alert
	for i := range 95 {
		all = append(all, alert(fmt.Sprintf("tie%d", i), at))
	}
	b.shelf.put(all...)
	b.collecting(func() {
		b.delivered(len(all))
		b.quiet(2)
	})
	b.expect(all)
}

func TestRestartRepeatsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	// All within the overlap, so that every poll reads all of them again.
	all := spread(700, 5*time.Minute)
	b.shelf.put(all...)
	b.collecting(func() { b.delivered(len(all)) })
	for range 3 {
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		b.open()
		more := alert(fmt.Sprint(time.Now().UnixNano()), time.Now())
		b.shelf.put(more)
		all = append(all, more)
		b.collecting(func() {
			b.await("the new alert", func() bool { return len(b.held()) == len(all) })
			b.quiet(2)
		})
	}
	b.expect(all)
}

func TestCutPageKeepsWhatCameAndReadsTheRest(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	all := spread(900, 10*time.Hour)
	b.shelf.put(all...)
	b.shelf.cut = 450
	b.collecting(func() {
		b.delivered(len(all))
		b.quiet(2)
	})
	b.expect(all)
}

func TestLateAlertBeyondTheOverlapIsFoundBySweep(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ahead time.Duration
	b := setup(t, func(c *collect.Config) {
		c.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(ahead)
		}
	})
	all := spread(30, 20*time.Hour)
	b.shelf.put(all...)
	b.collecting(func() {
		b.delivered(len(all))
		b.quiet(2)
		sixHoursLate := alert("late", time.Now().Add(-6*time.Hour))
		b.shelf.put(sixHoursLate)
		b.quiet(3)
		if n := len(b.held()); n != len(all) {
			t.Fatalf("a poll found the late alert: the test shows nothing (%d held)", n)
		}
		all = append(all, sixHoursLate)
		mu.Lock()
		ahead = 61 * time.Minute // ours alone; Microsoft's clock is the shelf's
		mu.Unlock()
		b.await("the sweep", func() bool { return len(b.held()) == len(all) })
		b.quiet(2)
	})
	b.expect(all)
}

func TestMicrosoftsClockRules(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			b.shelf.skew = skew
			var all []tributary.Alert
			for i, a := range spread(40, 23*time.Hour) {
				all = append(all, alert(fmt.Sprint(i), a.Updated.Add(skew)))
			}
			b.shelf.put(all...)
			b.collecting(func() {
				b.delivered(len(all))
				now := alert("now", time.Now().Add(skew))
				b.shelf.put(now)
				all = append(all, now)
				b.await("the newest", func() bool { return len(b.held()) == len(all) })
				b.quiet(1)
			})
			b.expect(all)
			cursor, err := b.store.Cursor(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if off := time.Until(cursor.Watermark.Add(-skew)); off > 0 || off < -2*time.Minute {
				t.Errorf("the watermark is %v off Microsoft's clock", off)
			}
		})
	}
}

func TestLongestWindowIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.shelf.longest = 2 * time.Hour
	all := spread(100, 23*time.Hour)
	b.shelf.put(all...)
	b.collecting(func() {
		b.delivered(len(all))
		b.quiet(2)
	})
	b.expect(all)
	for _, w := range b.shelf.windows {
		to := w.To
		if w.Open() {
			to = time.Now()
		}
		if span := to.Sub(w.From); span > b.shelf.longest+collect.DefaultOverlap+time.Minute {
			t.Errorf("a window of %v was asked, the longest may be %v", span, b.shelf.longest)
		}
	}
}

func TestWindowTooLargeIsHalved(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	all := spread(100, 23*time.Hour)
	b.shelf.put(all...)
	refused := 0
	b.shelf.fail = func(req tributary.Request) error {
		to := req.Window.To
		if req.Window.Open() {
			to = time.Now()
		}
		if to.Sub(req.Window.From) > 5*time.Hour {
			refused++
			return &tributary.Error{Code: tributary.CodeTooLarge, Op: "read", Err: errors.New("too many results"), Fix: tributary.FixRetry}
		}
		return nil
	}
	b.collecting(func() {
		b.delivered(len(all))
		b.quiet(2)
	})
	b.expect(all)
	if refused == 0 {
		t.Error("no window was refused: the test shows nothing")
	}
}

func TestPausedTenantIsNotPolled(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	first := alert("first", time.Now().Add(-time.Hour))
	second := alert("second", time.Now())
	b.shelf.put(first)
	b.collecting(func() {
		b.delivered(1)
		tenant, revision, err := b.store.Tenant(t.Context(), slug)
		if err != nil {
			t.Fatal(err)
		}
		tenant.Paused = true
		if revision, err = b.store.PutTenant(t.Context(), tenant, revision); err != nil {
			t.Fatal(err)
		}
		b.await("the end of the polls", func() bool {
			b.shelf.mu.Lock()
			before := len(b.shelf.windows)
			b.shelf.mu.Unlock()
			pause := time.NewTimer(200 * time.Millisecond)
			<-pause.C
			b.shelf.mu.Lock()
			defer b.shelf.mu.Unlock()
			return len(b.shelf.windows) == before
		})
		b.shelf.put(second)
		tenant.Paused = false
		if _, err := b.store.PutTenant(t.Context(), tenant, revision); err != nil {
			t.Fatal(err)
		}
		b.await("the second alert", func() bool { return len(b.held()) == 2 })
	})
	b.expect([]tributary.Alert{first, second})
}

// Two collectors on one stream, as after a lease that was lost: the cursor's
// revision lets only one of them write, so nothing comes twice.
func TestTwoWorkersAreFenced(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.shelf.page = 20
	all := spread(600, 20*time.Hour)
	b.shelf.put(all...)
	b.collecting(func() {
		b.collecting(func() {
			for i := range 50 {
				if err := b.store.Wake(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				more := alert(fmt.Sprintf("live%d", i), time.Now())
				b.shelf.put(more)
				all = append(all, more)
			}
			b.await("all alerts", func() bool { return len(b.held()) == len(all) })
			b.quiet(3)
		})
	})
	b.expect(all)
}
