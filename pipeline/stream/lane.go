package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"tributary"
)

// Lane is one destination's own reader of the stream. It shares nothing with
// other lanes. Its place is the last receipt, so after a crash it goes on
// exactly behind what was acknowledged. One goroutine at a time may use it,
// but for Pending and Floor.
type Lane struct {
	store       *Store
	destination string
	filter      tributary.Filter

	mu       sync.Mutex
	place    uint64 // settled up to here
	fetched  uint64 // handed out up to here
	consumer jetstream.Consumer
	messages jetstream.MessagesContext
}

// Delivery is one alert that a lane has to deliver.
type Delivery struct {
	Sequence uint64
	Alert    *tributary.Alert
}

// Batch bounds what Next gathers.
type Batch struct {
	Count int           // alerts
	Bytes int           // of Microsoft's JSON; one larger alert still makes a batch
	Age   time.Duration // how long to wait for more after the first
}

// OpenLane opens a destination's lane behind its last receipt. A destination
// without one begins with the oldest alert that the stream holds.
func (s *Store) OpenLane(ctx context.Context, destination string, filter tributary.Filter) (*Lane, error) {
	l := &Lane{store: s, destination: destination, filter: filter}
	receipt, err := s.LastReceipt(ctx, destination)
	if err != nil && !errors.Is(err, tributary.ErrNotFound) {
		return nil, err
	}
	l.place, l.fetched = receipt.To, receipt.To
	return l, l.read(ctx)
}

// read begins reading behind what was handed out last.
func (l *Lane) read(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
	// An ordered consumer keeps nothing on disk and acknowledges nothing: the
	// receipts do both, and a second record of the place could only disagree.
	consumer, err := l.store.js.OrderedConsumer(ctx, streamAlerts, jetstream.OrderedConsumerConfig{
		FilterSubjects: filterSubjects(l.filter),
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    l.fetched + 1,
		// Unique: a consumer of the same name that an earlier reader left behind
		// would be joined where it stands, and what it had handed out be lost.
		NamePrefix: "lane-" + token(l.destination) + "-" + nuid.Next(),
	})
	if err != nil {
		return fmt.Errorf("read the stream for %s: %w", l.destination, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(MostAlerts, MostBytes+maxPayload))
	if err != nil {
		return fmt.Errorf("read the stream for %s: %w", l.destination, err)
	}
	l.consumer, l.messages = consumer, messages
	return nil
}

func (l *Lane) stop() {
	if l.messages != nil {
		l.messages.Stop()
		l.messages = nil
	}
}

// Close ends the reading. What was handed out and has no receipt comes again
// with the next OpenLane.
func (l *Lane) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
}

// Next waits for the next alerts and returns them in the stream's order. It
// returns an error only when ctx ends: a stream that is away is waited for.
func (l *Lane) Next(ctx context.Context, b Batch) ([]Delivery, error) {
	var batch []Delivery
	var size int
	var deadline time.Time
	for len(batch) < b.Count && size < b.Bytes {
		wait := 5 * time.Second
		if len(batch) > 0 {
			if wait = time.Until(deadline); wait <= 0 {
				break
			}
		}
		d, err := l.next(ctx, wait)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, nats.ErrTimeout) {
			if len(batch) > 0 {
				break
			}
			continue
		}
		if err != nil {
			if len(batch) > 0 {
				break // deliver what there is; the next call meets the error again
			}
			l.store.log.Debug("a lane reads again", "destination", l.destination, "err", err)
			l.reread(ctx)
			continue
		}
		if d == nil {
			continue
		}
		if len(batch) == 0 {
			deadline = time.Now().Add(b.Age)
		}
		batch = append(batch, *d)
		size += len(d.Alert.Raw)
	}
	return batch, nil
}

// reread opens the reader anew until it succeeds or ctx ends.
func (l *Lane) reread(ctx context.Context) {
	for {
		if err := l.read(ctx); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// next returns one alert, or nil for a message that this lane has no use for.
func (l *Lane) next(ctx context.Context, wait time.Duration) (*Delivery, error) {
	l.mu.Lock()
	messages := l.messages
	l.mu.Unlock()
	if messages == nil {
		return nil, errors.New("the lane is not reading")
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(waiting))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, nats.ErrTimeout
	}
	if err != nil {
		return nil, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	seq := meta.Sequence.Stream
	l.mu.Lock()
	repeated := seq <= l.fetched
	if !repeated {
		l.fetched = seq
	}
	l.mu.Unlock()
	if repeated {
		return nil, nil
	}
	env, err := decodeEnvelope(msg.Headers())
	if err != nil {
		// Not ours to lose: nothing but commits writes here, so this is damage.
		l.store.log.Error("a message of the stream can't be read and is passed over", "destination", l.destination, "sequence", seq, "err", err)
		return nil, nil
	}
	if env.TooLarge > 0 {
		return nil, nil // it has a dead letter
	}
	alert, err := env.alert(msg.Data())
	if err != nil {
		l.store.log.Error("an alert of the stream can't be read and is passed over", "destination", l.destination, "sequence", seq, "id", env.ID, "err", err)
		return nil, nil
	}
	if !l.filter.Match(alert) {
		return nil, nil
	}
	return &Delivery{Sequence: seq, Alert: alert}, nil
}

// Settle writes the receipt of a batch that Next returned. When it returns nil
// the lane's place has moved for good.
func (l *Lane) Settle(ctx context.Context, r Receipt) error {
	r.Destination = l.destination
	if err := l.store.keepReceipt(ctx, r); err != nil {
		return err
	}
	l.mu.Lock()
	l.place = max(l.place, r.To)
	l.mu.Unlock()
	return nil
}

// Pending is how many alerts wait in the stream for this lane, those handed
// out and not settled not counted.
func (l *Lane) Pending(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	consumer := l.consumer
	l.mu.Unlock()
	if consumer == nil {
		return 0, errors.New("the lane is not reading")
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("count what waits for %s: %w", l.destination, err)
	}
	return info.NumPending, nil
}

// Floor is the Stream sequence up to which this lane needs nothing any more.
// A lane whose filter passes over the newest alerts needs none of them.
func (l *Lane) Floor(ctx context.Context) (uint64, error) {
	last, err := l.store.lastSequence(ctx)
	if err != nil {
		return 0, err
	}
	pending, err := l.Pending(ctx)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if pending == 0 && l.place == l.fetched {
		return max(last, l.place), nil
	}
	return l.place, nil
}

func (s *Store) lastSequence(ctx context.Context) (uint64, error) {
	st, err := s.js.Stream(ctx, streamAlerts)
	if err != nil {
		return 0, fmt.Errorf("read the state of the stream: %w", err)
	}
	return st.CachedInfo().State.LastSeq, nil
}
