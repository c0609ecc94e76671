package stream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

var feedC = tributary.Feed{Tenant: "woodgrove", Source: tributary.SourceGraph}

// needs commits what a feed still needs to recognise.
func needs(t *testing.T, s *stream.Store, feed tributary.Feed, from uint64) {
	t.Helper()
	cursor, err := s.Cursor(t.Context(), feed)
	if err != nil {
		t.Fatal(err)
	}
	cursor.SeenFrom = from
	if _, err := s.Commit(t.Context(), feed, nil, cursor); err != nil {
		t.Fatal(err)
	}
}

// One feed that stands still must not keep the alerts of a tenant that is gone.
func TestTrimReachesTheAlertsOfRemovedTenants(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	commit(t, s, feedC, pageOf(feedC, 5, "c")...)
	still := commit(t, s, feedA, pageOf(feedA, 5, "a")...)
	needs(t, s, feedA, still.First)
	if err := s.Trim(t.Context(), still.Revision, 0, []tributary.Feed{feedA}); err != nil {
		t.Fatal(err)
	}
	if n := len(versions(t, s, feedC)); n != 0 {
		t.Errorf("%d alerts of a removed tenant stay for ever", n)
	}
	if n := len(versions(t, s, feedA)); n != 5 {
		t.Errorf("the feed that stands still keeps %d versions, want all 5", n)
	}
}

// What a sweep may still reach is told by the first alert that stays. A trim
// that ends at a cursor that was replaced long ago must not say "now": that
// switches the sweeps off.
func TestTrimmedToIsTheTimeOfWhatStays(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	old := commit(t, s, feedA, pageOf(feedA, 2, "a")...) // its cursor is replaced by the next commit
	commit(t, s, feedA, pageOf(feedA, 2, "b")...)
	needs(t, s, feedA, old.Revision)
	stays := time.Now()
	commit(t, s, feedB, pageOf(feedB, 2, "late")...)
	if err := s.Trim(t.Context(), old.Revision-1, 0, []tributary.Feed{feedA, feedB}); err != nil {
		t.Fatal(err)
	}
	at, err := s.TrimmedTo(t.Context())
	if err != nil || at.IsZero() || at.After(stays) {
		t.Errorf("trimmed to %v (%v); alerts stored before %v are there", at, err, stays)
	}
	if n := len(versions(t, s, feedA)); n != 2 {
		t.Errorf("%d versions stay, want the 2 of the second commit", n)
	}
}

// A trim that reaches less far than the one before it takes nothing back: what
// is gone can't be recognised any more, and a sweep over it would repeat it.
func TestTrimmedToNeverGoesBack(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	commit(t, s, feedB, alert(feedB, "b", epoch))
	between := time.Now()
	commit(t, s, feedC, alert(feedC, "c", epoch))
	done := commit(t, s, feedA, pageOf(feedA, 5, "a")...)
	needs(t, s, feedA, done.Revision)
	if err := s.Trim(t.Context(), done.Revision, 0, nil); err != nil {
		t.Fatal(err)
	}
	before, err := s.TrimmedTo(t.Context())
	if err != nil || before.Before(between) {
		t.Fatalf("trimmed to %v (%v)", before, err)
	}
	// With a retention that reaches to between the first two cursors.
	if err := s.Trim(t.Context(), done.Revision, time.Since(between), nil); err != nil {
		t.Fatal(err)
	}
	if after, err := s.TrimmedTo(t.Context()); err != nil || after.Before(before) {
		t.Errorf("trimmed to %v, and before to %v (%v)", after, before, err)
	}
}

func TestReceiptsAreTrimmedButTheLastOfEach(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	commit(t, s, feedA, pageOf(feedA, 10, "a")...)
	places := map[string]uint64{}
	for _, destination := range []string{"soc", "archive", "old.one *"} {
		lane := openLane(t, s, destination, tributary.Filter{})
		for range 5 {
			_, place := take(t, lane, 2)
			settle(t, lane, place)
			places[destination] = place
		}
	}
	count := func() uint64 {
		st, err := s.JetStream().Stream(t.Context(), "RECEIPTS")
		if err != nil {
			t.Fatal(err)
		}
		return st.CachedInfo().State.Msgs
	}
	if err := s.TrimReceipts(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 15 {
		t.Errorf("%d receipts after a trim of older ones, want all 15", n)
	}
	if err := s.TrimReceipts(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 3 {
		t.Errorf("%d receipts after a trim of all, want the last of each destination", n)
	}
	for destination, place := range places {
		if r, err := s.LastReceipt(t.Context(), destination); err != nil || r.To != place {
			t.Errorf("the place of %s is %+v (%v), want %d", destination, r, err, place)
		}
	}
}

// A poll under way when its tenant is erased adds nothing to what was erased.
func TestPurgeRefusesThePollUnderWay(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	for i := range 20 {
		first, err := s.Commit(t.Context(), feedA, pageOf(feedA, 2, fmt.Sprint(i, "-")), tributary.Cursor{})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			cursor := tributary.Cursor{Revision: first.Revision}
			for n := 0; ; n++ {
				done, err := s.Commit(context.WithoutCancel(t.Context()), feedA, pageOf(feedA, 2, fmt.Sprint(i, "-", n, "-")), cursor)
				if err != nil {
					ended <- err
					return
				}
				cursor.Revision = done.Revision
			}
		}()
		if err := s.Purge(t.Context(), feedA); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, tributary.ErrConflict) {
			t.Errorf("a commit on an erased feed gave %v, want %v", err, tributary.ErrConflict)
		}
		if n := len(versions(t, s, feedA)); n != 0 {
			t.Fatalf("%d versions of an erased feed", n)
		}
	}
}
