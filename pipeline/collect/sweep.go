package collect

import (
	"context"
	"time"

	"tributary"
	"tributary/pipeline/stream"
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
	due [len(sweepKinds)]time.Time // by our clock
}

// beginSweep starts a sweep if one is due and reports whether it did.
func (c *Collector) beginSweep(ctx context.Context, f *feed, now time.Time) (bool, error) {
	if f.cursor.Revision == 0 {
		return false, nil // the first look comes first
	}
	for i, kind := range sweepKinds {
		due := &f.sweeps.due[i]
		if due.IsZero() {
			*due = c.Now().Add(kind.every)
		}
		if c.Now().Before(*due) {
			continue
		}
		*due = c.Now().Add(kind.every)
		window := tributary.Window{From: later(now.Add(-kind.reach), f.cursor.Begun), To: f.watermark}
		trimmed, err := c.Store.TrimmedTo(ctx)
		if err != nil {
			return false, err
		}
		if !trimmed.IsZero() {
			window.From = later(window.From, trimmed.Add(f.clock+trimMargin))
		}
		if !window.From.Before(window.To) {
			continue
		}
		known := seen{}
		err = c.Store.Versions(ctx, f.name, 1, func(v stream.StoredVersion) {
			known.add(v.EventID, v.Updated, v.Sequence)
		})
		if err != nil {
			return false, err
		}
		f.under = &progress{window: window, sweep: known}
		return true, nil
	}
	return false, nil
}
