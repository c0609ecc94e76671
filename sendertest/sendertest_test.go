package sendertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary"
)

// memory is a destination that does everything right, or one thing wrong.
type memory struct {
	wrong string

	mu     sync.Mutex
	bodies [][]byte
	broken bool
	hang   chan struct{}
	held   chan struct{}
	closed int
}

func (m *memory) Send(ctx context.Context, records []tributary.Record) (tributary.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	is := func(wrong string) bool { return m.wrong == wrong }
	fail := func(kind tributary.SendKind, err error) error {
		if is("plain errors") {
			return errors.New("no")
		}
		return &tributary.SendError{Kind: kind, Err: err}
	}
	if ctx.Err() != nil && !is("sends when cancelled") {
		return tributary.Result{}, fail(tributary.SendRetry, context.Cause(ctx))
	}
	if m.closed > 0 && !is("sends when closed") {
		return tributary.Result{}, fail(tributary.SendRetry, errors.New("closed"))
	}
	if m.hang != nil {
		close(m.held)
		select {
		case <-m.hang:
		case <-func() <-chan struct{} {
			if is("can't be cancelled") {
				return nil
			}
			return ctx.Done()
		}():
		}
		return tributary.Result{}, fail(tributary.SendRetry, context.Cause(ctx))
	}
	if is("reverses") && len(records) > 1 {
		records = append([]tributary.Record{records[1], records[0]}, records[2:]...)
	}
	result := tributary.Result{}
	for i, r := range records {
		if m.broken && i == 3 {
			err := fail(tributary.SendRetry, errors.New("broken"))
			switch {
			case is("shows a secret"):
				err = fail(tributary.SendRetry, errors.New("broken with hush"))
			case is("asks for a person without a word"):
				err = fail(tributary.SendMisconfigured, errors.New("broken"))
			case is("settles nothing it took"):
				result.Settled = 0
			case is("settles too much"):
				result.Settled = 5
			case is("swallows the failure"):
				return tributary.Result{Settled: len(records)}, nil
			}
			return result, err
		}
		if len(r.Body) == 0 {
			index := i
			if is("names another record") {
				index = 0
			}
			if !is("refuses in silence") {
				result.Refused = append(result.Refused, tributary.Refusal{Index: index, Reason: map[bool]string{false: "empty"}[is("gives no reason")]})
			}
		} else {
			m.bodies = append(m.bodies, bytes.Clone(r.Body))
			if is("doubles") && i == 2 {
				m.bodies = append(m.bodies, bytes.Clone(r.Body))
			}
			if is("changes a body") && i == 2 {
				m.bodies[len(m.bodies)-1][0] = '['
			}
		}
		result.Settled++
	}
	if is("counts wrong") && result.Settled > 0 {
		result.Settled--
	}
	return result, nil
}

func (m *memory) Close() error {
	if m.closed++; m.closed > 1 && m.wrong == "closes once" {
		return errors.New("closed twice")
	}
	return nil
}

func openMemory(wrong string) func(t *testing.T) Target {
	return func(t *testing.T) Target {
		m := &memory{wrong: wrong}
		set := func(broken bool) func() { return func() { m.broken = broken } }
		return Target{
			Sender: m,
			Received: func() [][]byte {
				m.mu.Lock()
				defer m.mu.Unlock()
				return append([][]byte(nil), m.bodies...)
			},
			Unacceptable: func() tributary.Record { return tributary.Record{Alert: &tributary.Alert{}} },
			Faults:       []Fault{{Name: "broken", Kind: tributary.SendRetry, Break: set(true), Mend: set(false)}},
			Hang: func() <-chan struct{} {
				m.hang, m.held = make(chan struct{}), make(chan struct{})
				t.Cleanup(func() { close(m.hang) })
				return m.held
			},
			Secrets: []string{"hush"},
		}
	}
}

func TestGoodSenderPasses(t *testing.T) {
	t.Parallel()
	Run(t, openMemory(""))
}

const subject = "SENDERTEST_SUBJECT"

// TestSubject is run by TestBadSendersFail in a process of its own.
func TestSubject(t *testing.T) {
	wrong := os.Getenv(subject)
	if wrong == "" {
		t.Skip("run by TestBadSendersFail")
	}
	patience = 50 * time.Millisecond
	Run(t, openMemory(wrong))
}

// A suite that nothing fails is worth nothing.
func TestBadSendersFail(t *testing.T) {
	t.Parallel()
	for wrong, test := range map[string]string{
		"reverses":                         "order_and_counts",
		"doubles":                          "order_and_counts",
		"changes a body":                   "order_and_counts",
		"counts wrong":                     "order_and_counts",
		"names another record":             "one_record_refused",
		"refuses in silence":               "all_records_refused",
		"gives no reason":                  "one_record_refused",
		"settles nothing it took":          "fault/broken",
		"settles too much":                 "fault/broken",
		"swallows the failure":             "fault/broken",
		"asks for a person without a word": "fault/broken",
		"shows a secret":                   "fault/broken",
		"plain errors":                     "fault/broken",
		"sends when cancelled":             "cancelled_before",
		"can't be cancelled":               "cancelled_while_it_hangs",
		"sends when closed":                "closed_twice",
		"closes once":                      "closed_twice",
	} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSubject$")
			cmd.Env = append(os.Environ(), subject+"="+wrong)
			out, err := cmd.CombinedOutput()
			if want := fmt.Sprintf("--- FAIL: TestSubject/%s", test); err == nil || !strings.Contains(string(out), want) {
				t.Errorf("want %q, got %v:\n%s", want, err, out)
			}
		})
	}
}
