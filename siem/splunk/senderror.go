package splunk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"tributary"
)

var errClosed = errors.New("the destination is closed")

// next says for each code what the operator can do.
var next = map[int]string{
	1:                  "enable the token in Splunk (Settings > Data inputs > HTTP Event Collector)",
	2:                  "no Authorization header arrived: look for a proxy that drops it",
	3:                  "the Authorization header arrived changed: look for a proxy that does so",
	4:                  "set token to the value of a token of this Splunk (Settings > Data inputs > HTTP Event Collector)",
	codeNoData:         "the request arrived without its body: look for a proxy that drops it or can't pass on gzip",
	codeIncorrectIndex: "allow the index for the token in Splunk, or set another index",
	10:                 "no channel arrived: look for a proxy that drops the header X-Splunk-Request-Channel",
	11:                 "the channel arrived changed: look for a proxy that changes the header X-Splunk-Request-Channel",
	codeAckDisabled:    "switch on indexer acknowledgement for the token in Splunk, or set ack to auto",
	16:                 "look for a proxy that moves the token into the query",
	17:                 "the answer is that of the health page: set url to the collector itself",
	21:                 "set token to the value of a token of this Splunk (Settings > Data inputs > HTTP Event Collector)",
	22:                 "enable the token in Splunk (Settings > Data inputs > HTTP Event Collector)",
	28:                 "no channel arrived: make the load balancer pass on X-Splunk-Request-Channel and keep a channel on one indexer",
}

// sendError makes what Send returns.
func (s *Sender) sendError(kind tributary.SendKind, next string, format string, args ...any) *tributary.SendError {
	return &tributary.SendError{Kind: kind, Next: next, Err: fmt.Errorf("splunk destination %s: "+format, append([]any{s.host}, args...)...)}
}

// refusedRequest is an answer that stops the whole request.
func (s *Sender) refusedRequest(what string, a answer, v verdict) *tributary.SendError {
	e := s.sendError(tributary.SendRetry, "", "%s: %s", what, s.redact(a.words()))
	if v == later {
		e.After = a.after
		return e
	}
	e.Kind = tributary.SendMisconfigured
	e.Next = next[a.code]
	switch {
	case e.Next != "":
	case a.status >= 300 && a.status < 400:
		e.Next = "set url to the address that answers by itself: redirects are not followed, because they would carry the token elsewhere"
	case a.status == 404 || a.status == 405:
		e.Next = "set url to the HTTP Event Collector (port 8088 as a rule), not to Splunk's web or management port"
	case a.status == 401 || a.status == 403 || a.status == 407:
		e.Next = "something before Splunk refuses the request: let it through, or correct the token"
	default:
		e.Next = "the answer is not that of an HTTP Event Collector: check url, and what stands before Splunk"
	}
	return e
}

// unreachable is a request without an answer.
func (s *Sender) unreachable(what string, err error) *tributary.SendError {
	// A *url.Error repeats method and URL.
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	e := s.sendError(tributary.SendRetry, "", "%s: %w", what, redacted{err, s.redact(err.Error())})
	if nextStep := configurationFault(err); nextStep != "" {
		e.Kind, e.Next = tributary.SendMisconfigured, nextStep
	}
	return e
}

// configurationFault tells the failures that no waiting mends.
func configurationFault(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		dns     *net.DNSError
	)
	switch {
	case errors.As(err, &unknown):
		return "set ca_file to the certificate authority that signed Splunk's certificate"
	case errors.As(err, &name):
		return "set url to a name that stands in Splunk's certificate"
	case errors.As(err, &invalid):
		return "renew Splunk's certificate"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the collector speaks no TLS: enable SSL in Splunk's global HEC settings, or set url to http://"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "correct the host name in url"
	}
	return ""
}

// cancelled wraps what ended the context.
func (s *Sender) cancelled(ctx context.Context) *tributary.SendError {
	return s.sendError(tributary.SendRetry, "", "%w", context.Cause(ctx))
}

// redact keeps the token out of foreign text: a proxy may well print the
// headers that it got.
func (s *Sender) redact(text string) string {
	return strings.ReplaceAll(text, s.token.Reveal(), "[redacted]")
}

// redacted is an error with another text.
type redacted struct {
	error
	text string
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.error }
