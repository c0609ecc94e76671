package collect

import (
	"context"
	"errors"
	"time"

	"tributary"
)

const (
	// persistEvery is how often the watermark of a quiet feed is written.
	persistEvery = 15 * time.Minute
	// pagePatience is how often in a row one page may fail before its window is
	// begun anew: the place may have expired.
	pagePatience = 3
)

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
		f.under, f.failures = nil, 0 // it gets on
		f.grow()
		switch {
		case last.sweep != nil:
			c.endSweepWindow(f, last)
		case !last.window.Open():
			f.next = last.window.To
		default:
			f.next = time.Time{}
			if err := c.persist(ctx, f); err != nil {
				c.mishap(f, err)
				return false, err
			}
			return false, nil
		}
	}
	return true, nil
}

// page reads one page of the window under way and commits what is new in it.
// Ended says that the window has been read to its end.
func (c *Collector) page(ctx context.Context, f *feed) (ended bool, err error) {
	p := f.under
	b := &batch{c: c, f: f, p: p, inBatch: map[tributary.EventID]bool{}}
	sent := c.Now()
	page, err := f.reader.Read(ctx, tributary.Request{Window: p.window, Page: p.page}, func(a tributary.Alert) error {
		return b.add(ctx, a)
	})
	if err != nil {
		// What came before the failure is good.
		if ctx.Err() == nil && !isOurs(err) {
			if lost := b.commit(ctx, f.watermark); lost != nil {
				return false, lost
			}
		}
		return false, err
	}
	if p.served.IsZero() {
		p.served = f.served(page, sent)
	}
	f.setClock(page.Served, sent)
	watermark := f.watermark
	if p.sweep == nil {
		watermark = later(watermark, c.proven(p, page))
	}
	if err := b.commit(ctx, watermark); err != nil {
		return false, err
	}
	f.watermark = watermark
	f.seen.forget(c.reach(watermark))
	p.page, p.failures = page.Next, 0
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
	e := tributary.AsError(err)
	if isOurs(err) {
		// A commit without room has changed nothing. After any other that failed
		// the stream alone knows: another worker has moved the feed on, or the
		// answer got lost and the commit did not.
		if e == nil || e.Code != tributary.CodeStreamFull && e.Code != tributary.CodeDiskFull {
			f.loaded = false
		}
		return
	}
	p := f.under
	p.failures++
	switch {
	case e != nil && e.Code == tributary.CodeTooLarge:
		if f.slice == smallestSlice {
			c.failSweep(f)
		}
		c.shrink(f, p.window)
		f.under = nil
	case e != nil && e.Code == tributary.CodeThrottled:
		// The place is good; a window of many pages would never end if each 429
		// began it anew.
	case e == nil || e.Fix != tributary.FixRetry || p.failures >= pagePatience:
		c.failSweep(f)
		f.under = nil
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
		SeenFrom:  f.seen.from(c.reach(watermark), c.far(f), f.cursor.Revision+1),
		Revision:  f.cursor.Revision,
	}
	done, err := c.Store.Commit(ctx, f.name, alerts, cursor)
	if err != nil {
		return &commitError{err}
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

// commitError marks a failure of our own stream.
type commitError struct{ error }

func (e *commitError) Unwrap() error { return e.error }

// isOurs reports whether a poll failed on our side rather than Microsoft's.
func isOurs(err error) bool {
	var failed *commitError
	return errors.As(err, &failed)
}
