package sendertest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tributary"
)

func testOrder(t *testing.T, target Target) {
	var all []tributary.Record
	for i, n := range []int{1, 250, 50} {
		batch := Records(1000*i, n)
		result, err := send(t, target, batch)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Refused) > 0 {
			t.Fatalf("refused: %v", result.Refused)
		}
		all = append(all, batch...)
	}
	holds(t, target, all)
}

func testEmpty(t *testing.T, target Target) {
	if _, err := send(t, target, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, target, nil)
}

func testRefusal(t *testing.T, target Target) {
	if target.Unacceptable == nil {
		t.Skip("this destination takes anything")
	}
	for _, at := range []int{0, 7, 19} {
		batch := Records(100*at, 20)
		before := len(target.Received())
		want := slices.Delete(slices.Clone(batch), at, at+1)
		batch[at] = target.Unacceptable()
		result, err := send(t, target, batch)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Refused) != 1 || result.Refused[0].Index != at {
			t.Fatalf("refused %v, want record %d", result.Refused, at)
		}
		part := target
		part.Received = func() [][]byte { return target.Received()[before:] }
		holds(t, part, want)
	}
}

func testAllRefused(t *testing.T, target Target) {
	if target.Unacceptable == nil {
		t.Skip("this destination takes anything")
	}
	result, err := send(t, target, []tributary.Record{target.Unacceptable(), target.Unacceptable(), target.Unacceptable()})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Refused) != 3 {
		t.Fatalf("refused %v, want all three records", result.Refused)
	}
	holds(t, target, nil)
}

// testFault: after a failure the settled records are there and are never sent
// again; the rest arrives, in order, when it is sent again.
func testFault(t *testing.T, target Target, fault Fault) {
	batch := Records(0, 210)
	if _, err := send(t, target, batch[:10]); err != nil {
		t.Fatal(err)
	}
	settled := 10
	fault.Break()
	result, err := send(t, target, batch[settled:])
	if err == nil {
		t.Fatal("the destination is broken, but Send returned no error")
	}
	if kind := tributary.AsSendError(err).Kind; kind != fault.Kind {
		t.Errorf("the error asks for %s, want %s: %v", kind, fault.Kind, err)
	}
	if fault.Mend != nil {
		fault.Mend()
	}
	settled += result.Settled
	before := counts(target)
	for i, r := range batch[:settled] {
		if before[string(r.Body)] == 0 {
			t.Fatalf("record %d is settled, but the destination doesn't hold it", i)
		}
	}
	sure := settled
	for rounds := 0; settled < len(batch); rounds++ {
		if rounds == 10 {
			t.Fatalf("still failing after ten rounds: %v", err)
		}
		if result, err = send(t, target, batch[settled:]); len(result.Refused) > 0 {
			t.Fatalf("good records were refused: %v", result.Refused)
		}
		settled += result.Settled
	}
	if err != nil {
		t.Fatal(err)
	}
	after := counts(target)
	for i, r := range batch[:sure] {
		if after[string(r.Body)] != before[string(r.Body)] {
			t.Fatalf("record %d was settled and came again", i)
		}
	}
	if !fault.Repeats {
		holds(t, target, batch)
		return
	}
	next := 0 // in order, whatever came twice
	for _, body := range target.Received() {
		if next < len(batch) && bytes.Equal(body, batch[next].Body) {
			next++
		}
	}
	if next != len(batch) {
		t.Fatalf("record %d never arrived, or only before its predecessor", next)
	}
}

func counts(target Target) map[string]int {
	n := map[string]int{}
	for _, body := range target.Received() {
		n[string(body)]++
	}
	return n
}

func testCancelled(t *testing.T, target Target) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	batch := Records(0, 3)
	result, err := target.Sender.Send(ctx, batch)
	check(t, target, batch, result, err)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want one that is context.Canceled", err)
	}
	if result.Settled != 0 {
		t.Fatalf("%d records are settled", result.Settled)
	}
	holds(t, target, nil)
}

func testHang(t *testing.T, target Target) {
	if target.Hang == nil {
		t.Skip("this destination can't hang")
	}
	held := target.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	batch := Records(0, 3)
	type answer struct {
		result tributary.Result
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		result, err := target.Sender.Send(ctx, batch)
		done <- answer{result, err}
	}()
	select {
	case <-held:
	case a := <-done:
		t.Fatalf("Send ended while the destination hung: %v, %v", a.result, a.err)
	case <-time.After(patience):
		t.Fatal("the batch never reached the destination")
	}
	cancel()
	select {
	case a := <-done:
		check(t, target, batch, a.result, a.err)
		if a.err == nil {
			t.Fatal("Send was cancelled, but returned no error")
		}
	case <-time.After(patience):
		t.Fatalf("Send goes on %v after it was cancelled", patience)
	}
}

func testClose(t *testing.T, target Target) {
	if _, err := send(t, target, Records(0, 1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := target.Sender.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	batch := Records(1, 1)
	result, err := target.Sender.Send(t.Context(), batch)
	check(t, target, batch, result, err)
	if err == nil || result.Settled != 0 {
		t.Fatalf("a closed sender settled %d records with error %v", result.Settled, err)
	}
	holds(t, target, Records(0, 1))
}
