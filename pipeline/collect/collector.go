package collect

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

// Defaults of a Config.
const (
	DefaultInterval = time.Minute
	DefaultOverlap  = 10 * time.Minute
	DefaultBackfill = 24 * time.Hour
	DefaultLateness = 30 * time.Second
	DefaultWorkers  = 8
	// DefaultPages is how many pages a turn reads before the feed goes back to
	// the end of the queue: the back-fill of one tenant can't starve the others.
	DefaultPages = 8
)

// Config of a Collector. Zero durations and counts mean the defaults.
type Config struct {
	Store *stream.Store
	// Reader makes the reader of a tenant's source. It is called again after
	// the tenant has changed.
	Reader func(tributary.Tenant, tributary.Source) (tributary.Reader, error)

	Interval time.Duration // between the polls of a feed that is up to date
	Overlap  time.Duration // how far behind the watermark a poll begins
	Backfill time.Duration // how far back a new feed begins
	Lateness time.Duration // how far behind Microsoft's clock the watermark stays
	Workers  int           // feeds polled at once
	Pages    int           // read in one turn

	Now func() time.Time
	Log *slog.Logger
}

func (c *Config) complete() {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&c.Interval, DefaultInterval)
	set(&c.Overlap, DefaultOverlap)
	set(&c.Backfill, DefaultBackfill)
	set(&c.Lateness, DefaultLateness)
	if c.Workers == 0 {
		c.Workers = DefaultWorkers
	}
	if c.Pages == 0 {
		c.Pages = DefaultPages
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Collector polls every feed of the schedule. Several instances may run on
// one stream: the schedule gives each feed to one at a time, and the cursor's
// revision refuses a worker that has lost its feed.
type Collector struct {
	Config

	mu    sync.Mutex
	feeds map[tributary.Feed]*feed
}

// New returns a collector. Run starts it.
func New(cfg Config) *Collector {
	cfg.complete()
	return &Collector{Config: cfg, feeds: map[tributary.Feed]*feed{}}
}

// Run polls until ctx ends, then waits for the polls under way.
func (c *Collector) Run(ctx context.Context) error {
	turns, err := c.Store.Turns(ctx)
	if err != nil {
		return err
	}
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() { c.followTenants(ctx) })
	working.Go(func() { c.keepSchedule(ctx) })
	free := make(chan struct{}, c.Workers)
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		turn, err := turns.Next(ctx)
		if err != nil {
			return nil // the context has ended
		}
		working.Go(func() {
			defer func() { <-free }()
			c.take(ctx, turn)
		})
	}
}

// followTenants puts the feeds of new and resumed tenants into the schedule.
func (c *Collector) followTenants(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.Store.WatchTenants(ctx, func() { c.insistOnSchedule(ctx) })
		if ctx.Err() != nil {
			return
		}
		c.Log.Debug("the tenants are watched again", "err", err)
		wait(ctx, time.Second)
	}
}

// keepSchedule puts back what got lost: a command may die after it has taken a
// feed's message away and before it has put a new one there.
func (c *Collector) keepSchedule(ctx context.Context) {
	for wait(ctx, 10*c.Interval); ctx.Err() == nil; wait(ctx, 10*c.Interval) {
		c.insistOnSchedule(ctx)
	}
}

// insistOnSchedule doesn't leave it at a failure: the next change of a tenant
// may be weeks away.
func (c *Collector) insistOnSchedule(ctx context.Context) {
	for failed := false; ; failed = true {
		err := c.schedule(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !failed {
			c.Log.Warn("put the tenants' feeds into the schedule", "err", err)
		}
		wait(ctx, time.Second)
	}
}

func (c *Collector) schedule(ctx context.Context) error {
	tenants, err := c.Store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if t.Paused {
			continue // a worker drops its feeds when they fall due
		}
		for _, feed := range t.Feeds() {
			if err := c.Store.Schedule(ctx, feed); err != nil {
				return err
			}
		}
	}
	return nil
}

// take polls one feed and gives it back.
func (c *Collector) take(ctx context.Context, turn *stream.Turn) {
	f := c.feed(turn.Feed)
	// The same feed comes a second time when the first poll has outlived its
	// lease, as after a long sleep of the machine.
	if !f.busy.TryLock() {
		c.giveBack(turn, c.Interval)
		return
	}
	defer f.busy.Unlock()
	alive := make(chan struct{})
	var beat sync.WaitGroup
	beat.Go(func() { c.beat(turn, alive) })
	delay, wanted := c.turn(ctx, f)
	close(alive)
	beat.Wait()
	if !wanted {
		c.drop(ctx, turn)
		return
	}
	c.giveBack(turn, delay)
	c.tell(ctx, f, delay)
}

