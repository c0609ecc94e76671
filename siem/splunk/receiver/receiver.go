// Package receiver is a Splunk HTTP Event Collector for demonstrations and
// tests: an [http.Handler] that is as strict as Splunk about what it takes,
// answers with Splunk's codes, and hands each event to a callback instead of
// indexing it. It fails on demand.
package receiver

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tributary"
)

// Options says how the collector is set up.
type Options struct {
	Token tributary.Secret // the one token that exists
	// Disabled is the token's state: every request is answered with code 1.
	Disabled bool
	// Ack is the token's option "Enable indexer acknowledgement".
	Ack bool
	// AckAfter is how long indexing takes: an acknowledgement becomes true
	// then. In Splunk it is about a second.
	AckAfter time.Duration
	// Indexes are those that the token may write to. Empty: any.
	Indexes []string
	// MaxContentLength is the largest body, uncompressed; a larger one is
	// answered with status 413. Zero: Splunk's 838,860,800 bytes.
	MaxContentLength int64
	// CloudLimit is Splunk Cloud's limit, which is answered as if the first
	// event were bad (code 6, event 0). Zero: none.
	CloudLimit int64
	// OnEvent gets every event that was taken, one at a time, in the order of
	// the requests and of the events in them. Nil: events are counted only.
	OnEvent func(Event)
	Now     func() time.Time // nil: time.Now
}

// Event is one event as it came.
type Event struct {
	Time       json.Number // seconds; empty where the event had none
	Host       string
	Source     string
	SourceType string
	Index      string
	Body       json.RawMessage // the member event, byte for byte
	Fields     map[string]json.RawMessage
	Channel    string
}

const defaultMaxContentLength = 838_860_800

// Receiver is the handler. It is safe for concurrent use.
type Receiver struct {
	options Options
	mux     *http.ServeMux

	mu     sync.Mutex
	faults []Fault
	refuse func(Event) int
	hung   bool
	acks   map[string]*channel
	stats  Stats
}

// Stats counts what happened so far.
type Stats struct {
	Requests int // to the event endpoint, with a good token
	Events   int // taken
	Acks     int // acknowledgements told
}

// channel is what the collector remembers of a channel.
type channel struct {
	next  uint64
	ready map[uint64]time.Time // when indexing is over, by ackId
}

// New returns a receiver.
func New(o Options) *Receiver {
	if o.MaxContentLength == 0 {
		o.MaxContentLength = defaultMaxContentLength
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Receiver{options: o, mux: http.NewServeMux(), acks: map[string]*channel{}}
	for _, path := range []string{"/services/collector", "/services/collector/event", "/services/collector/event/1.0"} {
		r.mux.HandleFunc("POST "+path, r.events)
	}
	r.mux.HandleFunc("POST /services/collector/ack", r.tellAcks)
	r.mux.HandleFunc("GET /services/collector/health", r.health)
	r.mux.HandleFunc("GET /services/collector/health/1.0", r.health)
	return r
}

// ServeHTTP answers as a collector.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.mux.ServeHTTP(w, req) }

// Stats returns the counts so far.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// authorized answers what is wrong with the request's token and reports
// whether nothing is.
func (r *Receiver) authorized(w http.ResponseWriter, req *http.Request) bool {
	header := req.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case req.URL.Query().Has("token"):
		write(w, reply{Code: 16})
	case header == "":
		write(w, reply{Code: 2})
	case !strings.EqualFold(scheme, "Splunk") || token == "":
		write(w, reply{Code: 3})
	case subtle.ConstantTimeCompare([]byte(token), []byte(r.options.Token.Reveal())) != 1:
		write(w, reply{Code: 4})
	case r.options.Disabled:
		write(w, reply{Code: 1})
	default:
		return true
	}
	return false
}

// channelOf returns the request's channel and reports whether it is as it
// must be; if not, it has answered.
func (r *Receiver) channelOf(w http.ResponseWriter, req *http.Request) (string, bool) {
	id := req.Header.Get("X-Splunk-Request-Channel")
	if id == "" {
		id = req.URL.Query().Get("channel")
	}
	if id == "" {
		if r.options.Ack {
			write(w, reply{Code: 10})
			return "", false
		}
		return "", true
	}
	if _, err := uuid.Parse(id); err != nil {
		write(w, reply{Code: 11})
		return "", false
	}
	return strings.ToLower(id), true
}

func (r *Receiver) health(w http.ResponseWriter, _ *http.Request) { write(w, reply{Code: 17}) }
