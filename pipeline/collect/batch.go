package collect

import (
	"context"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

// batch gathers the new versions of a page into commits. A large page becomes
// several; the watermark moves with the last one only.
type batch struct {
	c       *Collector
	f       *feed
	sweep   seen
	alerts  []tributary.Alert
	bytes   int
	inBatch map[tributary.EventID]bool
}

// commitError marks a failure of ours inside a read.
type commitError struct{ error }

func (e *commitError) Unwrap() error { return e.error }

func (b *batch) add(ctx context.Context, a tributary.Alert) error {
	id := a.EventID()
	if b.f.seen.has(id) || b.inBatch[id] || b.sweep != nil && b.sweep.has(id) {
		return nil
	}
	if len(b.alerts) > 0 && b.bytes+len(a.Raw) > stream.MostBytes || len(b.alerts) == stream.MostAlerts {
		if err := b.commit(ctx, b.f.watermark); err != nil {
			return &commitError{err}
		}
	}
	b.alerts = append(b.alerts, a)
	b.bytes += len(a.Raw)
	b.inBatch[id] = true
	return nil
}

// commit writes what has been gathered, if anything.
func (b *batch) commit(ctx context.Context, watermark time.Time) error {
	if len(b.alerts) == 0 {
		return nil
	}
	if err := b.c.commit(ctx, b.f, b.alerts, watermark); err != nil {
		return err
	}
	if b.sweep != nil {
		for i := range b.alerts {
			b.sweep.add(b.alerts[i].EventID(), b.alerts[i].Updated, 0)
		}
	}
	b.alerts, b.bytes = nil, 0
	clear(b.inBatch)
	return nil
}