// drop takes a feed out of the schedule whose tenant is paused or gone.
func (c *Collector) drop(ctx context.Context, turn *stream.Turn) {
	c.mu.Lock()
	delete(c.feeds, turn.Feed)
	c.mu.Unlock()
	err := turn.Drop(ctx)
	if err == nil {
		// The tenant may have been resumed since we looked, when the feed was
		// still in the schedule and so was not put there again.
		err = errors.Join(c.Store.ForgetFeedStatus(ctx, turn.Feed), c.schedule(ctx))
	}
	if err != nil && ctx.Err() == nil {
		c.Log.Warn("drop the feed", "tenant", turn.Feed.Tenant, "source", turn.Feed.Source, "err", err)
	}
}

func (c *Collector) beat(turn *stream.Turn, done <-chan struct{}) {
	tick := time.NewTicker(stream.FeedWait / 3)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if err := turn.Alive(); err != nil {
				c.Log.Debug("hold the feed", "tenant", turn.Feed.Tenant, "source", turn.Feed.Source, "err", err)
			}
		}
	}
}

func (c *Collector) giveBack(turn *stream.Turn, delay time.Duration) {
	if err := turn.Back(delay); err != nil {
		// It comes back by itself when the lease ends.
		c.Log.Debug("give the feed back", "tenant", turn.Feed.Tenant, "source", turn.Feed.Source, "err", err)
	}
}

func (c *Collector) feed(name tributary.Feed) *feed {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.feeds[name]
	if f == nil {
		f = &feed{name: name}
		c.feeds[name] = f
	}
	return f
}

// turn polls the feed and says when it is due again, and whether it is still
// wanted at all.
func (c *Collector) turn(ctx context.Context, f *feed) (delay time.Duration, wanted bool) {
	tenant, revision, err := c.Store.Tenant(ctx, f.name.Tenant)
	if errors.Is(err, tributary.ErrNotFound) || err == nil && (tenant.Paused || !slices.Contains(tenant.Sources, f.name.Source)) {
		return 0, false
	}
	if err == nil && (f.reader == nil || f.tenantRevision != revision) {
		if f.reader, err = c.Reader(tenant, f.name.Source); err == nil {
			// The place in a window belongs to the reader that was there.
			f.tenantRevision, f.under, f.clockSet = revision, nil, false
		}
	}
	more := false
	if err == nil {
		more, err = c.poll(ctx, f)
	}
	if ctx.Err() != nil {
		return 0, true
	}
	f.polled = c.Now()
	c.note(f, err)
	switch {
	case err != nil:
		return f.retryDelay(err), true
	case more:
		return 0, true
	}
	return jitter(c.Interval), true
}

// note keeps and logs what is wrong with a feed: when it begins, when it
// changes and when it ends, not each time.
func (c *Collector) note(f *feed, err error) {
	log := c.Log.With("tenant", f.name.Tenant, "source", f.name.Source)
	if err == nil {
		if f.problem != nil {
			log.Info("the feed is well again", "was", f.problem.Code, "since", f.problem.Since)
		}
		f.problem, f.failures = nil, 0
		return
	}
	f.failures++
	p := stream.Problem{Code: tributary.CodeUnavailable, Text: err.Error(), Fix: tributary.FixRetry, Since: c.Now()}
	if e := tributary.AsError(err); e != nil {
		p.Code, p.Fix, p.Next = e.Code, e.Fix, e.Next
	}
	if f.problem != nil && f.problem.Code == p.Code {
		p.Since = f.problem.Since
	} else {
		log.Warn("the feed has a problem", "code", p.Code, "err", err, "fix", string(p.Fix), "next", p.Next)
	}
	f.problem = &p
}

// tell puts the feed's state where the commands and the console see it.
func (c *Collector) tell(ctx context.Context, f *feed, delay time.Duration) {
	err := c.Store.PutFeedStatus(ctx, stream.FeedStatus{
		Tenant: f.name.Tenant, Source: f.name.Source,
		LastPoll: f.polled, NextPoll: c.Now().Add(delay),
		Watermark: f.watermark, Fetched: f.fetched, Problem: f.problem,
	})
	if err != nil && ctx.Err() == nil {
		c.Log.Debug("tell the feed's status", "err", err)
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
