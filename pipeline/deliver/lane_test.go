package deliver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/deliver"
	"tributary/pipeline/stream"
)

var feed = tributary.Feed{Tenant: "contoso", Source: tributary.SourceGraph}

// siem is a destination that does what a test says.
type siem struct {
	mu     sync.Mutex
	got    []string
	answer func(call int, records []tributary.Record) (tributary.Result, error)
	calls  int
}

func (s *siem) Send(ctx context.Context, records []tributary.Record) (tributary.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	result := tributary.Result{Settled: len(records), Answer: "ok"}
	var err error
	if s.answer != nil {
		result, err = s.answer(s.calls, records)
	}
	refused := map[int]bool{}
	for _, r := range result.Refused {
		refused[r.Index] = true
	}
	for i, r := range records[:result.Settled] {
		if !refused[i] {
			s.got = append(s.got, string(r.Body))
		}
	}
	return result, err
}

func (s *siem) Close() error { return nil }

func (s *siem) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func idOnly(a *tributary.Alert) ([]byte, error) {
	if a.ID == "unwritable" {
		return nil, errors.New("no field for it")
	}
	return []byte(a.ID), nil
}

type bench struct {
	*testing.T
	dir   string
	store *stream.Store
}

func setup(t *testing.T) *bench {
	b := &bench{T: t, dir: t.TempDir()}
	b.open()
	t.Cleanup(func() { _ = b.store.Close() })
	return b
}

func (b *bench) open() {
	b.Helper()
	s, err := stream.Open(b.Context(), stream.Options{Dir: b.dir, AtRest: bytes.Repeat([]byte{1}, 32), MaxBytes: 64 << 20, Reserve: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.store = s
}

func (b *bench) commit(ids ...string) {
	b.Helper()
	cursor, err := b.store.Cursor(b.Context(), feed)
	if err != nil {
		b.Fatal(err)
	}
	var alerts []tributary.Alert
	for _, id := range ids {
		alerts = append(alerts, tributary.Alert{
			Version: tributary.Version{TenantID: "1", Source: feed.Source, ID: id, Updated: time.Now()},
			Tenant:  feed.Tenant, Fetched: time.Now(), Raw: fmt.Appendf(nil, `{"id":%q}`, id),
		})
	}
	if _, err := b.store.Commit(b.Context(), feed, alerts, cursor); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) running(s *siem, while func(*deliver.Lane)) {
	b.Helper()
	lane := deliver.NewLane(b.store, deliver.Destination{Name: "soc", Type: "test", Format: idOnly, Sender: s}, nil, nil)
	ctx, cancel := context.WithCancel(b.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := lane.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	defer done.Wait()
	defer cancel()
	while(lane)
}

func (b *bench) await(what string, ok func() bool) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			b.Fatalf("waited a minute for %s", what)
		}
	}
}

func (b *bench) settled(n int) {
	b.Helper()
	b.await("the receipt", func() bool {
		r, err := b.store.LastReceipt(b.Context(), "soc")
		return err == nil && int(r.To) >= n
	})
}

func TestRefusedRecordsAreDeadLettersAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := &siem{answer: func(_ int, records []tributary.Record) (tributary.Result, error) {
		result := tributary.Result{Settled: len(records)}
		for i, r := range records {
			if r.Alert.ID == "poison" {
				result.Refused = append(result.Refused, tributary.Refusal{Index: i, Reason: "invalid data format"})
			}
		}
		return result, nil
	}}
	b.commit("one", "poison", "unwritable", "two")
	b.running(s, func(lane *deliver.Lane) {
		b.settled(4)
		if got, want := s.received(), []string{"one", "two"}; !slices.Equal(got, want) {
			t.Errorf("received %v, want %v", got, want)
		}
		if n, err := b.store.DeadLetters(t.Context(), "soc"); err != nil || n != 2 {
			t.Errorf("%d dead letters, %v; want 2", n, err)
		}
		if st := lane.Status(t.Context()); st.Delivered != 2 || st.Refused != 2 {
			t.Errorf("status %+v, want 2 delivered and 2 refused", st)
		}
	})
	receipt, err := b.store.LastReceipt(t.Context(), "soc")
	if err != nil || receipt.Count != 4 || receipt.Refused != 2 || receipt.Tenants["contoso"] != 2 {
		t.Errorf("receipt %+v, %v", receipt, err)
	}
}

