package stream

import (
	"bytes"
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

// CollectDestination is the name under which dead letters lie that never
// reached a lane: alerts too large to be kept.
const CollectDestination = "_collect"

// DeadLetter is one alert that a destination refused for good.
type DeadLetter struct {
	Destination string    `json:"destination"`
	Tenant      string    `json:"tenant"`
	Source      string    `json:"source"`
	ID          string    `json:"id"`
	EventID     string    `json:"event_id"`
	Reason      string    `json:"reason"`
	At          time.Time `json:"at"`
	Sequence    uint64    `json:"sequence,omitempty"` // of the alert in the stream
	Size        int       `json:"size"`               // of the alert, bytes
	// Raw is Microsoft's JSON, so that the letter outlives the alert's place in
	// the stream. Empty for an alert that was too large.
	Raw json.RawMessage `json:"raw,omitempty"`
}

func tooLargeLetter(a *tributary.Alert) *DeadLetter {
	return &DeadLetter{
		Destination: CollectDestination, Tenant: a.Tenant, Source: string(a.Source), ID: a.ID,
		EventID: a.EventID().String(), Size: len(a.Raw), At: a.Fetched,
		Reason: fmt.Sprintf("the alert has %d bytes and stays above %d even when compressed", len(a.Raw), MaxBody),
	}
}

// endlessLetter is for an alert whose id or link is too long for an envelope.
func endlessLetter(a *tributary.Alert) *DeadLetter {
	l := tooLargeLetter(a)
	l.ID = strings.ToValidUTF8(a.ID[:min(len(a.ID), 200)], "")
	l.Reason = fmt.Sprintf("its id has %d bytes and its link %d, more than a message can name", len(a.ID), len(a.PortalURL))
	l.Raw = a.Raw
	return l
}

// Bury keeps dead letters. A destination's letter about a version is one,
// however often and however late it is buried: after a restart a batch comes
// again, and so do its letters.
func (s *Store) Bury(ctx context.Context, letters ...DeadLetter) error {
	for _, l := range letters {
		if err := s.bury(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) bury(ctx context.Context, l DeadLetter) error {
	text, err := l.encode()
	if err != nil {
		return fmt.Errorf("encode the dead letter of alert %q: %w", l.ID, err)
	}
	msg := nats.NewMsg("dead." + token(l.Destination) + "." + token(l.Tenant) + "." + token(l.EventID))
	msg.Data = text
	_, err = s.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(0))
	if err == nil {
		return nil
	}
	err = s.fault("keep the dead letter of alert "+l.ID, l.Tenant, err)
	if errors.Is(err, tributary.ErrConflict) {
		return nil // it lies there
	}
	if e := tributary.AsError(err); e != nil && e.Code == tributary.CodeStreamFull {
		e.Err = errors.New("dead letters fill the room that they have, a tenth of store.max_bytes")
		e.Next = "see why destinations refuse alerts (tributary destination list), then raise store.max_bytes"
	}
	return err
}

// encode leaves Microsoft's text as it is: no escaping of < > &. What is no
// JSON becomes a string; a letter that can't be written would hold its lane for
// ever. A letter that would not fit into a message goes without the text.
func (l DeadLetter) encode() ([]byte, error) {
	if l.Raw != nil && !json.Valid(l.Raw) {
		text, err := json.Marshal(string(l.Raw))
		if err != nil {
			return nil, err
		}
		l.Raw = text
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(l)
	if err == nil && b.Len() > MaxBody && l.Raw != nil {
		l.Raw = nil
		return l.encode()
	}
	return b.Bytes(), err
}

// DeadLetters counts the dead letters of a destination.
func (s *Store) DeadLetters(ctx context.Context, destination string) (uint64, error) {
	n, err := s.count(ctx, streamDeadLetters, readerFrom("letters", 1, "dead."+token(destination)+".>"))
	if err != nil {
		return 0, fmt.Errorf("count the dead letters of %s: %w", destination, err)
	}
	return n, nil
}

// PurgeDeadLetters erases a tenant's dead letters of every destination, those
// that never reached one included.
func (s *Store) PurgeDeadLetters(ctx context.Context, tenant string) error {
	st, err := s.js.Stream(ctx, streamDeadLetters)
	if err == nil {
		err = st.Purge(ctx, jetstream.WithPurgeSubject("dead.*."+token(tenant)+".>"))
	}
	if err != nil {
		return fmt.Errorf("erase the dead letters of %s: %w", tenant, err)
	}
	return nil
}
