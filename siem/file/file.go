// Package file stores alerts in files of one record to a line (NDJSON), or
// writes such lines to standard output.
package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"tributary"
)

// Defaults of [Options].
const (
	DefaultPrefix   = "alerts"
	DefaultMaxBytes = 256 << 20
	DefaultMaxAge   = 24 * time.Hour
)

// Options says where the files lie and when a new one begins.
type Options struct {
	Dir    string // made if it isn't there
	Prefix string // the active file is Dir/Prefix.ndjson; empty: DefaultPrefix
	// MaxBytes begins a new file before a batch that would make this one
	// larger; a batch itself is never divided. Zero: DefaultMaxBytes; negative:
	// never.
	MaxBytes int64
	// MaxAge divides time, in UTC, into periods of this length; a file holds
	// batches of one period. With 24 hours a file is a day. Zero:
	// DefaultMaxAge; negative: never. An idle file is rotated when the next
	// batch comes.
	MaxAge time.Duration
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: none
}

// Sender writes to the active file of one directory. It confirms a batch when
// the lines are on the disk: one write, then fsync.
type Sender struct {
	dir, prefix string
	maxBytes    int64
	maxAge      time.Duration
	now         func() time.Time
	log         *slog.Logger

	mu     sync.Mutex // Close may come from another goroutine
	closed bool
	lock   *flock.Flock
	file   activeFile
	last   time.Time // of the last batch in the active file
	owed   *cut      // what could not be cut back yet
	buf    bytes.Buffer

	openFile func(path string) (activeFile, error) // replaced by tests
}

// activeFile is what is needed of an *os.File.
type activeFile interface {
	io.Writer
	io.ReaderAt
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// cut says how long a file is without what a failed write left in it.
type cut struct {
	file os.FileInfo
	size int64
}

var _ tributary.Sender = (*Sender)(nil)

// errClosed is what Send returns after Close.
var errClosed = errors.New("the destination is closed")

// New returns a sender. It does not touch the disk: a directory that can't be
// written is an error of the first [Sender.Send], and of [Sender.Check], so
// that one bad destination doesn't keep the program from starting.
func New(o Options) (*Sender, error) {
	if o.Dir == "" {
		return nil, errors.New("file destination: no directory: set dir")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("file destination: directory %q: %w", o.Dir, err)
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Prefix != filepath.Base(o.Prefix) || o.Prefix == "." || o.Prefix == ".." {
		return nil, fmt.Errorf("file destination: prefix %q: use a name without a path", o.Prefix)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Sender{dir: dir, prefix: o.Prefix, maxBytes: o.MaxBytes, maxAge: o.MaxAge, now: o.Now, log: o.Log, openFile: openFile}, nil
}

// Check opens the active file, and says why it can't be written.
func (s *Sender) Check(ctx context.Context) error {
	_, err := s.Send(ctx, nil)
	return err
}

// Send appends one line for each record. A record with a line break in its
// body is refused: it would be read as two.
func (s *Sender) Send(ctx context.Context, records []tributary.Record) (tributary.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return tributary.Result{}, sendError("write to", s.activePath(), err)
	}
	if s.closed {
		return tributary.Result{}, sendError("write to", s.activePath(), errClosed)
	}
	if err := s.ready(); err != nil {
		return tributary.Result{}, err
	}
	s.buf.Reset()
	refused := appendLines(&s.buf, records)
	result := tributary.Result{Settled: len(records), Refused: refused}
	if s.buf.Len() == 0 {
		return result, nil
	}
	now := s.now().UTC()
	if err := s.rotateFor(int64(s.buf.Len()), now); err != nil {
		return tributary.Result{}, err
	}
	if err := s.write(s.buf.Bytes()); err != nil {
		return tributary.Result{}, err
	}
	s.last = now
	if s.buf.Cap() > 16<<20 {
		s.buf = bytes.Buffer{} // one huge batch must not stay in memory
	}
	result.Answer = fmt.Sprintf("%d lines on disk in %s", len(records)-len(refused), s.activePath())
	return result, nil
}

// write appends the lines and waits for the disk. What it can't complete it
// cuts back, so that the next attempt neither continues a torn line nor
// doubles a whole one.
func (s *Sender) write(lines []byte) error {
	path := s.activePath()
	info, err := s.file.Stat()
	if err != nil {
		s.closeFile()
		return sendError("write to", path, err)
	}
	if _, err = s.file.Write(lines); err == nil {
		if err = s.file.Sync(); err == nil {
			return nil
		}
	}
	s.owed = &cut{info, info.Size()}
	if cutErr := s.payCut(info); cutErr != nil {
		err = fmt.Errorf("%w; what was written of the batch is cut off before the next one (not yet: %w)", err, cutErr)
	}
	// After a failed write or fsync nothing that the kernel holds of this file
	// is to be trusted: open it again.
	s.closeFile()
	return sendError("write to", path, err)
}

// payCut cuts off what a failed write left, if this is the file that it
// happened to.
func (s *Sender) payCut(file os.FileInfo) error {
	if s.owed == nil || !os.SameFile(file, s.owed.file) {
		return nil
	}
	if err := s.file.Truncate(s.owed.size); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.owed = nil
	return nil
}

// Close gives the directory back. Nothing that was confirmed depends on it.
func (s *Sender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.release()
	return nil
}

// release closes the file and gives up the lock, so that the next batch starts
// from what is on the disk.
func (s *Sender) release() {
	s.closeFile()
	if s.lock != nil {
		_ = s.lock.Unlock()
		s.lock = nil
	}
}

func (s *Sender) closeFile() {
	if s.file != nil {
		_ = s.file.Close() // every confirmed byte was synced before
		s.file = nil
	}
}

func (s *Sender) activePath() string { return filepath.Join(s.dir, s.prefix+".ndjson") }

// appendLines writes the bodies as lines and lists the records that can't be
// one.
func appendLines(buf *bytes.Buffer, records []tributary.Record) []tributary.Refusal {
	var refused []tributary.Refusal
	for i, r := range records {
		switch {
		case bytes.IndexByte(r.Body, '\n') >= 0:
			refused = append(refused, tributary.Refusal{Index: i, Reason: "the record holds a line break, and a line is a record here"})
		case len(r.Body) == 0:
			refused = append(refused, tributary.Refusal{Index: i, Reason: "the record is empty"})
		default:
			buf.Write(r.Body)
			buf.WriteByte('\n')
		}
	}
	return refused
}
