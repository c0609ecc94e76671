package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tributary"
)

// Transport is the way to a server: whom to trust besides the system's roots,
// and through which proxy. The zero Transport trusts the system's roots and
// takes the proxy from the environment (HTTPS_PROXY, NO_PROXY).
type Transport struct {
	CA    []byte   // PEM certificates
	Proxy *url.URL // without user and password, so that it can be shown
	// ProxyUser is user or user:password, as they stand in a URL.
	ProxyUser tributary.Secret
}

// responseWait is how long a server may think before it answers. The whole
// answer has no limit here: a page of alerts may take minutes and is read as a
// stream, under the caller's context.
const responseWait = 60 * time.Second

// Client returns a client for the servers behind t. It speaks TLS 1.2 or
// later, and does not follow redirects: none of the APIs sends them, and
// following one would carry a token to a host that nobody configured.
func (t Transport) Client() (*http.Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(t.CA) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			// A system without roots, such as an empty container: our own will do.
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(t.CA) {
			return nil, errors.New("build the client: no certificate in the CA file")
		}
		trust.RootCAs = roots
	}
	proxy := http.ProxyFromEnvironment
	if t.Proxy != nil {
		through := *t.Proxy
		if user := t.ProxyUser.Reveal(); user != "" {
			info, err := userinfo(user)
			if err != nil {
				return nil, err
			}
			through.User = info
		}
		proxy = http.ProxyURL(&through)
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               proxy,
			DialContext:         dialer.DialContext,
			TLSClientConfig:     trust,
			TLSHandshakeTimeout: 10 * time.Second,
			ForceAttemptHTTP2:   true,
			// Hundreds of tenants share a host, and a dozen or two of them are
			// read at a time.
			MaxIdleConns:          256,
			MaxIdleConnsPerHost:   32,
			IdleConnTimeout:       90 * time.Second,
			ResponseHeaderTimeout: responseWait,
			ExpectContinueTimeout: time.Second,
			// A connection that a firewall dropped in silence is found in half
			// a minute, not when the kernel gives up.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 20 * time.Second, PingTimeout: 10 * time.Second},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func userinfo(user string) (*url.Userinfo, error) {
	name, password, has := strings.Cut(user, ":")
	name, err := url.PathUnescape(name)
	if err == nil {
		password, err = url.PathUnescape(password)
	}
	if err != nil {
		return nil, fmt.Errorf("build the client: the proxy's user or password is not encoded as in a URL")
	}
	if !has {
		return url.User(name), nil
	}
	return url.UserPassword(name, password), nil
}