func TestRetryRepeatsNothingThatWasSettled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := &siem{answer: func(call int, records []tributary.Record) (tributary.Result, error) {
		switch call {
		case 1:
			return tributary.Result{}, &tributary.SendError{Kind: tributary.SendRetry, Err: errors.New("busy"), After: time.Millisecond}
		case 2:
			return tributary.Result{Settled: 2, Refused: []tributary.Refusal{{Index: 1, Reason: "no"}}},
				&tributary.SendError{Kind: tributary.SendRetry, Err: errors.New("dropped"), After: time.Millisecond}
		}
		return tributary.Result{Settled: len(records)}, nil
	}}
	b.commit("1", "2", "3", "4", "5")
	b.running(s, func(*deliver.Lane) { b.settled(5) })
	if got, want := s.received(), []string{"1", "3", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
	if n, err := b.store.DeadLetters(t.Context(), "soc"); err != nil || n != 1 {
		t.Errorf("%d dead letters, %v; want 1", n, err)
	}
}

func TestDestinationThatIsAwayKeepsItsPlace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	away := &siem{answer: func(int, []tributary.Record) (tributary.Result, error) {
		return tributary.Result{}, &tributary.SendError{
			Kind: tributary.SendMisconfigured, Err: errors.New("invalid token"), After: time.Millisecond, Next: "enter the right token",
		}
	}}
	b.commit("1", "2", "3")
	b.running(away, func(lane *deliver.Lane) {
		b.await("several attempts", func() bool {
			away.mu.Lock()
			defer away.mu.Unlock()
			return away.calls > 3
		})
		p := lane.Status(t.Context()).Problem
		if p == nil || p.Fix != tributary.FixMSSP || p.Next != "enter the right token" {
			t.Errorf("problem %+v, want the MSSP's, with the next step", p)
		}
	})
	if _, err := b.store.LastReceipt(t.Context(), "soc"); !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("a destination that took nothing has a receipt: %v", err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	b.open()
	back := &siem{}
	b.commit("4")
	b.running(back, func(lane *deliver.Lane) {
		b.settled(5) // three alerts, a cursor, one alert
		if p := lane.Status(t.Context()).Problem; p != nil {
			t.Errorf("after a delivery the problem is still %+v", p)
		}
	})
	if got, want := back.received(), []string{"1", "2", "3", "4"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
}

func TestEveryRestartRepeatsAtMostTheBatchInFlight(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []string
	for i := range 1200 {
		ids = append(ids, fmt.Sprint(i))
	}
	b.commit(ids[:400]...)
	b.commit(ids[400:800]...)
	b.commit(ids[800:]...)
	s := &siem{}
	// The destination takes a batch and we are stopped before the receipt.
	for stopAt := 1; ; stopAt++ {
		ctx, cancel := context.WithCancel(t.Context())
		interrupted := false
		calls := 0
		s.answer = func(_ int, records []tributary.Record) (tributary.Result, error) {
			if calls++; calls == stopAt {
				interrupted = true
				cancel()
			}
			return tributary.Result{Settled: len(records)}, ctx.Err()
		}
		batch := stream.Batch{Count: 400, Bytes: 1 << 20, Age: time.Second}
		lane := deliver.NewLane(b.store, deliver.Destination{Name: "soc", Format: idOnly, Sender: s, Batch: batch}, nil, nil)
		var done sync.WaitGroup
		done.Go(func() { _ = lane.Run(ctx) })
		b.await("the stop or the end", func() bool {
			receipt, err := b.store.LastReceipt(t.Context(), "soc")
			s.mu.Lock()
			defer s.mu.Unlock()
			return interrupted || err == nil && receipt.To == 1202
		})
		cancel()
		done.Wait()
		if !interrupted {
			break
		}
	}
	times := map[string]int{}
	for _, id := range s.received() {
		times[id]++
	}
	for _, id := range ids {
		if times[id] == 0 {
			t.Fatalf("alert %s never came", id)
		}
		if times[id] > 3 {
			t.Errorf("alert %s came %d times over three interruptions", id, times[id])
		}
	}
}

func TestSlowDestinationDelaysNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := make(chan struct{})
	slow := &siem{answer: func(_ int, records []tributary.Record) (tributary.Result, error) {
		<-release
		return tributary.Result{Settled: len(records)}, nil
	}}
	other := deliver.NewLane(b.store, deliver.Destination{Name: "slow", Format: idOnly, Sender: slow}, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = other.Run(ctx) })
	defer done.Wait()
	defer cancel()
	defer close(release)
	fast := &siem{}
	b.running(fast, func(*deliver.Lane) {
		for i := range 20 {
			b.commit(fmt.Sprint(i))
		}
		b.await("the fast destination", func() bool { return len(fast.received()) == 20 })
	})
}
