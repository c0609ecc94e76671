// Package splunk delivers alerts to a Splunk HTTP Event Collector (HEC).
//
// The facts about the protocol are Splunk's "Format events for HTTP Event
// Collector", "HTTP Event Collector REST API endpoints" and "About HTTP Event
// Collector Indexer Acknowledgment", and, where those are silent, what was
// measured on Splunk 10.4.
package splunk

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"tributary"
)

// Limits of a request.
const (
	// DefaultMaxBatchBytes is how large a body is before compression. Splunk
	// Cloud cuts bodies off somewhere above 5 MiB.
	DefaultMaxBatchBytes = 2 << 20
	// MaxEventBytes is the largest event that is sent at all.
	MaxEventBytes = 5 << 20
	// leastBatchBytes is how small bodies become at most when a server turns
	// out to take less than it should.
	leastBatchBytes = 64 << 10
)

// Waits.
const (
	DefaultTimeout    = time.Minute     // one request
	DefaultAckTimeout = 5 * time.Minute // after it, unacknowledged events are sent again
	firstAckPoll      = 250 * time.Millisecond
	maxAckPoll        = 10 * time.Second
	ackGrace          = 30 * time.Second // for what was accepted before a later request failed
	maxPace           = 10 * time.Second
)

// AckMode says what confirms an event.
type AckMode string

const (
	// AckAuto: the indexers, where the token has "Enable indexer
	// acknowledgement" set; otherwise the collector's answer.
	AckAuto AckMode = "auto"
	// AckRequired: the indexers. With a token that lacks the setting nothing
	// is sent.
	AckRequired AckMode = "required"
	// AckOff: the collector's answer, whatever the token's setting.
	AckOff AckMode = "off"
)

// Options says which collector, and what the events carry.
type Options struct {
	URL    string           // https://splunk.example.com:8088; the collector's path may be left out
	Token  tributary.Secret // the HEC token
	Client *http.Client     // nil: http.DefaultClient; redirects are never followed

	// Format is the name of the format of the bodies. It chooses the default
	// of SourceType.
	Format     string
	Index      string // empty: the token's default index
	Source     string // empty: tributary:graph, tributary:endpoint, …
	SourceType string // empty: ms:defender:atp:alerts for raw, tributary:ecs for ecs, tributary:<format> for others
	// Host is what the events have as host. Empty: the tenant's slug. Not the
	// device: many alerts have none, some have several, and the customer is
	// what an MSSP splits by; the device is a field of the event.
	Host string

	MaxBatchBytes int           // of a body before compression; zero: DefaultMaxBatchBytes
	Ack           AckMode       // empty: AckAuto
	AckTimeout    time.Duration // zero: DefaultAckTimeout
	Timeout       time.Duration // of one request; zero: DefaultTimeout

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: none
}

// Sender posts events to one collector. It keeps one channel for its life.
type Sender struct {
	base       string // scheme, host and port
	host       string // for errors
	token      tributary.Secret
	client     *http.Client
	channel    string
	envelope   envelope
	ack        AckMode
	ackTimeout time.Duration
	timeout    time.Duration
	now        func() time.Time
	log        *slog.Logger
	wait       waiter // replaced by tests

	mu        sync.Mutex
	closed    bool
	limit     int           // of a body before compression; falls when the server takes less
	pace      time.Duration // before the next request, while the server's queues are nearly full
	ackProved bool          // AckRequired: the token has the setting
	zip       *gzip.Writer
}

var _ tributary.Sender = (*Sender)(nil)

// New returns a sender. It sends nothing: use [Sender.Check] to try the
// collector.
func New(o Options) (*Sender, error) {
	base, err := baseURL(o.URL)
	if err != nil {
		return nil, fmt.Errorf("splunk destination: %w", err)
	}
	token := o.Token.Reveal()
	if token == "" {
		return nil, errors.New("splunk destination: no token: set token to the value of an HTTP Event Collector token")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("splunk destination: the token holds blanks or characters that no HEC token has: copy its value again")
	}
	switch o.Ack {
	case "":
		o.Ack = AckAuto
	case AckAuto, AckRequired, AckOff:
	default:
		return nil, fmt.Errorf("splunk destination: ack %q: use %s, %s or %s", o.Ack, AckAuto, AckRequired, AckOff)
	}
	s := &Sender{
		base: base.String(), host: base.Host, token: o.Token, channel: uuid.NewString(),
		envelope: newEnvelope(o), ack: o.Ack,
		ackTimeout: or(o.AckTimeout, DefaultAckTimeout), timeout: or(o.Timeout, DefaultTimeout),
		limit: or(o.MaxBatchBytes, DefaultMaxBatchBytes),
		now:   o.Now, log: o.Log, wait: waitTimer,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.zip, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
		return nil, fmt.Errorf("splunk destination: %w", err)
	}
	if s.client, err = strictClient(o.Client); err != nil {
		return nil, fmt.Errorf("splunk destination: %w", err)
	}
	if base.Scheme == "http" {
		s.log.Warn("the token and the alerts go to Splunk in clear: use https", "host", s.host)
	}
	return s, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// baseURL checks the address and takes the collector's path off it.
func baseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("no address: set url, such as https://splunk.example.com:8088")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		// The text is not repeated: it may hold a password.
		return nil, errors.New("url is no address such as https://splunk.example.com:8088")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("url must hold no user, password, query or fragment: the token has a place of its own")
	}
	path := strings.TrimSuffix(u.Path, "/")
	for _, suffix := range []string{"/1.0", "/event", "/raw", "/ack", "/health", "/services/collector"} {
		path = strings.TrimSuffix(path, suffix)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}

// strictClient copies a client. The copy follows no redirect, which would
// carry the token to a host that nobody configured, and keeps cookies: load
// balancers use them to bring a channel's requests to the same machine.
func strictClient(c *http.Client) (*http.Client, error) {
	if c == nil {
		c = http.DefaultClient
	}
	strict := *c
	strict.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if strict.Jar == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		strict.Jar = jar
	}
	return &strict, nil
}

// Close ends the sender. Nothing that was confirmed depends on it.
func (s *Sender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.client.CloseIdleConnections()
	}
	return nil
}
