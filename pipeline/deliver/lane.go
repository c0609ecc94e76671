package deliver

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

// Destination is one configured output with the parts that serve it.
type Destination struct {
	Name   string
	Type   string
	Filter tributary.Filter
	Format tributary.Format
	Sender tributary.Sender
	Batch  stream.Batch // what one batch may hold; zero: the defaults
}

// What one batch may hold, and how long it waits to fill. A batch is the unit
// of a receipt: a destination whose confirmation takes a second (Splunk's
// indexers) takes this much a second, and may see this much twice after a kill.
const (
	DefaultCount = 2000
	DefaultBytes = 8 << 20
	DefaultAge   = 200 * time.Millisecond
)

// Lane delivers to one destination.
type Lane struct {
	Destination
	store *stream.Store
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	reader  *stream.Lane
	status  stream.LaneStatus
	problem *stream.Problem
}

// NewLane makes the lane of a destination. Run starts it.
func NewLane(store *stream.Store, d Destination, now func() time.Time, log *slog.Logger) *Lane {
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if d.Batch == (stream.Batch{}) {
		d.Batch = stream.Batch{Count: DefaultCount, Bytes: DefaultBytes, Age: DefaultAge}
	}
	return &Lane{
		Destination: d,
		store:       store,
		now:         now,
		log:         log.With("destination", d.Name),
		status:      stream.LaneStatus{Destination: d.Name},
	}
}

// Run delivers until ctx ends. A batch that has no receipt by then is sent
// again by the next Run.
func (l *Lane) Run(ctx context.Context) error {
	reader, err := l.store.OpenLane(ctx, l.Name, l.Filter)
	if err != nil {
		return err
	}
	defer reader.Close()
	l.mu.Lock()
	l.reader = reader
	l.mu.Unlock()
	for {
		batch, err := reader.Next(ctx, l.Batch)
		if err != nil {
			return nil // ctx has ended
		}
		if err := l.deliver(ctx, reader, batch); err != nil {
			return nil // ctx has ended; the batch comes again
		}
	}
}

// deliver settles one batch, however long that takes. The error is ctx's.
func (l *Lane) deliver(ctx context.Context, reader *stream.Lane, batch []stream.Delivery) error {
	records, letters := l.format(batch)
	answer, refused, err := l.send(ctx, records)
	if err != nil {
		return err
	}
	letters = append(letters, refused...)
	receipt := stream.Receipt{
		From: batch[0].Sequence, To: batch[len(batch)-1].Sequence,
		Count: len(batch), Refused: len(letters), Answer: answer,
		Tenants: count(batch, letters),
	}
	// Dead letters first: a record must be in one place or the other before
	// the lane moves on.
	if err := l.insist(ctx, "keep the dead letters", func() error { return l.store.Bury(ctx, letters...) }); err != nil {
		return err
	}
	if err := l.insist(ctx, "keep the receipt", func() error {
		receipt.At = l.now().UTC()
		return reader.Settle(ctx, receipt)
	}); err != nil {
		return err
	}
	l.delivered(ctx, batch, len(letters))
	return nil
}

// format writes each alert in the destination's format. One that can't be
// written is a dead letter.
func (l *Lane) format(batch []stream.Delivery) ([]tributary.Record, []stream.DeadLetter) {
	records := make([]tributary.Record, 0, len(batch))
	var letters []stream.DeadLetter
	for _, d := range batch {
		body, err := l.Format(d.Alert)
		if err != nil {
			letters = append(letters, l.letter(d.Alert, "it can't be written in the destination's format: "+err.Error()))
			continue
		}
		records = append(records, tributary.Record{Alert: d.Alert, Body: body})
	}
	return records, letters
}

// send delivers the records, however often that takes.
func (l *Lane) send(ctx context.Context, records []tributary.Record) (answer string, letters []stream.DeadLetter, err error) {
	for attempt := 1; len(records) > 0; attempt++ {
		result, err := l.Sender.Send(ctx, records)
		for _, r := range result.Refused {
			letters = append(letters, l.letter(records[r.Index].Alert, r.Reason))
		}
		if err == nil {
			return result.Answer, letters, nil
		}
		if ctx.Err() != nil {
			return "", nil, ctx.Err()
		}
		if result.Settled > 0 {
			records = records[result.Settled:]
			attempt = 1 // it moves: begin the patience anew
		}
		failure := tributary.AsSendError(err)
		l.trouble(ctx, failure)
		if err := wait(ctx, retryDelay(attempt, failure)); err != nil {
			return "", nil, err
		}
	}
	return answer, letters, nil
}

// insist repeats a write to our own stream until it succeeds or ctx ends.
func (l *Lane) insist(ctx context.Context, what string, write func() error) error {
	for attempt := 1; ; attempt++ {
		err := write()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failure := &tributary.SendError{Kind: tributary.SendRetry, Err: err}
		if attempt == 1 {
			l.log.Warn(what, "err", err)
		}
		if err := wait(ctx, retryDelay(attempt, failure)); err != nil {
			return err
		}
	}
}

func (l *Lane) letter(a *tributary.Alert, reason string) stream.DeadLetter {
	return stream.DeadLetter{
		Destination: l.Name, Tenant: a.Tenant, Source: string(a.Source), ID: a.ID, EventID: a.EventID().String(),
		Reason: reason, At: l.now().UTC(), Size: len(a.Raw), Raw: a.Raw,
	}
}

// count tells how many records of each tenant were delivered.
func count(batch []stream.Delivery, letters []stream.DeadLetter) map[string]int {
	tenants := map[string]int{}
	for _, d := range batch {
		tenants[d.Alert.Tenant]++
	}
	for _, letter := range letters {
		tenants[letter.Tenant]--
	}
	return tenants
}

// Floor is the Stream sequence up to which this lane needs nothing any more.
func (l *Lane) Floor(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	reader := l.reader
	l.mu.Unlock()
	if reader == nil {
		return 0, nil // it has not begun: it may need everything
	}
	return reader.Floor(ctx)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
