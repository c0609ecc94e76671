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
	return s.versions(ctx, "rebuild what has been seen of "+feed.String(), feedAlerts(feed), from, yield)
}

// Holds reports whether the stream holds this very version, however old it is.
func (s *Store) Holds(ctx context.Context, a *tributary.Alert) (bool, error) {
	held := false
	err := s.versions(ctx, "look for alert "+a.ID+" of "+a.Feed().String(), alertVersions(a), 1, func(v StoredVersion) {
		held = held || v.EventID == a.EventID()
	})
	return held, err
}

func (s *Store) versions(ctx context.Context, op, subject string, from uint64, yield func(StoredVersion)) error {
	cfg := readerFrom("versions", from, subject)
	cfg.HeadersOnly = true
	err := s.scan(ctx, streamAlerts, cfg, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		env, err := decodeEnvelope(msg.Headers())
		if err == nil {
			var id tributary.EventID
			if id, err = env.eventID(); err == nil {
				yield(StoredVersion{EventID: id, Updated: env.Updated, Sequence: meta.Sequence.Stream})
			}
		}
		if err != nil {
			return fmt.Errorf("message %d: %w", meta.Sequence.Stream, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// Purge removes everything that the stream holds of a feed: its cursor and its
// alerts. The cursor first: from then on a poll under way is refused, and can't
// add to what is being erased.
func (s *Store) Purge(ctx context.Context, feed tributary.Feed) error {
	st, err := s.js.Stream(ctx, streamAlerts)
	if err != nil {
		return fmt.Errorf("erase %s: %w", feed, err)
	}
	return errors.Join(
		st.Purge(ctx, jetstream.WithPurgeSubject(cursorSubject(feed))),
		st.Purge(ctx, jetstream.WithPurgeSubject(feedAlerts(feed))),
	)
}
