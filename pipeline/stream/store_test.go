package stream_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

var (
	feedA = tributary.Feed{Tenant: "contoso", Source: tributary.SourceGraph}
	feedB = tributary.Feed{Tenant: "fabrikam", Source: tributary.SourceEndpoint}
	key   = bytes.Repeat([]byte{7}, 32)
	epoch = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
)

func open(t *testing.T, o stream.Options) *stream.Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.AtRest == nil {
		o.AtRest = key
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Reserve == 0 {
		o.Reserve = 1 << 20
	}
	s, err := stream.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func alert(feed tributary.Feed, id string, updated time.Time) tributary.Alert {
	return tributary.Alert{
		Version:  tributary.Version{TenantID: "11111111-1111-1111-1111-111111111111", Source: feed.Source, ID: id, Updated: updated},
		Tenant:   feed.Tenant,
		Severity: tributary.SeverityHigh,
		Created:  updated,
		Fetched:  updated.Add(time.Second),
		Raw:      []byte(`{"id":"` + id + `"}`),
	}
}

// commit appends alerts with a watermark at their last update time.
func commit(t *testing.T, s *stream.Store, feed tributary.Feed, alerts ...tributary.Alert) stream.Committed {
	t.Helper()
	cursor, err := s.Cursor(t.Context(), feed)
	if err != nil {
		t.Fatal(err)
	}
	if len(alerts) > 0 {
		cursor.Watermark = alerts[len(alerts)-1].Updated
	}
	done, err := s.Commit(t.Context(), feed, alerts, cursor)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestCommitIsReadBackAsItWas(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	want := alert(feedA, "da637 .>*\n_-1", epoch.Add(1234567*100))
	want.Raw = []byte(`{"id":"x", "n":1.50E+3,"u":"\u00e5"}`)
	want.PortalURL = "https://security.microsoft.com/alerts/x?tid=1"
	done := commit(t, s, feedA, want)

	lane, err := s.OpenLane(t.Context(), "archive", tributary.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	batch, err := lane.Next(t.Context(), stream.Batch{Count: 1, Bytes: 1, Age: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	got := batch[0].Alert
	if string(got.Raw) != string(want.Raw) || got.Version != want.Version || got.Tenant != want.Tenant ||
		got.Severity != want.Severity || got.PortalURL != want.PortalURL || !got.Fetched.Equal(want.Fetched) || !got.Created.Equal(want.Created) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if batch[0].Sequence != done.First {
		t.Errorf("the alert has sequence %d, the commit said %d", batch[0].Sequence, done.First)
	}
	cursor, err := s.Cursor(t.Context(), feedA)
	if err != nil {
		t.Fatal(err)
	}
	if !cursor.Watermark.Equal(want.Updated) || cursor.Revision != done.Revision {
		t.Errorf("cursor %+v after commit %+v", cursor, done)
	}
}

func TestStaleCursorIsRefusedWhole(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	stale, err := s.Cursor(t.Context(), feedA)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, feedA, alert(feedA, "one", epoch))
	_, err = s.Commit(t.Context(), feedA, []tributary.Alert{alert(feedA, "two", epoch), alert(feedA, "three", epoch)}, stale)
	if !errors.Is(err, tributary.ErrConflict) {
		t.Fatalf("a stale cursor gave %v, want a conflict", err)
	}
	if got := versions(t, s, feedA); len(got) != 1 {
		t.Errorf("the stream holds %d versions after a refused commit, want 1", len(got))
	}
}

func versions(t *testing.T, s *stream.Store, feed tributary.Feed) map[tributary.EventID]int {
	t.Helper()
	got := map[tributary.EventID]int{}
	if err := s.Versions(t.Context(), feed, 1, func(v stream.StoredVersion) { got[v.EventID]++ }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestVersionsOfAFeedFromASequence(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	var revision stream.Committed
	var want []tributary.EventID
	for i := range 3 {
		var page []tributary.Alert
		for j := range 200 {
			a := alert(feedA, fmt.Sprintf("a%d-%d", i, j), epoch.Add(time.Duration(i)*time.Minute))
			page = append(page, a)
			if i > 0 {
				want = append(want, a.EventID())
			}
		}
		if i == 1 {
			commit(t, s, feedB, alert(feedB, "other", epoch))
			revision = commit(t, s, feedA, page...)
			continue
		}
		commit(t, s, feedA, page...)
	}
	got := map[tributary.EventID]bool{}
	if err := s.Versions(t.Context(), feedA, revision.First, func(v stream.StoredVersion) { got[v.EventID] = true }); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d versions from sequence %d, want %d", len(got), revision.First, len(want))
	}
	for _, id := range want {
		if !got[id] {
			t.Fatalf("version %s is missing", id)
		}
	}
}

func TestQuietFeedKeepsItsCursorBeyondTheRetention(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, stream.Options{Dir: dir})
	commit(t, s, feedA, alert(feedA, "old", epoch))
	before, err := s.Cursor(t.Context(), feedA)
	if err != nil {
		t.Fatal(err)
	}
	before.SeenFrom = before.Revision
	done, err := s.Commit(t.Context(), feedA, nil, before)
	if err != nil {
		t.Fatal(err)
	}
	// Everything is settled and older than a retention of nothing.
	if err := s.Trim(t.Context(), done.Revision, 0, []tributary.Feed{feedA}); err != nil {
		t.Fatal(err)
	}
	if n := len(versions(t, s, feedA)); n != 0 {
		t.Fatalf("%d alerts are left after the trim, want none", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, stream.Options{Dir: dir})
	after, err := s.Cursor(t.Context(), feedA)
	if err != nil {
		t.Fatal(err)
	}
	if !after.Watermark.Equal(epoch) || after.Revision != done.Revision {
		t.Errorf("after the restart the cursor is %+v, want watermark %v and revision %d", after, epoch, done.Revision)
	}
}

func TestTrimKeepsWhatAFeedStillNeeds(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	first := commit(t, s, feedA, alert(feedA, "a1", epoch), alert(feedA, "a2", epoch))
	second := commit(t, s, feedB, alert(feedB, "b1", epoch))
	// Feed A still needs its second alert to recognise it, feed B nothing.
	for feed, from := range map[tributary.Feed]uint64{feedA: first.First + 1, feedB: second.Revision} {
		cursor, err := s.Cursor(t.Context(), feed)
		if err != nil {
			t.Fatal(err)
		}
		cursor.SeenFrom = from
		if _, err := s.Commit(t.Context(), feed, nil, cursor); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Trim(t.Context(), second.Revision, 0, []tributary.Feed{feedA, feedB}); err != nil {
		t.Fatal(err)
	}
	a2 := alert(feedA, "a2", epoch)
	if got := versions(t, s, feedA); len(got) != 1 || got[a2.EventID()] != 1 {
		t.Errorf("feed A keeps %d versions, want only the one it needs", len(got))
	}
	if got := versions(t, s, feedB); len(got) != 0 {
		t.Errorf("feed B keeps %d versions, want none", len(got))
	}
}

func TestWrongKeyLeavesEveryByteAsItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, stream.Options{Dir: dir})
	commit(t, s, feedA, alert(feedA, "kept", epoch))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := fingerprints(t, dir)
	_, err := stream.Open(t.Context(), stream.Options{Dir: dir, AtRest: bytes.Repeat([]byte{8}, 32)})
	if !errors.Is(err, stream.ErrWrongKey) {
		t.Fatalf("a wrong key gave %v, want %v", err, stream.ErrWrongKey)
	}
	after := fingerprints(t, dir)
	for path, sum := range before {
		if after[path] != sum {
			t.Errorf("%s has changed", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
	s = open(t, stream.Options{Dir: dir})
	if n := len(versions(t, s, feedA)); n != 1 {
		t.Errorf("with the right key again the stream holds %d versions, want 1", n)
	}
}

func fingerprints(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		sums[path] = sha256.Sum256(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func TestNothingIsStoredInTheClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, stream.Options{Dir: dir})
	a := alert(feedA, "clear-text-marker", epoch)
	a.Raw = []byte(`{"id":"clear-text-marker","title":"clear-text-marker"}`)
	commit(t, s, feedA, a)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("clear-text-marker")) {
			t.Errorf("%s holds an alert in the clear", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecondInstanceIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, stream.Options{Dir: dir})
	commit(t, s, feedA, alert(feedA, "one", epoch))
	if _, err := stream.Open(t.Context(), stream.Options{Dir: dir, AtRest: key}); !errors.Is(err, stream.ErrInUse) {
		t.Errorf("a second instance got %v, want %v", err, stream.ErrInUse)
	}
	// A command talks to the first one instead.
	command, err := stream.Connect(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer command.Close()
	if cursor, err := command.Cursor(t.Context(), feedA); err != nil || !cursor.Watermark.Equal(epoch) {
		t.Errorf("the command reads cursor %+v, %v", cursor, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Connect(t.Context(), dir, nil); !errors.Is(err, stream.ErrNotRunning) {
		t.Errorf("without an instance a command got %v, want %v", err, stream.ErrNotRunning)
	}
}

func TestLargeAlertIsCompressedAndAHugeOneBuried(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{MaxBytes: 256 << 20})
	large := alert(feedA, "large", epoch)
	large.Raw = []byte(`{"text":"` + string(bytes.Repeat([]byte("evidence "), 2<<20)) + `"}`)
	huge := alert(feedA, "huge", epoch)
	noise := make([]byte, 10<<20)
	for i := range noise {
		noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[rand.IntN(64)]
	}
	huge.Raw = []byte(`{"text":"` + string(noise) + `"}`)
	small := alert(feedA, "small", epoch)
	done := commit(t, s, feedA, huge, large, small)
	if done.TooLarge != 1 {
		t.Errorf("the commit buried %d alerts, want 1", done.TooLarge)
	}
	if n, err := s.DeadLetters(t.Context(), stream.CollectDestination); err != nil || n != 1 {
		t.Errorf("%d dead letters, %v; want 1", n, err)
	}
	// It counts as seen, so that the next poll doesn't bury it again.
	if got := versions(t, s, feedA); len(got) != 3 {
		t.Errorf("the stream knows %d versions, want 3", len(got))
	}
	lane, err := s.OpenLane(t.Context(), "archive", tributary.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	for _, want := range []tributary.Alert{large, small} {
		batch, err := lane.Next(t.Context(), stream.Batch{Count: 1, Bytes: 1, Age: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if got := batch[0].Alert; got.ID != want.ID || !bytes.Equal(got.Raw, want.Raw) {
			t.Errorf("got alert %q of %d bytes, want %q of %d", got.ID, len(got.Raw), want.ID, len(want.Raw))
		}
	}
}

func TestStreamFullOfUndeliveredAlertsRefusesAndOneOfDeliveredGoesOn(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{MaxBytes: 2 << 20})
	lane, err := s.OpenLane(t.Context(), "archive", tributary.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	page := func(i int) []tributary.Alert {
		var alerts []tributary.Alert
		for j := range 50 {
			a := alert(feedA, fmt.Sprintf("%d-%d", i, j), epoch.Add(time.Duration(i)*time.Second))
			noise := make([]byte, 2000)
			for k := range noise {
				noise[k] = 'a' + byte(rand.IntN(26))
			}
			a.Raw = fmt.Appendf(nil, `{"id":%q,"noise":%q}`, a.ID, noise)
			alerts = append(alerts, a)
		}
		return alerts
	}
	committed := 0
	var full error
	for ; full == nil && committed < 100; committed++ {
		cursor, err := s.Cursor(t.Context(), feedA)
		if err != nil {
			t.Fatal(err)
		}
		_, full = s.Commit(t.Context(), feedA, page(committed), cursor)
	}
	committed--
	if e := tributary.AsError(full); e == nil || e.Code != tributary.CodeStreamFull || e.Next == "" {
		t.Fatalf("a full stream gave %v, want code %s with a next step", full, tributary.CodeStreamFull)
	}
	if got := len(versions(t, s, feedA)); got != committed*50 {
		t.Errorf("the stream holds %d versions, want the %d that were committed", got, committed*50)
	}
	// Nothing may go while the lane has not settled it.
	floor, err := lane.Floor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Trim(t.Context(), floor, 7*24*time.Hour, []tributary.Feed{feedA}); err != nil {
		t.Fatal(err)
	}
	if got := len(versions(t, s, feedA)); got != committed*50 {
		t.Fatalf("a trim removed alerts that were not delivered: %d are left of %d", got, committed*50)
	}
	drain(t, lane, committed*50)
	cursor, err := s.Cursor(t.Context(), feedA)
	if err != nil {
		t.Fatal(err)
	}
	cursor.SeenFrom = cursor.Revision // as after the overlap has passed
	if floor, err = lane.Floor(t.Context()); err != nil {
		t.Fatal(err)
	}
	forget(t, s, cursor)
	if err := s.Trim(t.Context(), floor, 7*24*time.Hour, []tributary.Feed{feedA}); err != nil {
		t.Fatal(err)
	}
	if cursor, err = s.Cursor(t.Context(), feedA); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), feedA, page(committed), cursor); err != nil {
		t.Errorf("after the delivered alerts were trimmed: %v", err)
	}
}

// forget moves what the feed still needs, in a stream too full for a commit:
// as a feed does that read on before the stream filled up.
func forget(t *testing.T, s *stream.Store, cursor tributary.Cursor) {
	t.Helper()
	if _, err := s.Commit(t.Context(), feedA, nil, cursor); err != nil {
		t.Fatalf("a cursor replaces one of the same size even in a full stream: %v", err)
	}
}

func drain(t *testing.T, lane *stream.Lane, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for got := 0; got < want; {
		batch, err := lane.Next(ctx, stream.Batch{Count: 500, Bytes: 1 << 20, Age: 20 * time.Millisecond})
		if err != nil {
			t.Fatalf("after %d of %d alerts: %v", got, want, err)
		}
		got += len(batch)
		if err := lane.Settle(ctx, stream.Receipt{From: batch[0].Sequence, To: batch[len(batch)-1].Sequence, Count: len(batch)}); err != nil {
			t.Fatal(err)
		}
	}
}
