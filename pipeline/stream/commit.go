package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"tributary"
)

const (
	// MostAlerts and MostBytes bound one commit. JetStream takes 1,000
	// messages in a batch; a batch costs about the same whatever its size.
	MostAlerts = 500
	MostBytes  = 4 << 20
)

// storedCursor is a cursor as it lies in the stream.
type storedCursor struct {
	Watermark time.Time `json:"watermark"`
	Begun     time.Time `json:"begun"`
	SeenFrom  uint64    `json:"seen_from"`
}

// Committed is what a commit became.
type Committed struct {
	First    uint64 // Stream sequence of the first alert; those that follow are consecutive
	Revision uint64 // of the cursor
	TooLarge int    // alerts that were too large to be kept; each has a dead letter
}

// Commit appends the alerts and moves the feed's cursor in one atomic batch:
// all of it is durable when Commit returns, or none of it. The cursor names
// the Revision that it builds on; if the stored one has another, nothing is
// written and the error is [tributary.ErrConflict]. A full stream or disk is a
// *[tributary.Error] with that code. More than MostAlerts alerts are an error.
func (s *Store) Commit(ctx context.Context, feed tributary.Feed, alerts []tributary.Alert, cursor tributary.Cursor) (Committed, error) {
	op := "commit alerts of " + feed.String()
	if len(alerts) > MostAlerts {
		return Committed{}, fmt.Errorf("%s: %d alerts in one commit, at most %d are allowed", op, len(alerts), MostAlerts)
	}
	if s.disk != nil {
		if err := s.disk.check(); err != nil {
			return Committed{}, err
		}
	}
	select {
	case s.slot <- struct{}{}:
		defer func() { <-s.slot }()
	case <-ctx.Done():
		return Committed{}, ctx.Err()
	}
	var done Committed
	messages := make([]*nats.Msg, 0, len(alerts)+1)
	for i := range alerts {
		msg, letter, err := encode(&alerts[i])
		if err != nil {
			return Committed{}, err
		}
		if letter != nil {
			done.TooLarge++
			if err := s.bury(ctx, *letter); err != nil {
				return Committed{}, err
			}
		}
		messages = append(messages, msg)
	}
	last, err := cursorMessage(feed, cursor)
	if err != nil {
		return Committed{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	seq, err := s.publish(ctx, append(messages, last))
	if err != nil {
		return Committed{}, s.fault(op, feed.Tenant, err)
	}
	done.First = seq - uint64(len(alerts))
	done.Revision = seq
	return done, nil
}

// publish writes the messages as one batch and returns the sequence of the last.
func (s *Store) publish(ctx context.Context, messages []*nats.Msg) (uint64, error) {
	if len(messages) == 1 {
		ack, err := s.js.PublishMsg(ctx, messages[0], jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, err
		}
		return ack.Sequence, nil
	}
	batch, err := jetstreamext.NewBatchPublisher(s.js)
	if err != nil {
		return 0, err
	}
	for _, msg := range messages[:len(messages)-1] {
		if err := batch.AddMsg(msg); err != nil {
			return 0, err
		}
	}
	ack, err := batch.CommitMsg(ctx, messages[len(messages)-1])
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func cursorMessage(feed tributary.Feed, c tributary.Cursor) (*nats.Msg, error) {
	text, err := json.Marshal(storedCursor{Watermark: c.Watermark.UTC(), Begun: c.Begun.UTC(), SeenFrom: c.SeenFrom})
	if err != nil {
		return nil, fmt.Errorf("encode the cursor of %s: %w", feed, err)
	}
	msg := nats.NewMsg(cursorSubject(feed))
	msg.Data = text
	// The fence: a worker that lost the feed to another is refused.
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, fmt.Sprint(c.Revision))
	// One cursor a feed: the batch removes the one before it.
	msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	return msg, nil
}

// Cursor returns where a feed stands; the zero Cursor for one that has never
// been read.
func (s *Store) Cursor(ctx context.Context, feed tributary.Feed) (tributary.Cursor, error) {
	st, err := s.js.Stream(ctx, streamAlerts)
	if err != nil {
		return tributary.Cursor{}, fmt.Errorf("read the cursor of %s: %w", feed, err)
	}
	msg, err := st.GetLastMsgForSubject(ctx, cursorSubject(feed))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return tributary.Cursor{}, nil
	}
	if err != nil {
		return tributary.Cursor{}, fmt.Errorf("read the cursor of %s: %w", feed, err)
	}
	var c storedCursor
	if err := json.Unmarshal(msg.Data, &c); err != nil {
		return tributary.Cursor{}, fmt.Errorf("read the cursor of %s: %w", feed, err)
	}
	return tributary.Cursor{Watermark: c.Watermark, Begun: c.Begun, SeenFrom: c.SeenFrom, Revision: msg.Sequence}, nil
}
