package collect_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/collect"
	"tributary/pipeline/stream"
)

func problem(code string, fix tributary.Fixer, after time.Duration) error {
	return &tributary.Error{Code: code, Op: "read", Err: errors.New("so the test wants"), Fix: fix, After: after}
}

// ahead is our clock, which a test can put forward.
type ahead struct {
	mu sync.Mutex
	by time.Duration
}

func (c *ahead) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}

func (c *ahead) forward(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += by
}

func (b *bench) status() (stream.FeedStatus, bool) {
	b.Helper()
	all, err := b.store.FeedStatuses(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if len(all) == 0 {
		return stream.FeedStatus{}, false
	}
	return all[0], true
}

// holds waits until the stream holds n versions.
func (b *bench) holds(n int) {
	b.Helper()
	b.await(fmt.Sprintf("%d versions", n), func() bool { return len(b.held()) == n })
}

// A window of many pages ends although every third request is throttled, and
// although nothing but its last page proves anything.
func TestThrottledWindowKeepsItsPlace(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.shelf.page, b.shelf.newest = 40, true
	all := spread(300, 20*time.Hour)
	b.shelf.put(all...)
	calls, most := 0, 0
	b.shelf.fail = func(req tributary.Request) error {
		if calls++; calls%3 == 0 {
			return problem(tributary.CodeThrottled, tributary.FixRetry, time.Nanosecond)
		}
		if req.Page == "" && req.Limit == 0 && !req.Window.From.After(all[0].Updated) {
			most++
		}
		return nil
	}
	b.collecting(func() {
		b.delivered(len(all))
		b.await("the cursor at the tip", func() bool {
			st, ok := b.status()
			return ok && time.Since(st.Watermark) < 2*time.Minute
		})
	})
	b.expect(all)
	if most != 1 {
		t.Errorf("the back-fill was begun %d times, want once", most)
	}
}

// A place may expire. Then the window is begun anew.
func TestPlaceThatHasExpiredIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"refused":     problem("request-refused", tributary.FixMSSP, time.Nanosecond),
		"unavailable": problem(tributary.CodeUnavailable, tributary.FixRetry, time.Nanosecond),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			b.shelf.page, b.shelf.newest = 10, true
			all := spread(100, 20*time.Hour)
			b.shelf.put(all...)
			expired, begun := false, 0
			b.shelf.fail = func(req tributary.Request) error {
				if req.Limit == 0 && req.Page == "" {
					begun++
				}
				if expired = expired && begun < 2 || req.Page == "50" && begun < 2; expired {
					return err
				}
				return nil
			}
			b.collecting(func() {
				b.delivered(len(all))
				b.quiet(2)
			})
			b.expect(all)
		})
	}
}

// What can't be asked for at once within the overlap is asked for in parts too.
func TestOverlapTooLargeIsReadInParts(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *collect.Config) { c.Backfill = time.Hour })
	all := spread(60, 59*time.Minute)
	b.shelf.put(all...)
	b.shelf.fail = func(req tributary.Request) error {
		to := req.Window.To
		if req.Window.Open() {
			to = time.Now()
		}
		if to.Sub(req.Window.From) > 3*time.Minute {
			return problem(tributary.CodeTooLarge, tributary.FixRetry, 0)
		}
		return nil
	}
	b.collecting(func() {
		b.delivered(len(all))
		for i := range 3 {
			now := alert(fmt.Sprint("now", i), time.Now())
			b.shelf.put(now)
			all = append(all, now)
			b.holds(len(all))
		}
	})
	b.expect(all)
}

func TestWhatStaysTooLargeIsNotHammered(t *testing.T) {
	t.Parallel()
	err := problem(tributary.CodeTooLarge, tributary.FixRetry, 0)
	if d := collect.RetryDelay(5, err); d != 0 {
		t.Errorf("a shorter window waits %v, want none", d)
	}
	if d := collect.RetryDelay(40, err); d < time.Minute {
		t.Errorf("after forty failures the feed waits %v", d)
	}
}

