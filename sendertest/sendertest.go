// Package sendertest holds what every [tributary.Sender] must do. A
// destination's own tests call [Run] with a way to open it.
package sendertest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tributary"
)

// Target is one destination under test, fresh and empty.
type Target struct {
	Sender tributary.Sender
	// Received returns the bodies that the destination holds, in the order in
	// which it took them.
	Received func() [][]byte
	// Unacceptable makes a record that the destination will never take. Nil
	// where it takes anything.
	Unacceptable func() tributary.Record
	// Faults are the ways in which the destination can fail.
	Faults []Fault
	// Hang makes the destination take the next batch and never answer. The
	// channel is closed when it holds the batch. Nil where it can't hang.
	Hang func() <-chan struct{}
	// Secrets are texts that no error may show.
	Secrets []string
}

// Fault is one way in which a destination can fail.
type Fault struct {
	Name string
	// Break makes the destination fail from now on, or once.
	Break func()
	// Mend makes it work again. Nil where it mends itself.
	Mend func()
	// Kind is what the error must ask for.
	Kind tributary.SendKind
	// Repeats: the destination takes records and fails before it confirms
	// them, so that these come twice. Otherwise nothing may.
	Repeats bool
}

// patience is how long a call may take that should end at once. Tests of this
// package make it shorter.
var patience = 5 * time.Second

// Run tests a destination. Open is called once for each sub-test and cleans up
// after itself with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Target) {
	t.Helper()
	t.Run("order and counts", func(t *testing.T) { t.Parallel(); testOrder(t, open(t)) })
	t.Run("no record", func(t *testing.T) { t.Parallel(); testEmpty(t, open(t)) })
	t.Run("one record refused", func(t *testing.T) { t.Parallel(); testRefusal(t, open(t)) })
	t.Run("all records refused", func(t *testing.T) { t.Parallel(); testAllRefused(t, open(t)) })
	t.Run("cancelled before", func(t *testing.T) { t.Parallel(); testCancelled(t, open(t)) })
	t.Run("cancelled while it hangs", func(t *testing.T) { t.Parallel(); testHang(t, open(t)) })
	t.Run("closed twice", func(t *testing.T) { t.Parallel(); testClose(t, open(t)) })
	probe := open(t)
	for i, fault := range probe.Faults {
		t.Run("fault/"+fault.Name, func(t *testing.T) {
			t.Parallel()
			target := open(t)
			testFault(t, target, target.Faults[i])
		})
	}
}

// Records makes n records, numbered from one on, each with a body of its own
// of about 300 bytes.
func Records(from, n int) []tributary.Record {
	records := make([]tributary.Record, n)
	for i := range records {
		records[i] = record(from + i)
	}
	return records
}

func record(n int) tributary.Record {
	a := &tributary.Alert{
		Version: tributary.Version{
			TenantID: "11111111-2222-3333-4444-555555555555", Source: tributary.SourceGraph,
			ID: fmt.Sprintf("da%06d_1", n), Updated: time.Date(2026, 3, 1, 0, 0, n, 123_456_700, time.UTC),
		},
		Tenant: "contoso", Severity: tributary.SeverityMedium,
		Fetched:   time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		PortalURL: "https://security.microsoft.com/alerts?tid=11111111-2222-3333-4444-555555555555",
	}
	a.Raw = fmt.Appendf(nil, `{"id":%q,"title":"Number %d","note":"a \"quoted\" \\ <text> å %s"}`, a.ID, n, strings.Repeat("x", 200))
	return tributary.Record{Alert: a, Body: a.Raw}
}

// send calls Send and checks what holds for every answer.
func send(t *testing.T, target Target, records []tributary.Record) (tributary.Result, error) {
	t.Helper()
	result, err := target.Sender.Send(t.Context(), records)
	check(t, target, records, result, err)
	return result, err
}

func check(t *testing.T, target Target, records []tributary.Record, result tributary.Result, err error) {
	t.Helper()
	if err == nil && result.Settled != len(records) {
		t.Fatalf("no error, but only %d of %d records are settled", result.Settled, len(records))
	}
	if result.Settled < 0 || result.Settled > len(records) {
		t.Fatalf("%d of %d records are settled", result.Settled, len(records))
	}
	last := -1
	for _, refusal := range result.Refused {
		if refusal.Index <= last || refusal.Index >= result.Settled {
			t.Errorf("refused record %d is not among the %d settled ones, or out of order", refusal.Index, result.Settled)
		}
		if refusal.Reason == "" {
			t.Errorf("record %d is refused without a reason", refusal.Index)
		}
		last = refusal.Index
	}
	if err == nil {
		return
	}
	var sendError *tributary.SendError
	if !errors.As(err, &sendError) {
		t.Errorf("the error is no *tributary.SendError: %v", err)
	} else if sendError.Kind == tributary.SendMisconfigured && sendError.Next == "" {
		t.Errorf("the error says that a person must act, but not how: %v", err)
	}
	for _, shown := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", result), tributary.AsSendError(err).Next} {
		for _, secret := range target.Secrets {
			if strings.Contains(shown, secret) {
				t.Errorf("a secret shows in %q", shown)
			}
		}
	}
}

// holds checks that the destination holds exactly these records, in order.
func holds(t *testing.T, target Target, want []tributary.Record) {
	t.Helper()
	got := target.Received()
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i], want[i].Body) {
			t.Fatalf("record %d is\n%s\nwant\n%s", i, got[i], want[i].Body)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("the destination holds %d records, want %d", len(got), len(want))
	}
}
