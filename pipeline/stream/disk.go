package stream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

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
			select {
			case <-ctx.Done():
				return
			case <-time.After(settle):
			}
			if s.disk.check() != nil || s.writable(ctx) {
				continue
			}
			s.log.Warn("the stream does not take writes: restarting the embedded server")
			if err := s.srv.restart(); err != nil {
				s.log.Error("restart the embedded server", "err", err)
				continue
			}
			if err := s.memory(ctx); err != nil {
				s.log.Error("rebuild the status", "err", err)
			}
		}
	}
}

// writable proves with a write that the stream is sound, and clears the doubt.
func (s *Store) writable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	kv, err := s.js.KeyValue(ctx, bucketSettings)
	if err == nil {
		_, err = kv.Put(ctx, "write-check", nil)
	}
	if err != nil {
		return false
	}
	s.disk.doubt.Store(false)
	return true
}
