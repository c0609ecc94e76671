package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// tapHeartbeat is how often the server shows that it still has our request.
// The client reports a loss after two of them, but only within one call of
// next that waits that long.
const tapHeartbeat = 500 * time.Millisecond

// tap reads the alerts from a sequence on, for as long as nothing goes wrong.
// The server acknowledges nothing and repeats nothing, so a message lost on
// the way, a server that was restarted or has forgotten the reader show only
// here. After any error but a timeout the tap is done for: make another one
// behind the last message.
//
// The client's own ordered consumer is no help: it repairs itself out of sight,
// without regard to a context, and counts as delivered what lies in its buffer.
type tap struct {
	store    *Store
	consumer jetstream.Consumer
	name     string
	messages jetstream.MessagesContext
	received atomic.Uint64 // messages, counted as the server counts them
	owed     uint64        // what the server had sent when nothing came
}

func (s *Store) tap(ctx context.Context, purpose string, from uint64, subjects []string) (*tap, error) {
	cfg := readerFrom(purpose, from, subjects...)
	consumer, err := s.js.CreateConsumer(ctx, streamAlerts, cfg)
	if err != nil {
		return nil, err
	}
	t := &tap{store: s, consumer: consumer, name: cfg.Name}
	t.messages, err = consumer.Messages(
		jetstream.PullMaxMessagesWithBytesLimit(MostAlerts, MostBytes+maxPayload),
		jetstream.PullHeartbeat(tapHeartbeat),
	)
	if err != nil {
		s.leave(streamAlerts, cfg.Name)
		return nil, err
	}
	return t, nil
}

func (t *tap) close() {
	t.messages.Stop()
	t.store.leave(streamAlerts, t.name)
}

// next returns the next message and its sequence, or nats.ErrTimeout.
func (t *tap) next(ctx context.Context, wait time.Duration) (jetstream.Msg, uint64, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	msg, err := t.messages.Next(jetstream.NextContext(waiting))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		if wait >= 4*tapHeartbeat {
			if err := t.check(ctx); err != nil {
				return nil, 0, err
			}
		}
		return nil, 0, nats.ErrTimeout
	}
	if err != nil {
		return nil, 0, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return nil, 0, err
	}
	if got, want := meta.Sequence.Consumer, t.received.Load()+1; got != want {
		return nil, 0, fmt.Errorf("message %d came instead of message %d", got, want)
	}
	t.received.Add(1)
	return msg, meta.Sequence.Stream, nil
}

// check finds the loss that no later message shows: of the last one. What the
// server had sent when we last looked must have come by now.
func (t *tap) check(ctx context.Context) error {
	received := t.received.Load()
	if received < t.owed {
		return fmt.Errorf("the server has sent %d messages, %d came", t.owed, received)
	}
	info, err := t.consumer.Info(ctx)
	if err != nil {
		return err
	}
	t.owed = info.Delivered.Consumer
	return nil
}

// waiting is how many messages have not come yet.
func (t *tap) waiting(ctx context.Context) (uint64, error) {
	received := t.received.Load()
	info, err := t.consumer.Info(ctx)
	if err != nil {
		return 0, err
	}
	onTheWay := max(info.Delivered.Consumer, received) - received
	return info.NumPending + onTheWay, nil
}
