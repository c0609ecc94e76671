package stream

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"

	"tributary"
)

// header carries the envelope of an alert, so that a reader that needs only
// identities (the seen-set, a recount) never loads a body.
const header = "Tributary"

// MaxBody is the largest body that one message may carry. A larger alert is
// compressed.
const MaxBody = 7 << 20

// maxEnvelope bounds the envelope as text: JetStream refuses a message with
// headers of 64 kB and more, and would refuse it for ever.
const maxEnvelope = 32 << 10

// envelope is what we know of an alert beside Microsoft's JSON. The names are
// short because every stored alert has them.
type envelope struct {
	EventID     string    `json:"e"`
	Tenant      string    `json:"s"`
	TenantID    string    `json:"t"`
	Source      string    `json:"a"`
	ID          string    `json:"i"`
	Updated     time.Time `json:"u"`
	Fingerprint string    `json:"f,omitempty"`
	Severity    string    `json:"v"`
	Created     time.Time `json:"c,omitzero"`
	Fetched     time.Time `json:"g"`
	PortalURL   string    `json:"p,omitempty"`
	Zstd        bool      `json:"z,omitempty"` // the body is compressed
	TooLarge    int       `json:"x,omitempty"` // the body's size, where it was too large to be kept: it has a dead letter
}

// Encoder and decoder are safe for concurrent EncodeAll and DecodeAll.
var (
	encoder, _ = zstd.NewWriter(nil)
	decoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(512<<20))
)

// encode makes the message of an alert. An alert that is too large even when
// compressed, or whose id is, gives a message without a body whose envelope
// says so: the feed knows the version, no lane delivers it. The letter is what
// becomes of it instead.
func encode(a *tributary.Alert) (msg *nats.Msg, letter *DeadLetter, err error) {
	env := envelope{
		EventID:     a.EventID().String(),
		Tenant:      a.Tenant,
		TenantID:    a.TenantID,
		Source:      string(a.Source),
		ID:          a.ID,
		Updated:     a.Updated.UTC(),
		Fingerprint: a.Fingerprint,
		Severity:    a.Severity.String(),
		Created:     a.Created.UTC(),
		Fetched:     a.Fetched.UTC(),
		PortalURL:   a.PortalURL,
	}
	body := a.Raw
	if len(body) > MaxBody {
		body = encoder.EncodeAll(body, nil)
		env.Zstd = true
		if len(body) > MaxBody {
			body, env.Zstd, env.TooLarge = nil, false, len(a.Raw)
			letter = tooLargeLetter(a)
		}
	}
	text, err := json.Marshal(env)
	if err == nil && len(text) > maxEnvelope {
		body, env.Zstd, env.TooLarge = nil, false, len(a.Raw)
		letter = endlessLetter(a)
		env.ID, env.Fingerprint, env.PortalURL = letter.ID, "", ""
		text, err = json.Marshal(env)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("encode the envelope of alert %q: %w", a.ID, err)
	}
	msg = nats.NewMsg(alertSubject(a))
	msg.Header.Set(header, string(text))
	msg.Data = body
	return msg, letter, nil
}

func decodeEnvelope(h nats.Header) (envelope, error) {
	var env envelope
	text := h.Get(header)
	if text == "" {
		return env, fmt.Errorf("the message has no %s header", header)
	}
	if err := json.Unmarshal([]byte(text), &env); err != nil {
		return env, fmt.Errorf("decode the %s header: %w", header, err)
	}
	return env, nil
}

// alert rebuilds the alert from its envelope and stored body.
func (env envelope) alert(body []byte) (*tributary.Alert, error) {
	if env.Zstd {
		plain, err := decoder.DecodeAll(body, nil)
		if err != nil {
			return nil, fmt.Errorf("decompress alert %q: %w", env.ID, err)
		}
		body = plain
	}
	return &tributary.Alert{
		Version: tributary.Version{
			TenantID:    env.TenantID,
			Source:      tributary.Source(env.Source),
			ID:          env.ID,
			Updated:     env.Updated,
			Fingerprint: env.Fingerprint,
		},
		Tenant:    env.Tenant,
		Severity:  tributary.SeverityOf(env.Severity),
		Created:   env.Created,
		Fetched:   env.Fetched,
		PortalURL: env.PortalURL,
		Raw:       body,
	}, nil
}

func (env envelope) eventID() (tributary.EventID, error) {
	var id tributary.EventID
	if n, err := hex.Decode(id[:], []byte(strings.TrimSpace(env.EventID))); err != nil || n != len(id) {
		return id, fmt.Errorf("event id %q is not %d hexadecimal digits", env.EventID, 2*len(id))
	}
	return id, nil
}
