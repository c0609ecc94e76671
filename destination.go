package tributary

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Filter chooses the alerts of one destination. The zero Filter takes all.
type Filter struct {
	Tenants     []string // slugs; empty: all
	Sources     []Source // empty: all
	MinSeverity Severity // alerts of unknown severity pass only when this is SeverityUnknown
}

// Match reports whether the filter takes the alert.
func (f Filter) Match(a *Alert) bool {
	return (len(f.Tenants) == 0 || slices.Contains(f.Tenants, a.Tenant)) &&
		(len(f.Sources) == 0 || slices.Contains(f.Sources, a.Source)) &&
		a.Severity >= f.MinSeverity
}

// Format turns an alert into what a destination stores. It is a pure function:
// the same alert gives the same bytes. An error means that this alert can't be
// written in this format at all; it then becomes a dead letter.
type Format func(*Alert) ([]byte, error)

// Record is one alert on its way to a destination.
type Record struct {
	Alert *Alert
	Body  []byte // the alert in the destination's format
}

// Sender delivers records to one destination. One goroutine at a time calls
// it. A cancelled context ends a call soon, with an error.
type Sender interface {
	// Send delivers the records in order and returns when the destination has
	// confirmed them as far as its protocol can (docs/destinations.md says how
	// far that is). With a nil error every record is settled: confirmed, or
	// listed as refused. With an error the first Result.Settled records are
	// settled and the rest are to be sent again after the delay that the
	// *[SendError] asks for.
	Send(ctx context.Context, records []Record) (Result, error)
	// Close releases what the sender holds. Nothing confirmed depends on it.
	Close() error
}

// Result is a destination's answer to one batch.
type Result struct {
	Settled int       // how many records, from the first, need not be sent again
	Refused []Refusal // among the settled ones
	Answer  string    // the destination's own words, for the receipt
}

// Refusal is one record that the destination will never take.
type Refusal struct {
	Index  int    // in the batch
	Reason string // the destination's own words
}

// SendKind says what a failed batch needs.
type SendKind string

const (
	// SendRetry: the destination is away or busy; the same batch may pass later.
	SendRetry SendKind = "retry"
	// SendMisconfigured: nothing will pass until a person changes something.
	// The lane keeps its place and goes on trying, slowly.
	SendMisconfigured SendKind = "misconfigured"
)

// SendError is why a batch was not delivered.
type SendError struct {
	Kind  SendKind
	Err   error
	After time.Duration // what the destination asked us to wait; zero where it didn't say
	Next  string        // what the operator can do; empty for a plain retry
}

func (e *SendError) Error() string { return e.Err.Error() }
func (e *SendError) Unwrap() error { return e.Err }

// AsSendError returns the SendError in err's chain. Any other error counts as
// one to retry.
func AsSendError(err error) *SendError {
	var e *SendError
	if errors.As(err, &e) {
		return e
	}
	return &SendError{Kind: SendRetry, Err: err}
}
