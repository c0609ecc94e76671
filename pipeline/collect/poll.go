package collect

import (
	"context"
	"errors"
	"sync"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

const (
	// persistEvery is how often the watermark of a quiet feed is written.
	persistEvery = 15 * time.Minute
	// smallestSlice is where halving a window ends, largestSlice where doubling
	// it again ends: from there on windows are as long as the source allows.
	smallestSlice = time.Second
	largestSlice  = 24 * time.Hour
)

// feed is what a worker knows of a feed between turns.
type feed struct {
	name tributary.Feed
	busy sync.Mutex // held during a turn; guards all below

	reader         tributary.Reader
	tenantRevision uint64

	loaded    bool
	cursor    tributary.Cursor // as it lies in the stream
	watermark time.Time        // may be ahead of the stored one on a quiet feed
	persisted time.Time        // when the cursor was last written, by our clock
	seen      seen

	clock    time.Duration // Microsoft's clock less ours
	clockSet bool
	slice    time.Duration // longest window to ask for; 0: no limit
	under    *progress     // the window that is being read

	sweeps sweeps

	polled   time.Time
	fetched  uint64
	failures int
	problem  *stream.Problem
}

// progress is a window that is being read.
type progress struct {
	window tributary.Window
	page   string
	served time.Time // Microsoft's clock when the first page came
	// sweep holds what the stream has of the whole window, when this is a
	// second look at the past rather than the tip.
	sweep seen
}

// poll reads on, at most Pages pages. More says that there is more to read now.
func (c *Collector) poll(ctx context.Context, f *feed) (more bool, err error) {
	if !f.loaded {
		if err := c.load(ctx, f); err != nil {
			return false, err
		}
	}
	for range c.Pages {
		if f.under == nil {
			if err := c.begin(ctx, f); err != nil {
				return false, err
			}
		}
		ended, err := c.page(ctx, f)
		if err != nil {
			c.mishap(f, err)
			return false, err
		}
		if !ended {
			continue
		}
		last := f.under
		f.under = nil
		f.grow()
		if last.sweep == nil && last.window.Open() {
			return false, c.persist(ctx, f)
		}
	}
	return true, nil
}

// load reads where the feed stands and rebuilds what has been seen.
func (c *Collector) load(ctx context.Context, f *feed) error {
	cursor, err := c.Store.Cursor(ctx, f.name)
	if err != nil {
		return err
	}
	set := seen{}
	if cursor.Revision > 0 {
		err = c.Store.Versions(ctx, f.name, cursor.SeenFrom, func(v stream.StoredVersion) {
			set.add(v.EventID, v.Updated, v.Sequence)
		})
		if err != nil {
			return err
		}
	}
	f.cursor, f.watermark, f.seen, f.under = cursor, cursor.Watermark, set, nil
	f.persisted = c.Now()
	f.loaded = true
	return nil
}

// begin chooses the next window.
func (c *Collector) begin(ctx context.Context, f *feed) error {
	if !f.clockSet {
		if err := c.learnClock(ctx, f); err != nil {
			return err
		}
	}
	now := c.Now().Add(f.clock)
	if sweep, err := c.beginSweep(ctx, f, now); err != nil || sweep {
		return err
	}
	if f.watermark.IsZero() {
		f.watermark = now.Add(-c.Backfill)
		f.cursor.Begun = f.watermark
	}
	window := tributary.Window{From: f.watermark.Add(-c.Overlap)}
	if f.cursor.Revision == 0 {
		window.From = f.watermark // there is nothing before the beginning to look for
	}
	// Counted from the watermark, so that the shortest slice still moves it.
	if slice := f.longest(); slice > 0 && f.watermark.Add(slice).Before(now.Add(-c.Lateness)) {
		window.To = f.watermark.Add(slice)
	}
	f.under = &progress{window: window}
	return nil
}

// longest is the longest window to ask for.
func (f *feed) longest() time.Duration {
	limit := f.reader.MaxWindow()
	if f.slice > 0 && (limit == 0 || f.slice < limit) {
		return f.slice
	}
	return limit
}

// learnClock asks for one alert to see Microsoft's Date: windows are placed
// by Microsoft's clock, never by ours.
func (c *Collector) learnClock(ctx context.Context, f *feed) error {
	now := c.Now()
	page, err := f.reader.Read(ctx, tributary.Request{Window: tributary.Window{From: now}, Limit: 1}, func(tributary.Alert) error { return nil })
	if err != nil {
		return err
	}
	f.setClock(page.Served, now)
	return nil
}

func (f *feed) setClock(served, now time.Time) {
	if !served.IsZero() {
		f.clock, f.clockSet = served.Sub(now), true
	}
}

// page reads one page of the window under way and commits what is new in it.
// Ended says that the window has been read to its end.
func (c *Collector) page(ctx context.Context, f *feed) (ended bool, err error) {
	p := f.under
	batch := batch{c: c, f: f, sweep: p.sweep, inBatch: map[tributary.EventID]bool{}}
	sent := c.Now()
	page, err := f.reader.Read(ctx, tributary.Request{Window: p.window, Page: p.page}, func(a tributary.Alert) error {
		return batch.add(ctx, a)
	})
	if err != nil {
		// What came before the failure is good; keep it, but not the place.
		if ctx.Err() == nil && !isOurs(err) {
			if lost := batch.commit(ctx, f.watermark); lost != nil {
				return false, lost
			}
		}
		return false, err
	}
	f.setClock(page.Served, sent)
	if p.served.IsZero() {
		p.served = page.Served
	}
	watermark := f.watermark
	if p.sweep == nil {
		watermark = later(watermark, c.proven(p, page))
	}
	if err := batch.commit(ctx, watermark); err != nil {
		return false, err
	}
	f.watermark = watermark
	f.seen.forget(watermark.Add(-c.Overlap))
	p.page = page.Next
	return page.Next == "", nil
}

// proven is how far the page proves that everything has been read. Nothing
// younger than the lateness is ever proven: it may become visible yet.
func (c *Collector) proven(p *progress, page tributary.Page) time.Time {
	limit := p.served.Add(-c.Lateness)
	proven := page.Through
	if page.Next == "" {
		proven = limit
		if !p.window.Open() {
			proven = p.window.To
		}
	}
	if proven.After(limit) {
		return limit
	}
	return proven
}

// mishap prepares the next attempt after a failure.
func (c *Collector) mishap(f *feed, err error) {
	if errors.Is(err, tributary.ErrConflict) {
		// Another worker has moved the feed on: begin again from what it wrote.
		f.loaded = false
		return
	}
	p := f.under
	f.under = nil
	if e := tributary.AsError(err); e != nil && e.Code == tributary.CodeTooLarge && p != nil {
		to := p.window.To
		if p.window.Open() {
			to = c.Now().Add(f.clock)
		}
		f.slice = max(to.Sub(p.window.From)/2, smallestSlice)
	}
}

// grow lets windows become longer again after one has been read whole.
func (f *feed) grow() {
	if f.slice == 0 {
		return
	}
	if f.slice *= 2; f.slice > largestSlice {
		f.slice = 0
	}
}

// persist writes the watermark of a feed that has been quiet for a while, or
// of one that has just begun.
func (c *Collector) persist(ctx context.Context, f *feed) error {
	if f.cursor.Revision > 0 && c.Now().Sub(f.persisted) < persistEvery {
		return nil
	}
	return c.commit(ctx, f, nil, f.watermark)
}

// commit writes the alerts and the cursor, and remembers them.
func (c *Collector) commit(ctx context.Context, f *feed, alerts []tributary.Alert, watermark time.Time) error {
	cursor := tributary.Cursor{
		Watermark: watermark,
		Begun:     f.cursor.Begun,
		SeenFrom:  f.seen.from(watermark.Add(-c.Overlap), f.cursor.Revision+1),
		Revision:  f.cursor.Revision,
	}
	done, err := c.Store.Commit(ctx, f.name, alerts, cursor)
	if err != nil {
		return err
	}
	if done.TooLarge > 0 {
		c.Log.Error("alerts are too large to be kept: each has a dead letter", "tenant", f.name.Tenant, "source", f.name.Source, "alerts", done.TooLarge)
	}
	cursor.Revision = done.Revision
	f.cursor, f.persisted = cursor, c.Now()
	f.fetched += uint64(len(alerts))
	for i := range alerts {
		f.seen.add(alerts[i].EventID(), alerts[i].Updated, done.First+uint64(i))
	}
	return nil
}

// isOurs reports whether a failed read failed on our side, in a commit.
func isOurs(err error) bool {
	if errors.Is(err, tributary.ErrConflict) {
		return true
	}
	var failed *commitError
	return errors.As(err, &failed)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
