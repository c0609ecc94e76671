package defender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/uuid"

	"tributary"
)

// patience is how long a pipeline waits, and where it repeats of itself.
type patience struct {
	retry  time.Duration // before the first of two quick retries; three times that before the second
	header time.Duration // for an answer to begin
	stall  time.Duration // for the next bytes of an answer that has begun
}

// Two retries end within 1.1 seconds: the worker that waits here holds a feed.
// Anything longer is the collector's business.
var usual = patience{retry: 200 * time.Millisecond, header: 2 * time.Minute, stall: time.Minute}

var (
	errNoHeader = errors.New("the service didn't begin to answer in time")
	errStalled  = errors.New("the answer came to a standstill")
)

// maxErrorBody bounds what is read of an answer that holds no alerts.
const maxErrorBody = 64 << 10

// newPipeline builds the azcore pipeline of one reader.
func newPipeline(cfg Config, resource string, p patience) runtime.Pipeline {
	return runtime.NewPipeline("tributary", "", runtime.PipelineOptions{
		PerCall: []policy.Policy{
			telemetry{cfg.UserAgent},
			bearer{cfg.Tokens, cfg.Tenant, resource},
		},
	}, &policy.ClientOptions{
		Retry: policy.RetryOptions{
			MaxRetries:    2,
			RetryDelay:    p.retry,
			MaxRetryDelay: 5 * p.retry,
			ShouldRetry:   passing,
		},
		// azcore's own would call us an Azure SDK and cut our name to 24 bytes.
		Telemetry: policy.TelemetryOptions{Disabled: true},
		Transport: newTransport(cfg.Client, p),
	})
}

// passing says what is worth a quick retry: a connection that broke before the
// answer, and a gateway's bad moment. Where the service says how long to wait,
// the waiting is not ours: a worker must not sleep.
func passing(resp *http.Response, err error) bool {
	if err == nil {
		switch resp.StatusCode {
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return resp.Header.Get("Retry-After") == ""
		}
		return false
	}
	if never(err) {
		return false
	}
	var timeout net.Error
	return !errors.Is(err, errNoHeader) && !(errors.As(err, &timeout) && timeout.Timeout())
}

// never reports whether no connection came about at all.
func never(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns) || distrust(err)
}

// distrust reports whether the other side couldn't be identified.
func distrust(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &authority) ||
		errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &alert)
}

// telemetry says who asks, and names each call so that Microsoft's support can
// find it.
type telemetry struct{ userAgent string }

func (t telemetry) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Set("User-Agent", t.userAgent)
	req.Raw().Header.Set("client-request-id", uuid.NewString())
	return req.Next()
}

// bearer signs a call with the tenant's token. A token that the API refuses is
// given back, and the call is repeated once with another.
type bearer struct {
	tokens   tributary.Tokens
	tenant   tributary.Tenant
	resource string
}

func (b bearer) Do(req *policy.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		token, err := b.tokens.Token(req.Raw().Context(), b.tenant, b.resource)
		if err != nil {
			return nil, err
		}
		req.Raw().Header.Set("Authorization", "Bearer "+token.Value.Reveal())
		resp, err := req.Next()
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			return resp, err
		}
		b.tokens.Reject(b.tenant, b.resource, token)
		if attempt == 2 {
			return resp, nil
		}
		runtime.Drain(resp)
	}
}

// transport sends requests through an http.Client. It follows no redirect (the
// token is for one address), keeps no cookie, bounds the time that an answer
// takes to begin and to go on, and the size of one that is an error.
type transport struct {
	client http.Client
	patience
}

func newTransport(client *http.Client, p patience) *transport {
	t := &transport{patience: p}
	if client != nil {
		t.client = *client
	}
	t.client.Jar = nil
	t.client.Timeout = 0 // it would count the time that the receiver of alerts takes
	t.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return t
}

func (t *transport) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(t.header, func() { cancel(errNoHeader) })
	resp, err := t.client.Do(req.WithContext(ctx))
	timer.Stop()
	if err != nil {
		if context.Cause(ctx) == errNoHeader {
			err = errNoHeader
		}
		cancel(nil)
		return nil, bare(err)
	}
	resp.Body = &body{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, stall: t.stall}
	if resp.StatusCode >= 300 {
		resp.Body = &explanation{resp.Body, maxErrorBody}
	}
	return resp, nil
}

// bare takes the address out of a client's error: its query is noise at best.
func bare(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// body is an answer that may not stand still. Only waiting for the service
// counts, not what is done with its bytes.
type body struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	stall  time.Duration
	timer  *time.Timer
}

func (b *body) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.stall, func() { b.cancel(errStalled) })
	} else {
		b.timer.Reset(b.stall)
	}
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); cause == errStalled || cause == errNoHeader {
			err = cause
		}
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// explanation is the body of an error: its beginning, as far as it came. That
// it was cut matters less than what it explains.
type explanation struct {
	io.ReadCloser
	left int
}

func (e *explanation) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n, err := e.ReadCloser.Read(p[:min(len(p), e.left)])
	e.left -= n
	if err != nil {
		e.left, err = 0, io.EOF
	}
	return n, err
}
