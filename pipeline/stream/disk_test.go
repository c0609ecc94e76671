package stream_test

import (
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"tributary/pipeline/stream"
)

// After a restart of the server under it the store does all that it did, and
// its proof that it does leaves nothing behind.
func TestDoubtIsCleared(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	if err := s.Restart(); err != nil { // the status, in memory, is gone
		t.Fatal(err)
	}
	s.Suspect()
	await(t, "the proof that the stream is sound", func() bool {
		return !s.Suspected() && s.PutLaneStatus(t.Context(), stream.LaneStatus{Destination: "soc"}) == nil
	})
	await(t, "the proofs to be taken back", func() bool {
		names := s.JetStream().StreamNames(t.Context())
		n, left := 0, 0
		for name := range names.Name() {
			st, err := s.JetStream().Stream(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			info, err := st.Info(t.Context(), jetstream.WithSubjectFilter(">"))
			if err != nil {
				t.Fatal(err)
			}
			for subject := range info.State.Subjects {
				if strings.Contains(subject, "check") {
					left++
				}
			}
			n++
		}
		return n == 9 && left == 0
	})
	if all, err := s.Tenants(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("tenants %v, %v", all, err)
	}
}

// Somebody else may take the port while the server is away.
func TestRestartedServerIsFoundOnAnotherPort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, stream.Options{Dir: dir})
	before := s.URL()
	back := s.Away()
	other, err := net.Listen("tcp", strings.TrimPrefix(before, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := back(); err != nil {
		t.Fatal(err)
	}
	if s.URL() == before {
		t.Fatal("the port is the same: the test shows nothing")
	}
}