// One wrong Date must not move the watermark beyond what has happened.
func TestOneWrongDateIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	all := spread(20, 20*time.Hour)
	b.shelf.put(all...)
	b.collecting(func() {
		b.delivered(len(all))
		for i, wrong := range []time.Duration{3 * time.Hour, -3 * time.Hour, 30 * time.Hour} {
			b.quiet(2)
			b.shelf.mu.Lock()
			b.shelf.dates = []time.Duration{wrong}
			b.shelf.mu.Unlock()
			b.quiet(3)
			now := alert(fmt.Sprint("now", i), time.Now())
			b.shelf.put(now)
			all = append(all, now)
			b.holds(len(all))
			st, ok := b.status()
			if ahead := time.Until(st.Watermark); !ok || ahead > 0 {
				t.Errorf("after a Date that was %v wrong the watermark is %v ahead", wrong, ahead)
			}
		}
	})
	b.expect(all)
}

// A clock that is wrong for a while and then right again: nothing is missed,
// nothing comes twice.
func TestClockThatWasWrongForAWhile(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{3 * time.Hour, -3 * time.Hour} {
		t.Run(wrong.String(), func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			all := append(spread(50, 20*time.Hour), spread(50, 4*time.Minute)...)
			for i := range all[50:] {
				all[50+i].ID += "-young"
			}
			b.shelf.put(all...)
			b.collecting(func() {
				b.delivered(len(all))
				for i := range 2 {
					b.shelf.mu.Lock()
					b.shelf.skew = wrong
					b.shelf.mu.Unlock()
					b.quiet(5)
					b.shelf.mu.Lock()
					b.shelf.skew = 0
					b.shelf.mu.Unlock()
					b.quiet(5)
					now := alert(fmt.Sprint("now", i), time.Now())
					b.shelf.put(now)
					all = append(all, now)
					b.holds(len(all))
				}
				b.quiet(3)
			})
			b.expect(all)
		})
	}
}

// A service that answers with more than it was asked for: its filters round the
// times, or it has none.
func TestLooseServiceRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, loose := range []time.Duration{time.Minute, 1000 * time.Hour} {
		t.Run(loose.String(), func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			b.shelf.loose = loose
			all := append(spread(60, 30*time.Hour), spread(60, 15*time.Minute)...)
			for i := range all[60:] {
				all[60+i].ID += "-young"
			}
			if loose < time.Hour {
				all = all[20:] // the others lie before the beginning
			}
			b.shelf.put(all...)
			for range 2 {
				b.collecting(func() {
					b.holds(len(all))
					b.quiet(3)
				})
				if err := b.store.Close(); err != nil {
					t.Fatal(err)
				}
				b.open()
			}
			b.expect(all)
		})
	}
}

// An alert from the far future is told once, and does not hold the trimming of
// its feed for ever.
func TestAlertFromTheFarFutureHoldsNothing(t *testing.T) {
	t.Parallel()
	clock := &ahead{}
	b := setup(t, func(c *collect.Config) { c.Now = clock.now })
	strange := alert("strange", time.Now().AddDate(10, 0, 0))
	var all []tributary.Alert
	for i, a := range spread(10, 2*time.Hour) {
		all = append(all, alert(fmt.Sprint("old", i), a.Updated.Add(-time.Hour)))
	}
	all = append(all, strange)
	b.shelf.put(all...)
	var seenFrom uint64
	for i := range 3 {
		b.collecting(func() {
			b.holds(len(all))
			b.quiet(2)
			late := alert(fmt.Sprint("late", i), time.Now())
			b.shelf.put(late)
			all = append(all, late)
			b.holds(len(all))
			clock.forward(20 * time.Minute) // the watermark is written again
			b.quiet(4)
		})
		cursor, err := b.store.Cursor(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		seenFrom = cursor.SeenFrom
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		b.open()
	}
	b.expect(all)
	var at uint64
	err := b.store.Versions(t.Context(), name, 1, func(v stream.StoredVersion) {
		if v.EventID == strange.EventID() {
			at = v.Sequence
		}
	})
	if err != nil || seenFrom <= at {
		t.Errorf("the feed still needs everything from sequence %d on; the strange alert lies at %d (%v)", seenFrom, at, err)
	}
}

// The same version twice in one answer is stored once, also where the page is
// larger than a commit.
func TestVersionTwiceInOnePage(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	all := spread(700, 20*time.Hour)
	b.shelf.put(all...)
	b.shelf.put(all...)
	b.collecting(func() {
		b.holds(len(all))
		b.quiet(2)
	})
	b.expect(all)
}
