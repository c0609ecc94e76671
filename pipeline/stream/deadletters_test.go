package stream_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

func deadLetters(t *testing.T, s *stream.Store, destination string, want uint64) {
	t.Helper()
	got, err := s.DeadLetters(t.Context(), destination)
	if err != nil || got != want {
		t.Errorf("%s has %d dead letters (%v), want %d", destination, got, err, want)
	}
}

func TestPurgeDeadLettersErasesOneTenantsAlone(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	var letters []stream.DeadLetter
	for _, destination := range []string{"soc", "arc.hive *", stream.CollectDestination} {
		// The second begins as the first does, and must not go with it.
		for _, tenant := range []string{"contoso", "contoso-lab", "fabrikam"} {
			a := alert(tributary.Feed{Tenant: tenant, Source: tributary.SourceGraph}, destination+tenant, epoch)
			letters = append(letters, stream.DeadLetter{
				Destination: destination, Tenant: tenant, ID: a.ID, EventID: a.EventID().String(), Reason: "refused", Raw: a.Raw,
			})
		}
	}
	if err := s.Bury(t.Context(), letters...); err != nil {
		t.Fatal(err)
	}
	deadLetters(t, s, "soc", 3)
	if err := s.PurgeDeadLetters(t.Context(), "contoso"); err != nil {
		t.Fatal(err)
	}
	for _, destination := range []string{"soc", "arc.hive *", stream.CollectDestination} {
		deadLetters(t, s, destination, 2)
	}
	if err := s.PurgeDeadLetters(t.Context(), "nobody"); err != nil {
		t.Errorf("a tenant without any: %v", err)
	}
	deadLetters(t, s, "soc", 2)
}

func TestProveKeyChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := stream.ProveKey(dir, key); err != nil {
		t.Errorf("a folder without a store: %v", err)
	}
	if stream.Used(dir) {
		t.Error("it made a store")
	}
	s := open(t, stream.Options{Dir: dir})
	before := fingerprints(t, dir)
	other := append([]byte{1}, key[1:]...)
	if err := stream.ProveKey(dir, other); !errors.Is(err, stream.ErrWrongKey) {
		t.Errorf("another key: %v", err)
	}
	if err := stream.ProveKey(dir, key); err != nil {
		t.Errorf("the store's key while it is open: %v", err)
	}
	if after := fingerprints(t, dir); len(after) != len(before) {
		t.Errorf("%d files became %d", len(before), len(after))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A letter is one however often and however late it is buried, also beyond the
// time for which the server drops repeats by itself.
func TestLetterIsBuriedOnceForEver(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	a := alert(feedA, "poison", epoch)
	letter := stream.DeadLetter{Destination: "soc", Tenant: a.Tenant, ID: a.ID, EventID: a.EventID().String(), Reason: "refused", Raw: a.Raw}
	st, err := s.JetStream().Stream(t.Context(), "DEADLETTERS")
	if err != nil {
		t.Fatal(err)
	}
	cfg := st.CachedInfo().Config
	cfg.Duplicates = 100 * time.Millisecond
	if _, err := s.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Bury(t.Context(), letter, letter); err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(150 * time.Millisecond)
		<-timer.C
	}
	deadLetters(t, s, "soc", 1)
	other := letter
	other.EventID = "another version"
	if err := s.Bury(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	deadLetters(t, s, "soc", 2)
}

// What a destination refuses may be no JSON at all.
func TestLetterOfBrokenTextIsKept(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	letter := stream.DeadLetter{Destination: "soc", Tenant: "contoso", ID: "x", EventID: "1", Raw: []byte("{\"id\":\"\x00\xff")}
	if err := s.Bury(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	deadLetters(t, s, "soc", 1)
}

// Letters that find no room are told from a stream that is full of alerts.
func TestFullDeadLettersSaySo(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	st, err := s.JetStream().Stream(t.Context(), "DEADLETTERS")
	if err != nil {
		t.Fatal(err)
	}
	cfg := st.CachedInfo().Config
	cfg.MaxBytes = 1000
	if _, err := s.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	err = s.Bury(t.Context(), stream.DeadLetter{Destination: "soc", Tenant: "contoso", ID: "x", EventID: "1", Reason: strings.Repeat("no ", 1000)})
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeStreamFull || !strings.Contains(e.Error(), "dead letters fill") {
		t.Errorf("got %v, want code %s and a word on dead letters", err, tributary.CodeStreamFull)
	}
}
