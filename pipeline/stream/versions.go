package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tributary"
)

// StoredVersion is the identity of a version that the stream holds.
type StoredVersion struct {
	EventID  tributary.EventID
	Updated  time.Time
	Sequence uint64
}

// Versions hands every version of a feed that lies at or after a sequence to
// yield, in order. Only headers are read. It is what a seen-set is rebuilt
// from, so it is exact: an error means that the set is not complete.
func (s *Store) Versions(ctx context.Context, feed tributary.Feed, from uint64, yield func(StoredVersion)) error {
	op := "rebuild what has been seen of " + feed.String()
	consumer, err := s.js.OrderedConsumer(ctx, streamAlerts, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{feedAlerts(feed)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    max(from, 1),
		HeadersOnly:    true,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	pending := consumer.CachedInfo().NumPending
	if pending == 0 {
		return nil
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1000))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		env, err := decodeEnvelope(msg.Headers())
		if err == nil {
			var id tributary.EventID
			if id, err = env.eventID(); err == nil {
				yield(StoredVersion{EventID: id, Updated: env.Updated, Sequence: meta.Sequence.Stream})
			}
		}
		if err != nil {
			return fmt.Errorf("%s: message %d: %w", op, meta.Sequence.Stream, err)
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}

// Purge removes everything that the stream holds of a feed: its alerts and
// its cursor.
func (s *Store) Purge(ctx context.Context, feed tributary.Feed) error {
	st, err := s.js.Stream(ctx, streamAlerts)
	if err != nil {
		return fmt.Errorf("erase %s: %w", feed, err)
	}
	return errors.Join(
		st.Purge(ctx, jetstream.WithPurgeSubject(feedAlerts(feed))),
		st.Purge(ctx, jetstream.WithPurgeSubject(cursorSubject(feed))),
	)
}
