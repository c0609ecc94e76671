package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tributary"
)

// FeedWait is how long a feed may be in a worker's hands without a sign of
// life before another worker gets it.
const FeedWait = time.Minute

// scheduledFeed is the message that stands for a feed in the schedule.
type scheduledFeed struct {
	Tenant string           `json:"tenant"`
	Source tributary.Source `json:"source"`
}

// Schedule puts a feed into the schedule, due now. A feed that is there
// already stays as it is.
func (s *Store) Schedule(ctx context.Context, feed tributary.Feed) error {
	text, err := json.Marshal(scheduledFeed{feed.Tenant, feed.Source})
	if err != nil {
		return fmt.Errorf("schedule %s: %w", feed, err)
	}
	msg := nats.NewMsg(feedSubject(feed))
	msg.Data = text
	_, err = s.js.PublishMsg(ctx, msg)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == errCodeStoreFailed && api.Description == "maximum messages per subject exceeded" {
		return nil
	}
	if err != nil {
		return s.fault("schedule "+feed.String(), feed.Tenant, err)
	}
	return nil
}

// Wake makes a feed due at once, whatever its delay.
//
// The message is replaced by a new one rather than purged: a purge makes
// JetStream forget which other feeds are due until their lease ends.
func (s *Store) Wake(ctx context.Context, feed tributary.Feed) error {
	op := "make " + feed.String() + " due"
	st, err := s.js.Stream(ctx, streamFeeds)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	msg, err := st.GetLastMsgForSubject(ctx, feedSubject(feed))
	if err == nil {
		err = st.DeleteMsg(ctx, msg.Sequence)
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return s.Schedule(ctx, feed)
}

// Turn is a worker's turn at a feed. It ends with Back.
type Turn struct {
	Feed tributary.Feed
	msg  jetstream.Msg
}

// Alive tells the schedule that the worker still works. Call it more often
// than FeedWait.
func (t *Turn) Alive() error { return t.msg.InProgress() }

// Back gives the feed back, due after the delay. A feed that is due at once
// goes behind those that have not had a turn yet: JetStream would serve a
// message that comes back without any delay before all others.
func (t *Turn) Back(delay time.Duration) error {
	return t.msg.NakWithDelay(max(delay, time.Millisecond))
}

// Drop takes the feed out of the schedule. When it returns nil the feed is out:
// one that is scheduled now gets a turn.
func (t *Turn) Drop(ctx context.Context) error { return t.msg.DoubleAck(ctx) }

// Turns takes feeds from the schedule as they fall due. One goroutine at a
// time may use it.
type Turns struct {
	store    *Store
	consumer jetstream.Consumer
}

// Turns begins taking feeds from the schedule. A feed that another instance
// held when it died comes back after FeedWait; where this instance has the
// store to itself nobody else can hold one, and every feed is due at once.
func (s *Store) Turns(ctx context.Context) (*Turns, error) {
	t := &Turns{store: s}
	if s.Running() {
		err := s.js.DeleteConsumer(ctx, streamFeeds, workers)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, fmt.Errorf("read the schedule: %w", err)
		}
	}
	return t, t.open(ctx)
}

// workers is the consumer that all instances take their feeds from.
const workers = "workers"

func (t *Turns) open(ctx context.Context) error {
	consumer, err := t.store.js.CreateOrUpdateConsumer(ctx, streamFeeds, jetstream.ConsumerConfig{
		Durable:       workers,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       FeedWait,
		MaxDeliver:    -1,
		MaxAckPending: -1, // a feed that waits for its next turn counts as pending
	})
	if err != nil {
		return fmt.Errorf("read the schedule: %w", err)
	}
	t.consumer = consumer
	return nil
}

// askFor is how long one request for a feed waits at the server.
const askFor = 30 * time.Second

// Next waits for a feed that is due. It returns an error only when ctx ends.
//
// Each feed is asked for by itself: one that lay in a buffer here would be late
// without anybody working on it, and the client's iterator over single messages
// now and then asks for no more until a heartbeat is missed.
func (t *Turns) Next(ctx context.Context) (*Turn, error) {
	for {
		asking, cancel := context.WithTimeout(ctx, askFor)
		msg, err := t.consumer.Next(jetstream.FetchContext(asking))
		cancel()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
			continue // nothing is due
		}
		if err != nil {
			t.store.log.Debug("the schedule is read again", "err", err)
			t.reopen(ctx)
			continue
		}
		var f scheduledFeed
		err = json.Unmarshal(msg.Data(), &f)
		if err == nil {
			return &Turn{Feed: tributary.Feed{Tenant: f.Tenant, Source: f.Source}, msg: msg}, nil
		}
		if !strings.HasSuffix(msg.Subject(), "."+checkToken) {
			t.store.log.Error("a feed of the schedule can't be read and is dropped", "subject", msg.Subject(), "err", err)
		}
		if err := msg.Term(); err != nil {
			t.store.log.Warn("drop an unreadable feed", "err", err)
		}
	}
}

func (t *Turns) reopen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(250 * time.Millisecond):
		}
		if err := t.open(ctx); err == nil {
			return
		}
	}
}
