package stream_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tributary"
	"tributary/pipeline/stream"
)

func pageOf(feed tributary.Feed, n int, name string) []tributary.Alert {
	var page []tributary.Alert
	for i := range n {
		page = append(page, alert(feed, fmt.Sprintf("%s%d", name, i), epoch))
	}
	return page
}

func openLane(t *testing.T, s *stream.Store, destination string, filter tributary.Filter) *stream.Lane {
	t.Helper()
	lane, err := s.OpenLane(t.Context(), destination, filter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lane.Close)
	return lane
}

// take returns the ids of the next n alerts.
func take(t *testing.T, lane *stream.Lane, n int) (ids []string, last uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(ids) < n {
		batch, err := lane.Next(ctx, stream.Batch{Count: n - len(ids), Bytes: 1 << 30, Age: 20 * time.Millisecond})
		if err != nil {
			t.Fatalf("%d of %d alerts came: %v", len(ids), n, err)
		}
		for _, d := range batch {
			ids = append(ids, d.Alert.ID)
			last = d.Sequence
		}
	}
	return ids, last
}

func settle(t *testing.T, lane *stream.Lane, seq uint64) {
	t.Helper()
	if err := lane.Settle(t.Context(), stream.Receipt{From: seq, To: seq, Count: 1}); err != nil {
		t.Fatal(err)
	}
}

func consumers(t *testing.T, s *stream.Store) []*jetstream.ConsumerInfo {
	t.Helper()
	st, err := s.JetStream().Stream(t.Context(), "ALERTS")
	if err != nil {
		t.Fatal(err)
	}
	list := st.ListConsumers(t.Context())
	var all []*jetstream.ConsumerInfo
	for info := range list.Info() {
		all = append(all, info)
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited half a minute for %s", what)
		}
	}
}

// sent waits until the server has sent n messages to the one lane, and returns
// the name of its reader.
func sent(t *testing.T, s *stream.Store, n uint64) (name string) {
	t.Helper()
	await(t, "the server to send", func() bool {
		all := consumers(t, s)
		if len(all) == 1 {
			name = all[0].Name
		}
		return len(all) == 1 && all[0].Delivered.Consumer >= n
	})
	return name
}

// JetStream forgets a reader that asks for nothing for a while, as a lane does
// whose destination is away.
func TestLaneGoesOnWhenTheServerHasForgottenItsReader(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	first, second := pageOf(feedA, 500, "a"), pageOf(feedA, 500, "b")
	commit(t, s, feedA, first...)
	commit(t, s, feedA, second...)
	lane := openLane(t, s, "soc", tributary.Filter{})
	got, _ := take(t, lane, 1)
	if err := s.JetStream().DeleteConsumer(t.Context(), "ALERTS", sent(t, s, 500)); err != nil {
		t.Fatal(err)
	}
	rest, _ := take(t, lane, 999)
	var want []string
	for _, a := range append(first, second...) {
		want = append(want, a.ID)
	}
	if got = append(got, rest...); !slices.Equal(got, want) {
		t.Error("the alerts did not come once each and in order")
	}
}

func TestFloorStaysBelowWhatLiesInTheBuffer(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	commit(t, s, feedA, pageOf(feedA, 10, "a")...)
	lane := openLane(t, s, "soc", tributary.Filter{})
	_, place := take(t, lane, 1)
	settle(t, lane, place)
	sent(t, s, 10)
	if floor, err := lane.Floor(t.Context()); err != nil || floor != place {
		t.Errorf("floor %d (%v), want %d: nine alerts have not been handed out", floor, err, place)
	}
	if n, err := lane.Pending(t.Context()); err != nil || n != 9 {
		t.Errorf("%d alerts wait (%v), want 9", n, err)
	}
}

// A lane that names more tenants than the server filters by reads those of
// others too. They must not hold the trimming for ever.
func TestFloorMovesOverWhatTheLanePassesOver(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	names := []string{feedA.Tenant}
	for i := range 100 {
		names = append(names, fmt.Sprintf("tenant-%d", i))
	}
	lane := openLane(t, s, "soc", tributary.Filter{Tenants: names})
	commit(t, s, feedA, alert(feedA, "wanted", epoch))
	_, place := take(t, lane, 1)
	settle(t, lane, place)
	others := commit(t, s, feedB, pageOf(feedB, 20, "b")...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = lane.Next(ctx, stream.Batch{Count: 1, Bytes: 1}) // until the context ends
	}()
	await(t, "the floor to move over alerts of others", func() bool {
		floor, err := lane.Floor(t.Context())
		return err == nil && floor >= others.Revision
	})
	cancel()
	<-done
}

func TestCancelledNextLosesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	commit(t, s, feedA, pageOf(feedA, 3, "a")...)
	lane := openLane(t, s, "soc", tributary.Filter{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := lane.Next(ctx, stream.Batch{Count: 10, Bytes: 1 << 20, Age: time.Hour})
		done <- err
	}()
	sent(t, s, 3)
	cancel()
	if err := <-done; err == nil {
		t.Fatal("a cancelled Next gave no error")
	}
	if ids, _ := take(t, lane, 3); !slices.Equal(ids, []string{"a0", "a1", "a2"}) {
		t.Errorf("after a cancelled Next came %v", ids)
	}
}

func TestLaneOutlivesRestartsOfTheServer(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	lane := openLane(t, s, "soc", tributary.Filter{})
	var got, want []string
	for i := range 3 {
		page := pageOf(feedA, 30, fmt.Sprintf("%d-", i))
		for _, a := range page {
			want = append(want, a.ID)
		}
		commit(t, s, feedA, page...)
		ids, _ := take(t, lane, 10) // the rest lies in the buffer or at the server
		got = append(got, ids...)
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		await(t, "the connection", func() bool {
			_, err := s.Usage(t.Context())
			return err == nil
		})
		ids, _ = take(t, lane, 20)
		got = append(got, ids...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("over restarts came %v, want each once and in order", got)
	}
}

// A message that gets lost on its way shows by the next one's number. If none
// follows, only the server's count tells.
func TestLastMessageLostOnItsWayComesAgain(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	lane := openLane(t, s, "soc", tributary.Filter{})
	commit(t, s, feedA, alert(feedA, "first", epoch))
	got, place := take(t, lane, 1)
	settle(t, lane, place)
	// Somebody else takes what is on its way to the lane.
	consumer, err := s.JetStream().Consumer(t.Context(), "ALERTS", consumers(t, s)[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := consumer.Fetch(1, jetstream.FetchMaxWait(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, feedA, alert(feedA, "second", epoch), alert(feedA, "third", epoch))
	if msg := <-stolen.Messages(); msg == nil {
		t.Fatal("nothing was taken: the test shows nothing")
	}
	if floor, err := lane.Floor(t.Context()); err != nil || floor != place {
		t.Errorf("floor %d (%v) with two alerts on their way, want %d", floor, err, place)
	}
	rest, _ := take(t, lane, 2)
	if got = append(got, rest...); !slices.Equal(got, []string{"first", "second", "third"}) {
		t.Errorf("came %v", got)
	}
}

// Erasing a tenant or trimming must not leave the reader of its versions
// waiting for those that are gone.
func TestVersionsEndsWhenTheRestIsErased(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	for i := range 6 {
		commit(t, s, feedA, pageOf(feedA, 500, fmt.Sprint(i, "-"))...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := 0
	err := s.Versions(ctx, feedA, 1, func(stream.StoredVersion) {
		if n++; n == 1 {
			if err := s.Purge(t.Context(), feedA); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Errorf("after %d versions: %v", n, err)
	}
	if n == 3000 {
		t.Error("nothing was erased in time: the test shows nothing")
	}
}

func TestReadingLeavesNoConsumersBehind(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	commit(t, s, feedA, pageOf(feedA, 5, "a")...)
	for range 5 {
		if n := len(versions(t, s, feedA)); n != 5 {
			t.Fatalf("%d versions, want 5", n)
		}
		if err := s.Trim(t.Context(), 1, time.Hour, []tributary.Feed{feedA}); err != nil {
			t.Fatal(err)
		}
		lane := openLane(t, s, "soc", tributary.Filter{})
		take(t, lane, 1)
		if _, err := lane.Floor(t.Context()); err != nil {
			t.Fatal(err)
		}
		lane.Close()
	}
	if all := consumers(t, s); len(all) > 0 {
		t.Errorf("%d consumers are left at the server", len(all))
	}
}
