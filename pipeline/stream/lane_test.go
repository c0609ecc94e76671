package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

func TestLaneGoesOnBehindItsLastReceipt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, stream.Options{Dir: dir})
	var page []tributary.Alert
	for i := range 10 {
		page = append(page, alert(feedA, fmt.Sprint(i), epoch))
	}
	commit(t, s, feedA, page...)
	lane, err := s.OpenLane(t.Context(), "soc", tributary.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	settled, err := lane.Next(t.Context(), stream.Batch{Count: 4, Bytes: 1 << 20, Age: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := lane.Settle(t.Context(), stream.Receipt{From: settled[0].Sequence, To: settled[3].Sequence, Count: 4}); err != nil {
		t.Fatal(err)
	}
	// Handed out but not settled: it must come again.
	if _, err := lane.Next(t.Context(), stream.Batch{Count: 3, Bytes: 1 << 20, Age: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	lane.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, stream.Options{Dir: dir})
	if lane, err = s.OpenLane(t.Context(), "soc", tributary.Filter{}); err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	batch, err := lane.Next(t.Context(), stream.Batch{Count: 6, Bytes: 1 << 20, Age: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range batch {
		ids = append(ids, d.Alert.ID)
	}
	if want := []string{"4", "5", "6", "7", "8", "9"}; !slices.Equal(ids, want) {
		t.Errorf("after the restart the lane delivers %v, want %v", ids, want)
	}
}

// A lane that is closed with everything handed out and nothing settled begins
// again from its place, at once and in the same process.
func TestReopenedLaneBeginsBehindItsLastReceipt(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	commit(t, s, feedA, alert(feedA, "one", epoch), alert(feedA, "two", epoch))
	for range 3 {
		lane, err := s.OpenLane(t.Context(), "soc", tributary.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		batch, err := lane.Next(ctx, stream.Batch{Count: 2, Bytes: 1 << 20, Age: 10 * time.Second})
		cancel()
		if err != nil || len(batch) != 2 {
			t.Fatalf("%d alerts, %v; want both again", len(batch), err)
		}
		lane.Close()
	}
}

func TestLaneTakesWhatItsFilterNames(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	low := alert(feedA, "low", epoch)
	low.Severity = tributary.SeverityLow
	unknown := alert(feedA, "unknown", epoch)
	unknown.Severity = tributary.SeverityUnknown
	commit(t, s, feedA, low, unknown, alert(feedA, "high", epoch))
	commit(t, s, feedB, alert(feedB, "other", epoch))

	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("tenant-%d", i))
	}
	for name, test := range map[string]struct {
		filter tributary.Filter
		want   []string
	}{
		"all":      {tributary.Filter{}, []string{"low", "unknown", "high", "other"}},
		"tenant":   {tributary.Filter{Tenants: []string{"fabrikam"}}, []string{"other"}},
		"source":   {tributary.Filter{Sources: []tributary.Source{tributary.SourceGraph}}, []string{"low", "unknown", "high"}},
		"severity": {tributary.Filter{MinSeverity: tributary.SeverityMedium}, []string{"high", "other"}},
		"more tenants than the server filters by": {
			tributary.Filter{Tenants: append(many, "contoso"), MinSeverity: tributary.SeverityLow}, []string{"low", "high"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lane, err := s.OpenLane(t.Context(), "lane "+name, test.filter)
			if err != nil {
				t.Fatal(err)
			}
			defer lane.Close()
			batch, err := lane.Next(t.Context(), stream.Batch{Count: len(test.want), Bytes: 1 << 20, Age: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, d := range batch {
				ids = append(ids, d.Alert.ID)
			}
			if !slices.Equal(ids, test.want) {
				t.Errorf("got %v, want %v", ids, test.want)
			}
		})
	}
}

func TestFloorOfALaneThatWantsNothingIsTheEnd(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	done := commit(t, s, feedA, alert(feedA, "one", epoch))
	lane, err := s.OpenLane(t.Context(), "fabrikam-only", tributary.Filter{Tenants: []string{"fabrikam"}})
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	if floor, err := lane.Floor(t.Context()); err != nil || floor != done.Revision {
		t.Errorf("floor %d, %v; want %d", floor, err, done.Revision)
	}
	waiting, err := s.OpenLane(t.Context(), "contoso-only", tributary.Filter{Tenants: []string{"contoso"}})
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	if _, err := waiting.Next(t.Context(), stream.Batch{Count: 1, Bytes: 1, Age: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if floor, err := waiting.Floor(t.Context()); err != nil || floor != 0 {
		t.Errorf("a lane with an alert in hand has floor %d, %v; want 0", floor, err)
	}
}

func TestReceiptIsTheLastOne(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	if _, err := s.LastReceipt(t.Context(), "soc"); !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("a new destination has receipt %v, want none", err)
	}
	done := commit(t, s, feedA, alert(feedA, "one", epoch), alert(feedA, "two", epoch))
	lane, err := s.OpenLane(t.Context(), "soc", tributary.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	drain(t, lane, 2)
	receipt, err := s.LastReceipt(t.Context(), "soc")
	if err != nil || receipt.To != done.First+1 {
		t.Errorf("receipt %+v, %v; want one up to %d", receipt, err, done.First+1)
	}
}

func TestFeedsTakeTurns(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	for _, feed := range []tributary.Feed{feedA, feedB, feedA} { // a second time changes nothing
		if err := s.Schedule(t.Context(), feed); err != nil {
			t.Fatal(err)
		}
	}
	turns, err := s.Turns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[tributary.Feed]int{}
	for range 6 {
		turn, err := turns.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got[turn.Feed]++
		if err := turn.Back(0); err != nil {
			t.Fatal(err)
		}
	}
	if got[feedA] < 2 || got[feedB] < 2 {
		t.Errorf("turns were %v: one feed that is always due starves the other", got)
	}
	// A feed that is dropped gets no turn until it is scheduled again.
	for dropped := false; !dropped; {
		turn, err := turns.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if dropped = turn.Feed == feedA; dropped {
			err = turn.Drop(t.Context())
		} else {
			err = turn.Back(0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		turn, err := turns.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if turn.Feed == feedA {
			t.Error("a dropped feed got a turn")
		}
		if err := turn.Back(0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWakeMakesAFeedDueAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	if err := s.Schedule(t.Context(), feedA); err != nil {
		t.Fatal(err)
	}
	turns, err := s.Turns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	turn, err := turns.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := turn.Back(time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Wake(t.Context(), feedA); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if turn, err = turns.Next(ctx); err != nil || turn.Feed != feedA {
		t.Errorf("after the wake the next turn is %v, %v", turn, err)
	}
}

// A tenant that is resumed at once after its feed was dropped is polled again.
func TestFeedIsScheduledRightAfterItWasDropped(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	turns, err := s.Turns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i := range 200 {
		if err := s.Schedule(ctx, feedA); err != nil {
			t.Fatal(err)
		}
		turn, err := turns.Next(ctx)
		if err != nil {
			t.Fatalf("round %d: the feed got no turn: %v", i, err)
		}
		if err := turn.Drop(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
