package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/uuid"
)

// patience is how long a client waits, and how often it tries.
type patience struct {
	retry  time.Duration // before the first of three quick retries, then growing
	answer time.Duration // for one whole answer
	after  time.Duration // the longest Retry-After that is waited for here
	settle time.Duration // the unit in which a change's spreading is waited for
}

// A person waits for these calls, so a short throttling is sat out, and a long
// one is told.
var usual = patience{retry: 500 * time.Millisecond, answer: time.Minute, after: 30 * time.Second, settle: time.Second}

// retrying puts the retry rule of one call into its context. A call that must
// not be made twice is repeated only where it certainly wasn't processed.
func retrying(ctx context.Context, p patience, once bool) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{
		MaxRetries:    3,
		TryTimeout:    p.answer,
		RetryDelay:    p.retry,
		MaxRetryDelay: p.after,
		ShouldRetry: func(resp *http.Response, err error) bool {
			if err != nil {
				return !distrust(err) && !errors.Is(err, context.Canceled) && (never(err) || !once)
			}
			switch resp.StatusCode {
			case http.StatusTooManyRequests:
			case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
				if once {
					return false
				}
			default:
				return false
			}
			return retryAfter(resp.Header, serverTime(resp.Header)) <= p.after
		},
	})
}

func newPipeline(cfg Config, resource string) runtime.Pipeline {
	return runtime.NewPipeline("tributary", "", runtime.PipelineOptions{
		PerCall:  []policy.Policy{bearer{cfg, resource}},
		PerRetry: []policy.Policy{named{cfg.UserAgent}},
	}, &policy.ClientOptions{
		Telemetry: policy.TelemetryOptions{Disabled: true}, // it would call us an Azure SDK
		Transport: newTransport(cfg.Client),
	})
}

// named says who asks, and names each attempt so that Microsoft's support can
// find it.
type named struct{ userAgent string }

func (n named) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Set("User-Agent", n.userAgent)
	req.Raw().Header.Set("client-request-id", uuid.NewString())
	return req.Next()
}

// bearer signs a call. A token that is refused is given back, and the call is
// made once more with another: with 401 nothing was done.
type bearer struct {
	cfg      Config
	resource string
}

func (b bearer) Do(req *policy.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		token, err := b.cfg.Token(req.Raw().Context(), b.resource)
		if err != nil {
			return nil, tokenError{err}
		}
		req.Raw().Header.Set("Authorization", "Bearer "+token.Value.Reveal()) // sent to the API that it is for
		resp, err := req.Next()
		if err != nil || resp.StatusCode != http.StatusUnauthorized || b.cfg.Reject == nil {
			return resp, err
		}
		b.cfg.Reject(b.resource, token)
		if attempt == 2 {
			return resp, nil
		}
		runtime.Drain(resp)
		if err := req.RewindBody(); err != nil {
			return nil, err
		}
	}
}

// tokenError is a failure to get a token: nothing was sent.
type tokenError struct{ error }

func (e tokenError) Unwrap() error { return e.error }

// transport sends requests through an http.Client. It follows no redirect (the
// token is for one address) and keeps no cookie.
type transport struct{ client http.Client }

func newTransport(client *http.Client) *transport {
	t := &transport{}
	if client != nil {
		t.client = *client
	}
	t.client.Jar = nil
	t.client.Timeout = 0 // TryTimeout counts
	t.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return t
}

func (t *transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.client.Do(req)
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err // its text repeats the whole address
	}
	return resp, err
}

// never reports whether no connection came about: nothing was sent.
func never(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

// distrust reports whether the other side couldn't be identified.
func distrust(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &verification) || errors.As(err, &record) ||
		errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &alert)
}
