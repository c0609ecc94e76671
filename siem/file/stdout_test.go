package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"testing"

	"tributary"
	"tributary/sendertest"
)

// pipe is a writer with faults.
type pipe struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	room int // bytes of the next write that go out before it fails; negative: all
	hang chan struct{}
	held chan struct{}
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.hang != nil {
		close(p.held)
		<-p.hang
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room >= 0 {
		n, _ := p.buf.Write(b[:min(p.room, len(b))])
		p.room = -1
		return n, errors.New("the pipe is sore")
	}
	return p.buf.Write(b)
}

func (p *pipe) lines() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := bytes.SplitAfter(p.buf.Bytes(), []byte("\n"))
	for i := range list {
		list[i] = bytes.Clone(bytes.TrimSuffix(list[i], []byte("\n")))
	}
	return list[:len(list)-1]
}

func TestStdoutConformance(t *testing.T) {
	t.Parallel()
	sendertest.Run(t, func(t *testing.T) sendertest.Target {
		p := &pipe{room: -1}
		one := len(sendertest.Records(0, 1)[0].Body) + 1
		fault := func(name string, room int) sendertest.Fault {
			return sendertest.Fault{Name: name, Kind: tributary.SendRetry, Break: func() { p.room = room }}
		}
		return sendertest.Target{
			Sender:       Stdout(p),
			Received:     p.lines,
			Unacceptable: func() tributary.Record { return tributary.Record{Alert: &tributary.Alert{}} },
			Faults:       []sendertest.Fault{fault("before the first byte", 0), fault("in a line", one/2), fault("between lines", 3*one), fault("before the last byte", 200*one-1)},
			Hang: func() <-chan struct{} {
				p.hang, p.held = make(chan struct{}), make(chan struct{})
				t.Cleanup(func() { close(p.hang) })
				return p.held
			},
		}
	})
}

// After a write that broke in a line other records come: only that line is bad.
func TestStdoutOtherRecordsAfterTornLine(t *testing.T) {
	t.Parallel()
	const torn = 20 // far enough to tell one record from another
	p := &pipe{room: torn}
	s := Stdout(p)
	if _, err := s.Send(t.Context(), sendertest.Records(0, 2)); err == nil {
		t.Fatal("no error")
	}
	other := sendertest.Records(50, 2)
	p.room = 0 // and fails again, before the line break
	if _, err := s.Send(t.Context(), other); err == nil {
		t.Fatal("no error")
	}
	send(t, s, other)
	got := p.lines()
	if len(got) != 3 || len(got[0]) != torn || !bytes.Equal(got[1], other[0].Body) || !bytes.Equal(got[2], other[1].Body) {
		t.Fatalf("%q", got)
	}
}

// A cancelled call leaves its write under way. When it ends, the lines are
// there, and are not written again.
func TestStdoutCancelledWriteIsNotRepeated(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	s := Stdout(w)
	batch := sendertest.Records(0, 5)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Send(ctx, batch)
		done <- err
	}()
	first := make([]byte, 100) // some of the first line: the write is under way
	if _, err := io.ReadFull(r, first); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Fatal("no error")
	}
	go func() {
		_, err := s.Send(t.Context(), batch)
		w.CloseWithError(err)
		done <- err
	}()
	rest, err := io.ReadAll(r)
	if err != nil || <-done != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, r := range batch {
		want = append(append(want, r.Body...), '\n')
	}
	if got := slices.Concat(first, rest); !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, want %d: each line once", len(got), len(want))
	}
}

func TestStdoutReaderGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	_, err = Stdout(w).Send(t.Context(), sendertest.Records(0, 1))
	if e := tributary.AsSendError(err); err == nil || e.Kind != tributary.SendMisconfigured || e.Next == "" {
		t.Fatalf("got %v (%s)", err, e.Kind)
	}
}
