package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tributary"
)

// Options of a store.
type Options struct {
	Dir string // made if it is missing, 0700
	// AtRest encrypts everything on disk; empty: no encryption. It must be the
	// key that the store was made with.
	AtRest []byte
	// MaxBytes bounds the ALERTS stream on disk. Zero means DefaultMaxBytes.
	MaxBytes int64
	// Reserve is the free space below which nothing is committed, so that
	// JetStream never meets a full disk. Zero means DefaultReserve.
	Reserve uint64
	// Alone keeps commands from joining while the store is open.
	Alone bool
	Log   *slog.Logger
}

const (
	DefaultMaxBytes = 10 << 30
	// DefaultReserve leaves room for what JetStream writes beside the alerts:
	// staged batches, index files, receipts.
	DefaultReserve = 256 << 20

	// mostInFlight bounds the commits under way. The server refuses a batch
	// when more than 50 are (its own default); waiting here costs nothing.
	mostInFlight = 16
)

var (
	// ErrInUse: another instance has the store open.
	ErrInUse = errors.New("another instance is using the store")
	// ErrNotRunning: no instance has the store open.
	ErrNotRunning = errors.New("no instance is running on the store")
	// ErrWrongKey: the at-rest key is not the one that the store was made with.
	ErrWrongKey = errors.New("the key is not the one that the store was made with")
)

// Store is the durable middle. It is safe for concurrent use.
type Store struct {
	dir  string
	log  *slog.Logger
	nc   *nats.Conn
	js   jetstream.JetStream
	slot chan struct{} // one for each commit under way

	// Only the instance that has the store open:
	lock   *flock.Flock
	srv    *embedded
	disk   *diskGuard
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Open opens the store in this process, for this process alone. The first
// Open makes it. A wrong key is refused before anything is touched.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	lock := flock.New(filepath.Join(o.Dir, "lock"))
	free, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the store %s: %w", o.Dir, err)
	}
	if !free {
		return nil, fmt.Errorf("open the store %s: %w", o.Dir, ErrInUse)
	}
	s := &Store{dir: o.Dir, log: o.Log, lock: lock, slot: make(chan struct{}, mostInFlight)}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	ready, err := readMarker(o.Dir, o.AtRest)
	if err != nil {
		return fmt.Errorf("open the store %s: %w", o.Dir, err)
	}
	nkey, err := commandKey(o.Dir)
	if err != nil {
		return err
	}
	if s.srv, err = startEmbedded(o.Dir, o.AtRest, nkey, o.Log); err != nil {
		return err
	}
	if s.nc, err = connect(s.srv, "", nkey, o.Log); err != nil {
		return err
	}
	if s.js, err = newJetStream(s.nc); err != nil {
		return err
	}
	if ready {
		err = s.verify(ctx, o.MaxBytes)
	} else if err = s.create(ctx, o.MaxBytes); err == nil {
		err = writeMarker(o.Dir, o.AtRest, true)
	}
	if err != nil {
		return err
	}
	if err := s.memory(ctx); err != nil {
		return err
	}
	s.disk = newDiskGuard(o.Dir, o.Reserve)
	background, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.done.Go(func() { s.watchDisk(background) })
	if o.Alone {
		err := os.Remove(filepath.Join(o.Dir, instanceFile)) // of an instance that was killed
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}
	return writeInstance(o.Dir, s.srv.url())
}

// Connect joins the instance that has the store open.
func Connect(ctx context.Context, dir string, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	url, err := readInstance(dir)
	if err != nil {
		return nil, err
	}
	nkey, err := commandKey(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, log: log, slot: make(chan struct{}, mostInFlight)}
	if s.nc, err = connect(nil, url, nkey, log); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNotRunning, err)
	}
	if s.js, err = newJetStream(s.nc); err != nil {
		s.nc.Close()
		return nil, err
	}
	if _, err := s.js.Stream(ctx, streamAlerts); err != nil {
		s.nc.Close()
		return nil, fmt.Errorf("talk to the running instance at %s: %w", url, err)
	}
	return s, nil
}

func newJetStream(nc *nats.Conn) (jetstream.JetStream, error) {
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(10*time.Second))
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return js, nil
}

// Running reports whether this process is the instance that has the store
// open, rather than a command that talks to it.
func (s *Store) Running() bool { return s.lock != nil }

// Close stops what Open or Connect started. It waits.
func (s *Store) Close() error {
	if s.cancel != nil {
		s.cancel()
		s.done.Wait()
		s.cancel = nil
	}
	if s.nc != nil {
		s.nc.Close()
		s.nc = nil
	}
	if s.srv != nil {
		s.srv.stop()
		s.srv = nil
		_ = os.Remove(filepath.Join(s.dir, instanceFile)) // a stale one is recognised anyway
	}
	if s.lock != nil {
		err := s.lock.Unlock()
		s.lock = nil
		return err
	}
	return nil
}

var _ io.Closer = (*Store)(nil)

// fault classifies what JetStream answered to a write.
func (s *Store) fault(op, tenant string, err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return fmt.Errorf("%s: %w", op, tributary.ErrConflict)
		case errCodeStoreFailed:
			if api.Description == "maximum bytes exceeded" {
				return &tributary.Error{
					Code: tributary.CodeStreamFull, Op: op, Tenant: tenant, Err: errors.New("the stream is full of alerts that a destination has not taken yet"),
					Fix:  tributary.FixMSSP,
					Next: "mend the destination that lags (tributary destination list), or raise store.max_bytes",
				}
			}
		}
	}
	// Anything else may be a write error, after which the embedded server does
	// not recover by itself.
	s.doubt(err)
	return &tributary.Error{Code: tributary.CodeUnavailable, Op: op, Tenant: tenant, Err: err, Fix: tributary.FixRetry}
}

// doubt has the store prove itself after a write that failed.
func (s *Store) doubt(err error) {
	if s.disk != nil && err != nil && !errors.Is(err, context.Canceled) {
		s.disk.suspect()
	}
}

// errCodeStoreFailed is what JetStream answers when the store refuses a
// message, with the reason as its description.
const errCodeStoreFailed = jetstream.ErrorCode(10077)
