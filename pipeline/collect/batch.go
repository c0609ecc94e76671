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
	p       *progress
	alerts  []tributary.Alert
	bytes   int
	inBatch map[tributary.EventID]bool
}

func (b *batch) add(ctx context.Context, a tributary.Alert) error {
	if known, err := b.known(ctx, &a); known || err != nil {
		return err
	}
	if len(b.alerts) > 0 && b.bytes+len(a.Raw) > stream.MostBytes || len(b.alerts) == stream.MostAlerts {
		if err := b.commit(ctx, b.f.watermark); err != nil {
			return err
		}
	}
	b.alerts = append(b.alerts, a)
	b.bytes += len(a.Raw)
	b.inBatch[a.EventID()] = true
	return nil
}

// known reports whether a version lies in the stream already, or is none of
// the window's business.
func (b *batch) known(ctx context.Context, a *tributary.Alert) (bool, error) {
	id := a.EventID()
	if b.inBatch[id] || b.f.seen.has(id) || b.f.strays.has(id) {
		return true, nil
	}
	early := a.Updated.Before(b.p.window.From)
	if s := b.p.sweep; s != nil {
		// What is older may have been trimmed, and would not be recognised.
		return early || s.known.has(id), nil
	}
	if !early && !a.Updated.After(b.c.far(b.f)) {
		return false, nil
	}
	held, err := b.c.Store.Holds(ctx, a)
	if err != nil {
		return false, &commitError{err}
	}
	if held {
		b.f.strays.add(id)
	}
	return held, nil
}

// commit writes what has been gathered, if anything.
func (b *batch) commit(ctx context.Context, watermark time.Time) error {
	if len(b.alerts) == 0 {
		return nil
	}
	if err := b.c.commit(ctx, b.f, b.alerts, watermark); err != nil {
		return err
	}
	for i := range b.alerts {
		a := &b.alerts[i]
		if b.p.sweep != nil {
			b.p.sweep.known.add(a.EventID(), a.Updated, 0)
		} else if a.Updated.Before(b.p.window.From) {
			b.f.strays.add(a.EventID())
		}
	}
	b.alerts, b.bytes = nil, 0
	clear(b.inBatch)
	return nil
}
