package collect

import (
	"context"
	"time"

	"tributary"
)

const (
	// smallestSlice is where halving a window ends, largestSlice where doubling
	// it again ends: from there on windows are as long as the source allows.
	smallestSlice = time.Second
	largestSlice  = 24 * time.Hour
	// clockDoubt is how far beyond Microsoft's present a watermark may lie
	// before we conclude that its clock ran ahead.
	clockDoubt = time.Minute
)

// begin chooses the next window.
func (c *Collector) begin(ctx context.Context, f *feed) error {
	if !f.clockSet {
		if err := c.learnClock(ctx, f); err != nil {
			return err
		}
	}
	now := c.Now().Add(f.clock)
	if f.watermark.IsZero() {
		f.watermark = now.Add(-c.Backfill)
		f.cursor.Begun = f.watermark
	}
	if limit := now.Add(-c.Lateness); f.watermark.Sub(limit) > clockDoubt {
		if err := c.rewind(ctx, f, limit); err != nil {
			return err
		}
	}
	var err error
	if f.under, err = c.beginSweep(ctx, f, now); err != nil || f.under != nil {
		return err
	}
	// There is nothing before the beginning to look for.
	from := later(later(f.watermark.Add(-c.Overlap), f.cursor.Begun), f.next)
	window := tributary.Window{From: from}
	// A window that is cut short of the present is followed by the next one, so
	// that even one shorter than the overlap gets on.
	if to := f.cut(from, now.Add(-c.Lateness)); to.Before(now.Add(-c.Lateness)) {
		window.To = to
	}
	f.under = &progress{window: window}
	return nil
}

// cut is where a window from one time to another has to end at the latest.
func (f *feed) cut(from, to time.Time) time.Time {
	limit := f.reader.MaxWindow()
	if f.slice > 0 && (limit == 0 || f.slice < limit) {
		limit = f.slice
	}
	if limit > 0 && from.Add(limit).Before(to) {
		return from.Add(limit)
	}
	return to
}

// shrink makes windows half as long as the one that was too large.
func (c *Collector) shrink(f *feed, w tributary.Window) {
	to := w.To
	if w.Open() {
		to = c.Now().Add(f.clock)
	}
	f.slice = max(to.Sub(w.From)/2, smallestSlice)
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

// served is what Microsoft's clock certainly showed when it answered: what it
// says now or what it said last time, whichever is less. One wrong Date can't
// move a watermark into the future.
func (f *feed) served(page tributary.Page, sent time.Time) time.Time {
	expected := sent.Add(f.clock).Round(0)
	if !page.Served.IsZero() && page.Served.Before(expected) {
		return page.Served
	}
	return expected
}

// rewind brings back a watermark that lies in Microsoft's future: its clock was
// ahead for a while, and nothing that has not happened yet can have been read.
// What was forgotten by then is rebuilt from the stream; where the stream has
// been trimmed it could not be recognised, so there the watermark stays.
func (c *Collector) rewind(ctx context.Context, f *feed, limit time.Time) error {
	recognisable := func() (time.Time, error) {
		trimmed, err := c.Store.TrimmedTo(ctx)
		if err != nil || trimmed.IsZero() {
			return limit, err
		}
		return later(limit, trimmed.Add(f.clock+trimMargin+c.Overlap+slack)), nil
	}
	to, err := recognisable()
	if err != nil || !to.Before(f.watermark) {
		return err
	}
	set, err := c.versions(ctx, f, 1)
	if err != nil {
		return err
	}
	// Again: a trim may have come between.
	if to, err = recognisable(); err != nil || !to.Before(f.watermark) {
		return err
	}
	c.Log.Warn("Microsoft's clock was ahead: the feed goes back to its present", "tenant", f.name.Tenant, "source", f.name.Source, "from", f.watermark, "to", to)
	f.watermark, f.seen, f.next = to, set, time.Time{}
	if f.cursor.Begun.After(to) {
		f.cursor.Begun = to
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
