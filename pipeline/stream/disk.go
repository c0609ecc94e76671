package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tributary"
)

// diskGuard keeps JetStream away from a full disk. JetStream's answer to one
// is sticky: writes time out even after there is room again.
type diskGuard struct {
	dir     string
	reserve uint64
	doubt   atomic.Bool // a write failed in a way that only a restart mends
	wake    chan struct{}
}

func newDiskGuard(dir string, reserve uint64) *diskGuard {
	return &diskGuard{dir: dir, reserve: reserve, wake: make(chan struct{}, 1)}
}

// check refuses while the free space is below the reserve.
func (g *diskGuard) check() error {
	free, err := freeBytes(g.dir)
	if err != nil {
		return fmt.Errorf("look at the free space of %s: %w", g.dir, err)
	}
	if free >= g.reserve {
		return nil
	}
	return &tributary.Error{
		Code: tributary.CodeDiskFull, Op: "write to the store " + g.dir,
		Err:  fmt.Errorf("only %d MiB are free, %d MiB are kept in reserve", free>>20, g.reserve>>20),
		Fix:  tributary.FixMSSP,
		Next: "free some space on that disk; collecting goes on by itself, and Microsoft keeps the alerts meanwhile",
	}
}

// short reports that the reserve is not far.
func (g *diskGuard) short() bool {
	free, err := freeBytes(g.dir)
	return err == nil && free < 2*g.reserve
}

func (g *diskGuard) suspect() {
	g.doubt.Store(true)
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// watchDisk restarts the embedded server after a write error, once there is
// room. Connections, and the lanes on them, come back by themselves.
func (s *Store) watchDisk(ctx context.Context) {
	const settle = 2 * time.Second // between a failure and the attempt to mend it
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.disk.wake:
		}
		for s.disk.doubt.Load() {
			pause(ctx, settle)
			if ctx.Err() != nil {
				return
			}
			if s.disk.check() != nil || s.sound(ctx) {
				continue
			}
			s.log.Warn("the stream does not take writes: restarting the embedded server")
			if err := s.srv.restart(); err != nil {
				s.log.Error("restart the embedded server", "err", err)
				continue
			}
			if err := writeInstance(s.dir, s.srv.url()); err != nil {
				s.log.Error("say where the restarted server listens", "err", err)
			}
		}
	}
}

// checkSubjects name a message for each stream on disk that nobody reads. A
// write error closes one stream for good and leaves the others alone, so each
// must prove itself.
func checkSubjects() []string {
	var subjects []string
	for _, cfg := range layout(0) {
		root, _, _ := strings.Cut(cfg.Subjects[0], ".")
		subjects = append(subjects, root+"."+checkToken)
	}
	for _, cfg := range buckets() {
		subjects = append(subjects, "$KV."+cfg.Bucket+"."+checkToken)
	}
	return subjects
}

const checkToken = "_check" // no slug, no name of a destination is written so

// sound proves with writes that every stream takes them, and clears the doubt.
// A restarted server has no status any more: that is made again here too, as
// the connection may need a moment to come back.
func (s *Store) sound(ctx context.Context) bool {
	s.disk.doubt.Store(false) // what fails from here on is doubted anew
	err := s.memory(ctx)
	for _, subject := range checkSubjects() {
		if err != nil {
			break
		}
		err = s.prove(ctx, subject)
	}
	if err != nil {
		s.log.Debug("the stream is not sound", "err", err)
		s.disk.doubt.Store(true)
	}
	return err == nil
}

// prove writes a message and takes it back. A refusal is an answer too: a full
// stream is sound.
func (s *Store) prove(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	msg := nats.NewMsg(subject)
	if strings.HasPrefix(subject, "$KV.") {
		msg.Header.Set("KV-Operation", "PURGE") // a record that isn't there
	}
	ack, err := s.js.PublishMsg(ctx, msg)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == errCodeStoreFailed {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", subject, err)
	}
	st, err := s.js.Stream(ctx, ack.Stream)
	if err == nil {
		err = st.DeleteMsg(ctx, ack.Sequence)
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("take back what was written to %s: %w", subject, err)
	}
	return nil
}
