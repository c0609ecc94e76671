package deliver

import (
	"context"
	"log/slog"
	"time"

	"tributary/pipeline/stream"

	"tributary"
)

// trimEvery is how often the stream is trimmed.
const trimEvery = 30 * time.Second

// Trimmer removes from the stream what every lane has settled. One runs in
// each instance.
type Trimmer struct {
	Store     *stream.Store
	Lanes     []*Lane
	Retention time.Duration
	Every     time.Duration // zero: 30 s
	Log       *slog.Logger
}

// Run trims until ctx ends.
func (t *Trimmer) Run(ctx context.Context) error {
	every := t.Every
	if every == 0 {
		every = trimEvery
	}
	for {
		if err := wait(ctx, every); err != nil {
			return nil
		}
		if err := t.Trim(ctx); err != nil && ctx.Err() == nil {
			t.Log.Warn("trim the stream", "err", err)
		}
	}
}

// Trim trims once.
func (t *Trimmer) Trim(ctx context.Context) error {
	if len(t.Lanes) == 0 {
		return nil // no destination yet: whichever comes first gets everything
	}
	floor := ^uint64(0)
	for _, lane := range t.Lanes {
		f, err := lane.Floor(ctx)
		if err != nil {
			return err
		}
		floor = min(floor, f)
	}
	tenants, err := t.Store.Tenants(ctx)
	if err != nil {
		return err
	}
	var feeds []tributary.Feed
	for _, tenant := range tenants {
		feeds = append(feeds, tenant.Feeds()...)
	}
	return t.Store.Trim(ctx, floor, t.Retention, feeds)
}
