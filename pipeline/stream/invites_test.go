package stream_test

import (
	"errors"
	"testing"

	"tributary"
	"tributary/pipeline/stream"
)

func TestInvites(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	ctx := t.Context()
	if _, _, err := s.SealedInvite(ctx, "AAAA"); !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("an invitation that is not there: %v", err)
	}
	if all, err := s.SealedInvites(ctx); err != nil || len(all) != 0 {
		t.Errorf("a new store has %v, %v", all, err)
	}
	revision, err := s.PutSealedInvite(ctx, "AAAA", []byte("first"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutSealedInvite(ctx, "AAAA", []byte("other"), 0); !errors.Is(err, tributary.ErrConflict) {
		t.Errorf("made twice: %v", err)
	}
	if _, err := s.PutSealedInvite(ctx, "AAAA", []byte("second"), revision); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutSealedInvite(ctx, "AAAA", []byte("third"), revision); !errors.Is(err, tributary.ErrConflict) {
		t.Errorf("changed with an old revision: %v", err)
	}
	if _, err := s.PutSealedInvite(ctx, "BBBB", []byte("another"), 0); err != nil {
		t.Fatal(err)
	}
	all, err := s.SealedInvites(ctx)
	if err != nil || len(all) != 2 || string(all["AAAA"]) != "second" || string(all["BBBB"]) != "another" {
		t.Errorf("%q, %v", all, err)
	}
	if err := s.RemoveInvite(ctx, "AAAA"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SealedInvite(ctx, "AAAA"); !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("after it was removed: %v", err)
	}
	if all, err := s.SealedInvites(ctx); err != nil || len(all) != 1 {
		t.Errorf("%q, %v", all, err)
	}
}
