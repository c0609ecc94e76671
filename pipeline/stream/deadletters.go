package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

func tooLargeLetter(a *tributary.Alert) DeadLetter {
	return DeadLetter{
		Destination: CollectDestination, Tenant: a.Tenant, Source: string(a.Source), ID: a.ID,
		EventID: a.EventID().String(), Size: len(a.Raw), At: a.Fetched,
		Reason: fmt.Sprintf("the alert has %d bytes and stays above %d even when compressed", len(a.Raw), MaxBody),
	}
}

// Bury keeps dead letters. The same letter twice is one.
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
	msg := nats.NewMsg("dead." + token(l.Destination) + "." + token(l.Tenant))
	msg.Data = text
	_, err = s.js.PublishMsg(ctx, msg, jetstream.WithMsgID(l.Destination+"/"+l.EventID))
	if err != nil {
		return s.fault("keep the dead letter of alert "+l.ID, l.Tenant, err)
	}
	return nil
}

// encode leaves Microsoft's text as it is: no escaping of < > &. A letter that
// would not fit into a message goes without it.
func (l DeadLetter) encode() ([]byte, error) {
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
	st, err := s.js.Stream(ctx, streamDeadLetters)
	if err != nil {
		return 0, fmt.Errorf("count the dead letters of %s: %w", destination, err)
	}
	info, err := st.Info(ctx, jetstream.WithSubjectFilter("dead."+token(destination)+".>"))
	if err != nil {
		return 0, fmt.Errorf("count the dead letters of %s: %w", destination, err)
	}
	var n uint64
	for _, count := range info.State.Subjects {
		n += count
	}
	return n, nil
}

// PurgeDeadLetters erases a tenant's dead letters of every destination, those
// that never reached one included.
func (s *Store) PurgeDeadLetters(ctx context.Context, tenant string) error {
	st, err := s.js.Stream(ctx, streamDeadLetters)
	if err == nil {
		err = st.Purge(ctx, jetstream.WithPurgeSubject("dead.*."+token(tenant)))
	}
	if err != nil {
		return fmt.Errorf("erase the dead letters of %s: %w", tenant, err)
	}
	return nil
}
