package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"

	"tributary"
)

// Stdout writes the same lines as [New] to w. It confirms a batch when w has
// taken the lines: what a reader on the other end of a pipe does with them it
// can't know.
//
// A writer that blocks (a pipe that nobody reads) doesn't block a cancelled
// call; the write itself goes on, and the next call first waits for its end.
// Lines that went out without being confirmed are not written again when their
// records come again.
func Stdout(w io.Writer) tributary.Sender {
	return &stream{w: w}
}

type stream struct {
	w io.Writer

	mu      sync.Mutex
	closed  bool
	pending chan written // a write that a cancelled call left under way
	// ahead are the bytes that went out although their records were not
	// confirmed: whole lines, and perhaps the beginning of one.
	ahead   []byte
	midLine bool // the last byte that went out ended no line
	// torn counts the bytes of the write under way that end an older line.
	torn int
}

// written is how far a write came.
type written struct {
	bytes []byte
	err   error
}

// Send writes one line for each record.
func (s *stream) Send(ctx context.Context, records []tributary.Record) (tributary.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return tributary.Result{}, streamError(err)
	}
	if s.closed {
		return tributary.Result{}, streamError(errClosed)
	}
	if err := s.settlePending(ctx); err != nil {
		return tributary.Result{}, streamError(err)
	}
	var buf bytes.Buffer
	refused := appendLines(&buf, records)
	lines := buf.Bytes()
	if len(lines) == 0 {
		return tributary.Result{Settled: len(records), Refused: refused}, nil
	}
	out, again := bytes.CutPrefix(lines, s.ahead)
	if !again {
		s.ahead = nil
	}
	if len(s.ahead) == 0 && s.midLine {
		// Other records than before: end the torn line, so that only it is bad.
		out, s.torn = append([]byte("\n"), lines...), 1
	}
	if len(out) > 0 {
		done := make(chan written, 1)
		go func() {
			n, err := s.w.Write(out)
			if err == nil && n < len(out) {
				err = io.ErrShortWrite
			}
			done <- written{out[:n], err}
		}()
		s.pending = done
		if err := s.settlePending(ctx); err != nil {
			return tributary.Result{}, streamError(err)
		}
	}
	s.ahead = nil
	return tributary.Result{Settled: len(records), Refused: refused, Answer: fmt.Sprintf("%d lines written", len(records)-len(refused))}, nil
}

// settlePending waits for the write that is under way, if any, and remembers
// what went out.
func (s *stream) settlePending(ctx context.Context) error {
	if s.pending == nil {
		return nil
	}
	select {
	case done := <-s.pending:
		s.pending = nil
		if n := len(done.bytes); n > 0 {
			s.midLine = done.bytes[n-1] != '\n'
		}
		end := min(s.torn, len(done.bytes))
		s.torn = 0
		s.ahead = append(s.ahead, done.bytes[end:]...)
		return done.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends the sender. The writer is not ours to close.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func streamError(err error) error {
	e := &tributary.SendError{Kind: tributary.SendRetry, Err: fmt.Errorf("stdout destination: %w", err)}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, fs.ErrClosed) {
		e.Kind = tributary.SendMisconfigured
		e.Next = "the program that read the output has ended: start again with one that goes on reading"
	}
	return e
}
