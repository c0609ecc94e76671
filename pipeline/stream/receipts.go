package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tributary"
)

// Receipt is a destination's acknowledgement of one batch. The last receipt
// of a destination is its lane's place: everything up to To is settled.
type Receipt struct {
	Destination string    `json:"destination"`
	From        uint64    `json:"from"` // Stream sequences of the batch, both included
	To          uint64    `json:"to"`
	Count       int       `json:"count"`   // records settled
	Refused     int       `json:"refused"` // of those, turned into dead letters
	At          time.Time `json:"at"`
	Answer      string    `json:"answer,omitempty"` // the destination's words
	// Tenants counts the delivered records by tenant, for the proof.
	Tenants map[string]int `json:"tenants,omitempty"`
}

func receiptSubject(destination string) string { return "receipt." + token(destination) }

// keepReceipt writes the receipt durably. Repeating it changes nothing.
func (s *Store) keepReceipt(ctx context.Context, r Receipt) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the receipt of %s: %w", r.Destination, err)
	}
	msg := nats.NewMsg(receiptSubject(r.Destination))
	msg.Data = text
	_, err = s.js.PublishMsg(ctx, msg, jetstream.WithMsgID(fmt.Sprintf("%s/%d-%d", r.Destination, r.From, r.To)))
	if err != nil {
		return s.fault("keep the receipt of "+r.Destination, "", err)
	}
	return nil
}

// LastReceipt returns a destination's newest receipt, or [tributary.ErrNotFound].
func (s *Store) LastReceipt(ctx context.Context, destination string) (Receipt, error) {
	op := "read the place of " + destination
	st, err := s.js.Stream(ctx, streamReceipts)
	if err != nil {
		return Receipt{}, fmt.Errorf("%s: %w", op, err)
	}
	msg, err := st.GetLastMsgForSubject(ctx, receiptSubject(destination))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Receipt{}, fmt.Errorf("%s: %w", op, tributary.ErrNotFound)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("%s: %w", op, err)
	}
	var r Receipt
	if err := json.Unmarshal(msg.Data, &r); err != nil {
		return Receipt{}, fmt.Errorf("%s: %w", op, err)
	}
	return r, nil
}

// TrimReceipts removes receipts that are older than an age, but never the last
// one of a destination: that is its place.
func (s *Store) TrimReceipts(ctx context.Context, age time.Duration) error {
	const op = "trim the receipts"
	st, err := s.js.Stream(ctx, streamReceipts)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	info, err := st.Info(ctx, jetstream.WithSubjectFilter("receipt.>"))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	young, err := s.firstSince(ctx, streamReceipts, time.Now().Add(-age), info.State.LastSeq)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	for subject, n := range info.State.Subjects {
		if n < 2 {
			continue
		}
		last, err := st.GetLastMsgForSubject(ctx, subject)
		if err == nil && min(last.Sequence, young) > 1 {
			err = st.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(min(last.Sequence, young)))
		}
		if err != nil {
			return fmt.Errorf("%s of %s: %w", op, subject, err)
		}
	}
	return nil
}
