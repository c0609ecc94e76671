package collect

import (
	"context"
	"sync"
	"time"

	"tributary"
	"tributary/pipeline/stream"
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
	strays    strays

	clock    time.Duration // Microsoft's clock less ours
	clockSet bool
	slice    time.Duration // longest window to ask for; 0: no limit
	next     time.Time     // where the pass under way goes on, if its windows end short of the present
	under    *progress     // the window that is being read

	sweeps sweeps

	polled   time.Time
	fetched  uint64
	failures int
	problem  *stream.Problem
}

// progress is a window that is being read.
type progress struct {
	window   tributary.Window
	page     string
	served   time.Time // Microsoft's clock when the first page came
	failures int       // of the page that comes next, in a row
	sweep    *sweep    // when this is a second look at the past rather than the tip
}

// load reads where the feed stands and rebuilds what has been seen.
func (c *Collector) load(ctx context.Context, f *feed) error {
	cursor, err := c.Store.Cursor(ctx, f.name)
	if err != nil {
		return err
	}
	set := seen{}
	if cursor.Revision > 0 {
		if set, err = c.versions(ctx, f, cursor.SeenFrom); err != nil {
			return err
		}
	}
	f.cursor, f.watermark, f.seen = cursor, cursor.Watermark, set
	f.under, f.next, f.sweeps.under = nil, time.Time{}, nil
	f.persisted = c.Now()
	f.loaded = true
	return nil
}

// versions is what the stream holds of a feed from a sequence on.
func (c *Collector) versions(ctx context.Context, f *feed, from uint64) (seen, error) {
	set := seen{}
	err := c.Store.Versions(ctx, f.name, from, func(v stream.StoredVersion) {
		set.add(v.EventID, v.Updated, v.Sequence)
	})
	return set, err
}
