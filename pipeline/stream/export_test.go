package stream

import "github.com/nats-io/nats.go/jetstream"

// Restart restarts the embedded server under the store's connection, as the
// disk guard does.
func (s *Store) Restart() error { return s.srv.restart() }

// Away stops the embedded server, and returns what starts it again.
func (s *Store) Away() func() error {
	s.srv.stop()
	return s.srv.start
}

// URL is where the embedded server listens.
func (s *Store) URL() string { return s.srv.url() }

// JetStream is the store's own way to the server.
func (s *Store) JetStream() jetstream.JetStream { return s.js }

// NoReserve lets the disk fill up under JetStream. Call it before anything
// else.
func (s *Store) NoReserve() { s.disk.reserve = 0 }

// Suspect has the store prove itself, as after a write that failed.
func (s *Store) Suspect() { s.disk.suspect() }

// Suspected reports whether it has not done so yet.
func (s *Store) Suspected() bool { return s.disk.doubt.Load() }
