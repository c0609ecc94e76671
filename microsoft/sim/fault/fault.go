// Package fault decides which requests to the simulated Microsoft go wrong,
// and how. It only decides: carrying a fault out is the server's part.
package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Kind is what goes wrong.
type Kind string

// The kinds. All but the last two strike single requests.
const (
	Throttle     Kind = "429"
	ServerError  Kind = "500"
	Slow         Kind = "slow"          // the answer begins late
	CutBody      Kind = "cut-body"      // the connection ends inside the body
	InvalidJSON  Kind = "invalid-json"  // 200 with a body that is no JSON
	ExpiredToken Kind = "expired-token" // 401 although the token is fresh
	RevokedGrant Kind = "revoked-grant" // the tenant's refresh tokens end, once, when the fault is set
	ClockSkew    Kind = "clock-skew"    // the service's clock differs from ours
)

var kinds = []Kind{Throttle, ServerError, Slow, CutBody, InvalidJSON, ExpiredToken, RevokedGrant, ClockSkew}

// RetryAfter is how a 429 says when to come back.
type RetryAfter string

// The forms of the Retry-After header.
const (
	InSeconds RetryAfter = "seconds"
	AsDate    RetryAfter = "date"
	NotSaid   RetryAfter = "none"
)

// The Sources of faults that strike what is no alert API: the identity
// service's token endpoint, and Microsoft Graph's and Partner Center's directory
// calls. They know [Throttle], [ServerError] and [Slow].
const (
	Login     tributary.Source = "login"
	Directory tributary.Source = "directory"
)

// plain reports whether a source has faults of its own, and only the simple
// kinds.
func plain(source tributary.Source) bool { return source == Login || source == Directory }

// Fault is one thing that goes wrong, and how often.
type Fault struct {
	Kind Kind `json:"kind"`
	// Probability that a request is struck, from 0 to 1. Zero with a Count
	// means that each request is struck until the count is used up.
	Probability float64 `json:"probability,omitempty"`
	// Count is how many requests are struck at most, over all tenants; zero is
	// no limit.
	Count int `json:"count,omitempty"`
	// Tenant is a tenant id or a slug, Source an API, [Login] or [Directory];
	// empty is all tenants, and all alert APIs.
	Tenant string           `json:"tenant,omitempty"`
	Source tributary.Source `json:"source,omitempty"`

	RetryAfter Duration   `json:"retry_after,omitempty"` // of a Throttle; zero is one second
	Form       RetryAfter `json:"form,omitempty"`        // of a Throttle; empty is seconds
	Delay      Duration   `json:"delay,omitempty"`       // of a Slow one; zero is one second
	Skew       Duration   `json:"skew,omitempty"`        // of a ClockSkew: how far the service is ahead
}

// Duration is a time.Duration that JSON writes as "1.5s".
type Duration time.Duration

// MarshalText writes it as time.Duration prints.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Check reports the first thing that is wrong with the fault.
func (f Fault) Check() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("fault %q: %w", f.Kind, fmt.Errorf(format, args...))
	}
	if !slices.Contains(kinds, f.Kind) {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = string(k)
		}
		return wrong("use one of %s", strings.Join(names, ", "))
	}
	if f.Source != "" && !plain(f.Source) {
		if _, err := tributary.ParseSource(string(f.Source)); err != nil {
			return wrong("%w", err)
		}
	}
	switch f.Kind {
	case ClockSkew:
		return nil
	case RevokedGrant:
		if f.Tenant == "" {
			return wrong("name the tenant whose grant is revoked: nobody heals a revoked grant but a person who signs in again")
		}
		return nil
	}
	switch {
	case f.Probability < 0 || f.Probability > 1:
		return wrong("probability %v: use a number from 0 to 1", f.Probability)
	case f.Count < 0:
		return wrong("count %d: use a positive number", f.Count)
	case f.Probability == 0 && f.Count == 0:
		return wrong("give a probability, a count, or both")
	case f.RetryAfter < 0 || f.Delay < 0:
		return wrong("a negative duration")
	case f.Form != "" && f.Form != InSeconds && f.Form != AsDate && f.Form != NotSaid:
		return wrong("form %q: use %s, %s or %s", f.Form, InSeconds, AsDate, NotSaid)
	case plain(f.Source) && f.Kind != Throttle && f.Kind != ServerError && f.Kind != Slow:
		return wrong("the %s knows only %s, %s and %s", f.Source, Throttle, ServerError, Slow)
	}
	return nil
}

// Check reports what is wrong with a list.
func Check(list []Fault) error {
	var errs []error
	for _, f := range list {
		errs = append(errs, f.Check())
	}
	return errors.Join(errs...)
}

// All is a mix of all faults at once that a correct client survives within
// seconds: about one request in four is struck. Revoked grants are not in it,
// because only a person can mend one.
func All() []Fault {
	return []Fault{
		{Kind: ClockSkew, Skew: Duration(97 * time.Second)},
		{Kind: Slow, Probability: 0.04, Delay: Duration(250 * time.Millisecond)},
		{Kind: Throttle, Probability: 0.04, RetryAfter: Duration(time.Second)},
		{Kind: Throttle, Probability: 0.02, RetryAfter: Duration(time.Second), Form: AsDate},
		{Kind: Throttle, Probability: 0.01, Form: NotSaid},
		{Kind: ServerError, Probability: 0.05},
		{Kind: CutBody, Probability: 0.05},
		{Kind: InvalidJSON, Probability: 0.04},
		{Kind: ExpiredToken, Probability: 0.03},
	}
}
