package tributary

import (
	"errors"
	"strings"
	"time"
)

// Fixer is who can mend a failure.
type Fixer string

const (
	FixRetry    Fixer = "retry"           // nobody: we try again
	FixMSSP     Fixer = "mssp"            // us: configuration, secret, registration
	FixCustomer Fixer = "customer"        // the customer's administrator
	FixPolicy   Fixer = "customer-policy" // a policy of the customer's (Conditional Access, tenant restrictions)
)

// String says it in words, as a sentence's subject.
func (f Fixer) String() string {
	switch f {
	case FixRetry:
		return "we retry"
	case FixMSSP:
		return "the MSSP"
	case FixCustomer:
		return "the customer's administrator"
	case FixPolicy:
		return "the customer's policy"
	}
	return string(f)
}

// Error is a failure that tells a person what to do: what was attempted, for
// which tenant, why it failed, who can mend it and what to do next.
type Error struct {
	Code   string // stable name of the condition, such as "consent-missing"
	Op     string // what was attempted, such as "read alerts from graph"
	Tenant string // slug or tenant id; empty where no tenant is concerned
	Err    error  // why it failed
	Fix    Fixer
	Next   string // what to do next, as one sentence without a full stop
	// After is how long the other side asked us to wait before the next
	// attempt; zero where it didn't say.
	After time.Duration
}

// Error is the sentence without the next step, which has a line of its own
// wherever it is shown.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Tenant != "" {
		b.WriteString(e.Tenant + ": ")
	}
	b.WriteString(e.Op)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// AsError returns the Error in err's chain, or nil.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Codes of the conditions that more than one room speaks of.
const (
	CodeThrottled      = "throttled"        // 429
	CodeUnavailable    = "unavailable"      // 5xx, network, cut body: try again
	CodeTooLarge       = "window-too-large" // the answer can't be paged: ask for less
	CodeUnauthorized   = "unauthorized"     // the API refused our token
	CodeForbidden      = "forbidden"        // consent or permission is missing
	CodeNotAuthorised  = "siem-not-authorised"
	CodeSignInAgain    = "sign-in-again" // the grant is dead
	CodeConsentMissing = "consent-missing"
	CodeCredential     = "credential-rejected" // our secret or certificate
	CodePolicy         = "blocked-by-policy"
	CodeTenantUnknown  = "tenant-unknown"
	CodeUnreachable    = "unreachable"
	CodeStreamFull     = "stream-full"
	CodeDiskFull       = "disk-full"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else changed the record since it was read.
	ErrConflict = errors.New("changed by somebody else meanwhile")
)
