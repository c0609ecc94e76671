package stream_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tributary"
	"tributary/pipeline/stream"
)

func TestSealedRecords(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	if _, err := s.PutTenant(t.Context(), tributary.Tenant{Slug: "contoso", ID: "11111111-2222-3333-4444-555555555555", Auth: tributary.AuthDelegated, Sources: []tributary.Source{tributary.SourceGraph}}, 0); err != nil {
		t.Fatal(err)
	}
	first, err := s.PutSealedGrant(t.Context(), "contoso", []byte("sealed: grant 1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutSealedGrant(t.Context(), "contoso", []byte("sealed: grant 2"), first); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutSealedGrant(t.Context(), "gone", []byte("sealed: grant"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveGrant(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutSealedInvite(t.Context(), "one", []byte("sealed: invitation"), 0); err != nil {
		t.Fatal(err)
	}
	sealed := func(value []byte) bool { return bytes.HasPrefix(value, []byte("sealed: ")) }
	records, err := s.SealedRecords(t.Context(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 2 || records[0].Key != "contoso" || string(records[0].Value) != "sealed: grant 2" || string(records[1].Value) != "sealed: invitation" {
		t.Fatalf("%+v", records)
	}
	if err := s.PutSealedRecord(t.Context(), records[0], []byte("sealed: anew")); err != nil {
		t.Fatal(err)
	}
	if err := s.PutSealedRecord(t.Context(), records[0], []byte("sealed: late")); !errors.Is(err, tributary.ErrConflict) {
		t.Errorf("an old revision: %v", err)
	}
	if value, _, err := s.SealedGrant(t.Context(), "contoso"); err != nil || string(value) != "sealed: anew" {
		t.Errorf("%q, %v", value, err)
	}
}

// Nobody joins a store that is open for its owner alone.
func TestAloneIsNotJoined(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "running.json"), []byte(`{"url":"nats://127.0.0.1:1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, stream.Options{Dir: dir, Alone: true})
	commit(t, s, feedA, alert(feedA, "one", epoch))
	if _, err := stream.Connect(t.Context(), dir, nil); !errors.Is(err, stream.ErrNotRunning) {
		t.Errorf("a command joined: %v", err)
	}
	if _, err := stream.Open(t.Context(), stream.Options{Dir: dir, AtRest: key}); !errors.Is(err, stream.ErrInUse) {
		t.Errorf("a second instance: %v", err)
	}
}
