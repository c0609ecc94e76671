package entra

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"tributary"
)

// fromNetwork says why no answer came from a host.
func fromNetwork(host string, err error) *tributary.Error {
	var asURL *url.Error
	for errors.As(err, &asURL) { // says Post and the whole address, which the reader has no use for
		if u, perr := url.Parse(asURL.URL); host == "" && perr == nil {
			host = u.Host
		}
		err = asURL.Err
	}
	if host == "" {
		host = "the identity service"
	}
	e := &tributary.Error{Code: tributary.CodeUnreachable, Fix: tributary.FixRetry}
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		op        *net.OpError
		timeout   net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		e.Code = tributary.CodeUnavailable
		e.Err = fmt.Errorf("stopped before %s answered: %w", host, context.Canceled)
		e.Next = "start it again"
	case errors.As(err, &dns):
		e.Err = fmt.Errorf("can't find the address of %s: %w", host, redacted(err))
		e.Next = "check this machine's DNS and the cloud's login address; we keep trying"
	case errors.As(err, &authority):
		e.Fix = tributary.FixMSSP
		e.Err = fmt.Errorf("%s shows a certificate of an authority that this machine doesn't trust: %w", host, redacted(err))
		e.Next = "if a proxy or a laboratory stands there, give its authority's certificate as the cloud's ca_file"
	case errors.As(err, &hostname):
		e.Fix = tributary.FixMSSP
		e.Err = fmt.Errorf("%s shows another host's certificate: %w", host, redacted(err))
		e.Next = "check the cloud's login address, the DNS and the proxy"
	case errors.As(err, &invalid):
		e.Fix = tributary.FixMSSP
		e.Err = fmt.Errorf("%s shows a certificate that isn't valid: %w", host, redacted(err))
		e.Next = "check this machine's clock and the proxy"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		e.Fix = tributary.FixMSSP
		e.Err = fmt.Errorf("%s doesn't speak TLS", host)
		e.Next = "check the port of the cloud's login address"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		e.Err = fmt.Errorf("the proxy before %s doesn't answer: %w", host, redacted(err))
		e.Next = "check the proxy's address and that it runs; we keep trying"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Err = fmt.Errorf("%s didn't answer in time: %w", host, redacted(err))
		e.Next = "check that a firewall lets this machine reach " + host + " by https; we keep trying"
	case errors.Is(err, errTooLong):
		own := unusable(host)
		own.Err = fmt.Errorf("%s: %w", host, err)
		return own
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Code = tributary.CodeUnavailable
		e.Err = fmt.Errorf("the answer of %s broke off: %w", host, err)
		e.Next = "nothing to do: we try again"
	default:
		e.Err = fmt.Errorf("can't reach %s: %w", host, redacted(err))
		e.Next = "check that this machine reaches " + host + " by https, directly or by the proxy; we keep trying"
	}
	return e
}

// redactedError has the chain of an error and a text without user names and
// passwords of URLs.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

func redacted(err error) error {
	text := redactUserInfo(err.Error())
	if text == err.Error() {
		return err
	}
	return &redactedError{strings.TrimSpace(text), err}
}
