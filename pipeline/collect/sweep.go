package collect

import (
	"context"
	"math/rand/v2"
	"time"

	"tributary"
)

// A sweep is a second look at the past, for alerts that became visible later
// than the overlap reaches: six hours have been seen.
var sweepKinds = [...]struct{ every, reach time.Duration }{
	{time.Hour, 24 * time.Hour},
	{24 * time.Hour, 7 * 24 * time.Hour},
}

// trimMargin keeps a sweep away from what has been trimmed, whatever the
// difference between Microsoft's clock and ours.
const trimMargin = time.Hour

type sweeps struct {
	due   [len(sweepKinds)]time.Time // by our clock
	under *sweep
}

// sweep is one second look.
type sweep struct {
	kind     int
	next, to time.Time // what is left of it
	known    seen      // what the stream has of all of it
}

// beginSweep returns the next window of a sweep, if one is under way or due.
func (c *Collector) beginSweep(ctx context.Context, f *feed, now time.Time) (*progress, error) {
	if f.cursor.Revision == 0 {
		return nil, nil // the first look comes first
	}
	for kind := range sweepKinds {
		if f.sweeps.due[kind].IsZero() {
			f.sweeps.due[kind] = c.firstSweep(kind)
		}
		if f.sweeps.under != nil || c.Now().Before(f.sweeps.due[kind]) {
			continue
		}
		var err error
		if f.sweeps.under, err = c.sweep(ctx, f, kind, now); err != nil {
			return nil, err
		}
		if f.sweeps.under == nil {
			f.sweeps.due[kind] = c.Now().Add(sweepKinds[kind].every)
		}
	}
	s := f.sweeps.under
	if s == nil {
		return nil, nil
	}
	return &progress{window: tributary.Window{From: s.next, To: f.cut(s.next, s.to)}, sweep: s}, nil
}

// firstSweep is when a sweep is first due after a start: within the first hours,
// whatever its kind. A program that is restarted every day would never get to
// one that waits for a day. Not all feeds at once.
func (c *Collector) firstSweep(kind int) time.Time {
	first := sweepKinds[0].every
	return c.Now().Add(time.Duration(kind)*first + first/2 + rand.N(first/2))
}

// sweep prepares one; nil if there is nothing to look at.
func (c *Collector) sweep(ctx context.Context, f *feed, kind int, now time.Time) (*sweep, error) {
	s := &sweep{kind: kind, next: later(now.Add(-sweepKinds[kind].reach), f.cursor.Begun), to: f.watermark}
	err := c.shunTrimmed(ctx, f, s)
	if err == nil && s.next.Before(s.to) {
		s.known, err = c.versions(ctx, f, 1)
	}
	if err == nil {
		// Again: what was trimmed meanwhile is not known. What is trimmed from
		// here on is.
		err = c.shunTrimmed(ctx, f, s)
	}
	if err != nil || !s.next.Before(s.to) {
		return nil, err
	}
	return s, nil
}

// shunTrimmed keeps a sweep away from what has been trimmed by now.
func (c *Collector) shunTrimmed(ctx context.Context, f *feed, s *sweep) error {
	trimmed, err := c.Store.TrimmedTo(ctx)
	if err == nil && !trimmed.IsZero() {
		s.next = later(s.next, trimmed.Add(f.clock+trimMargin))
	}
	return err
}

// endSweepWindow goes on behind a window that has been read.
func (c *Collector) endSweepWindow(f *feed, p *progress) {
	if p.sweep.next = p.window.To; !p.sweep.next.Before(p.sweep.to) {
		f.sweeps.due[p.sweep.kind] = c.Now().Add(sweepKinds[p.sweep.kind].every)
		f.sweeps.under = nil
	}
}

// failSweep gives up a sweep, if one is being read, for a while: the tip must
// not wait for it.
func (c *Collector) failSweep(f *feed) {
	if s := f.under.sweep; s != nil {
		f.sweeps.due[s.kind] = c.Now().Add(sweepKinds[s.kind].every / 4)
		f.sweeps.under = nil
	}
}
