package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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

	gathered []Delivery // for the batch that comes next
	size     int        // of Microsoft's JSON in it

	mu      sync.Mutex
	place   uint64   // of the last receipt
	fetched uint64   // read up to here
	inHand  []uint64 // read, to be delivered, and not settled
	tap     *tap     // nil while the lane is not reading
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

// read begins reading behind what was read last.
func (l *Lane) read(ctx context.Context) error {
	l.stop()
	t, err := l.store.tap(ctx, "lane-"+token(l.destination), l.fetched+1, filterSubjects(l.filter))
	if err != nil {
		return fmt.Errorf("read the stream for %s: %w", l.destination, err)
	}
	l.mu.Lock()
	l.tap = t
	l.mu.Unlock()
	return nil
}

func (l *Lane) stop() {
	l.mu.Lock()
	t := l.tap
	l.tap = nil
	l.mu.Unlock()
	if t != nil {
		t.close()
	}
}

// Close ends the reading. What was handed out and has no receipt comes again
// with the next OpenLane.
func (l *Lane) Close() { l.stop() }

const (
	laneIdle  = 2 * time.Second        // without an alert, until the lane looks whether all is well
	laneAgain = 250 * time.Millisecond // between a failure to read and the next attempt
)

// Next waits for the next alerts and returns them in the stream's order. It
// returns an error only when ctx ends: a stream that is away is waited for.
// What it has gathered by then comes with the next call.
func (l *Lane) Next(ctx context.Context, b Batch) ([]Delivery, error) {
	var deadline time.Time
	for len(l.gathered) < b.Count && l.size < b.Bytes {
		wait := laneIdle
		if len(l.gathered) > 0 {
			if deadline.IsZero() {
				deadline = time.Now().Add(b.Age)
			}
			if wait = min(wait, time.Until(deadline)); wait <= 0 {
				break
			}
		}
		err := l.gather(ctx, wait)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil || errors.Is(err, nats.ErrTimeout) {
			continue
		}
		l.store.log.Debug("a lane reads again", "destination", l.destination, "err", err)
		l.stop()
		if len(l.gathered) > 0 {
			break // deliver what there is
		}
		pause(ctx, laneAgain)
	}
	batch := l.gathered
	l.gathered, l.size = nil, 0
	return batch, nil
}

// gather reads one message, and keeps it if the lane has to deliver it.
func (l *Lane) gather(ctx context.Context, wait time.Duration) error {
	if l.tap == nil { // written by this goroutine alone
		if err := l.read(ctx); err != nil {
			return err
		}
	}
	msg, seq, err := l.tap.next(ctx, wait)
	if err != nil {
		return err
	}
	alert := l.wanted(msg, seq)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fetched = seq
	if alert == nil {
		return nil
	}
	l.inHand = append(l.inHand, seq)
	l.gathered = append(l.gathered, Delivery{Sequence: seq, Alert: alert})
	l.size += len(alert.Raw)
	return nil
}

// wanted is the message's alert, or nil if this lane has no use for it.
func (l *Lane) wanted(msg jetstream.Msg, seq uint64) *tributary.Alert {
	env, err := decodeEnvelope(msg.Headers())
	if err != nil {
		// Not ours to lose: nothing but commits writes here, so this is damage.
		l.store.log.Error("a message of the stream can't be read and is passed over", "destination", l.destination, "sequence", seq, "err", err)
		return nil
	}
	if env.TooLarge > 0 {
		return nil // it has a dead letter
	}
	alert, err := env.alert(msg.Data())
	if err != nil {
		l.store.log.Error("an alert of the stream can't be read and is passed over", "destination", l.destination, "sequence", seq, "id", env.ID, "err", err)
		return nil
	}
	if !l.filter.Match(alert) {
		return nil
	}
	return alert
}

// Settle writes the receipt of a batch that Next returned. When it returns nil
// the lane's place has moved for good.
func (l *Lane) Settle(ctx context.Context, r Receipt) error {
	r.Destination = l.destination
	if err := l.store.keepReceipt(ctx, r); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place = max(l.place, r.To)
	l.inHand = slices.DeleteFunc(l.inHand, func(seq uint64) bool { return seq <= l.place })
	return nil
}

// Pending is how many alerts are not settled yet, wherever they are: in the
// stream, on their way, in hand. A lane that names more tenants than the
// server filters by counts those of others too until it has read them.
func (l *Lane) Pending(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	t, inHand := l.tap, uint64(len(l.inHand))
	l.mu.Unlock()
	if t == nil {
		return 0, fmt.Errorf("count what waits for %s: it is not reading", l.destination)
	}
	waiting, err := t.waiting(ctx)
	if err != nil {
		return 0, fmt.Errorf("count what waits for %s: %w", l.destination, err)
	}
	return waiting + inHand, nil
}

// Floor is the Stream sequence up to which this lane needs nothing any more.
// A lane whose filter passes over the newest alerts needs none of them.
func (l *Lane) Floor(ctx context.Context) (uint64, error) {
	// First: what is committed from here on is not spoken of.
	last, err := l.store.lastSequence(ctx)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	floor, idle := max(l.place, l.fetched), len(l.inHand) == 0
	if !idle {
		floor = l.inHand[0] - 1
	}
	l.mu.Unlock()
	if !idle {
		return floor, nil
	}
	if waiting, err := l.Pending(ctx); err != nil || waiting > 0 {
		return floor, nil //nolint:nilerr // what is certain without asking
	}
	n, err := l.store.count(ctx, streamAlerts, readerFrom("floor", floor+1, filterSubjects(l.filter)...))
	if err != nil || n > 0 {
		return floor, nil //nolint:nilerr // as above
	}
	return max(last, floor), nil
}

func (s *Store) lastSequence(ctx context.Context) (uint64, error) {
	st, err := s.js.Stream(ctx, streamAlerts)
	if err != nil {
		return 0, fmt.Errorf("read the state of the stream: %w", err)
	}
	return st.CachedInfo().State.LastSeq, nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
