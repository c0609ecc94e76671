package splunk

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"tributary"
	"tributary/siem/splunk/receiver"
)

const testToken = "b7a1c9d2-0000-4000-8000-00000000beef"

// quiet takes what the test servers say about connections that break.
var quiet = log.New(io.Discard, "", 0)

// clock is a time that passes only when somebody waits.
type clock struct {
	mu    sync.Mutex
	t     time.Time
	waits []time.Duration
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	c.waits = append(c.waits, d)
	return ctx.Err()
}

// bundle is a sender, the collector that it sends to, and what that took.
type bundle struct {
	*Sender
	receiver *receiver.Receiver
	clock    *clock

	mu     sync.Mutex
	events []receiver.Event
}

func (b *bundle) taken() []receiver.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]receiver.Event(nil), b.events...)
}

func (b *bundle) bodies() [][]byte {
	var bodies [][]byte
	for _, e := range b.taken() {
		bodies = append(bodies, e.Body)
	}
	return bodies
}

// setup starts a collector on TLS and opens a sender for it.
func setup(t testing.TB, r receiver.Options, o Options) *bundle {
	t.Helper()
	b := &bundle{clock: newClock()}
	if r.Token.IsZero() {
		r.Token = tributary.NewSecret(testToken)
	}
	r.Now = b.clock.now
	r.OnEvent = func(e receiver.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	}
	b.receiver = receiver.New(r)
	server := httptest.NewUnstartedServer(b.receiver)
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	o.URL = server.URL
	o.Client = server.Client()
	if o.Token.IsZero() {
		o.Token = tributary.NewSecret(testToken)
	}
	o.Now = b.clock.now
	b.Sender = open(t, o)
	b.wait = b.clock.wait
	return b
}

func open(t testing.TB, o Options) *Sender {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// against opens a sender for a handler of the test's own.
func against(t *testing.T, h http.HandlerFunc) *Sender {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	s := open(t, Options{URL: server.URL, Client: server.Client(), Token: tributary.NewSecret(testToken)})
	c := newClock()
	s.wait, s.now = c.wait, c.now
	return s
}

// noTrust is a client that knows no certificate authority.
func noTrust() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
}

// noSuchHost dials as where the name doesn't exist.
func noSuchHost(_ context.Context, _, address string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}}
}
