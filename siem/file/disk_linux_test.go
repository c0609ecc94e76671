package file

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tributary"
	"tributary/sendertest"
)

// A real disk that is full: nothing torn stays, and delivery goes on when
// there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("can't mount a small disk here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 160<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: dir})
	send(t, s, sendertest.Records(0, 100))
	batch := sendertest.Records(100, 500)
	result, err := s.Send(t.Context(), batch)
	if e := tributary.AsSendError(err); !errors.Is(err, syscall.ENOSPC) || e.Kind != tributary.SendRetry || e.Next == "" || result.Settled != 0 {
		t.Fatalf("on a full disk: %+v, %v", result, err)
	}
	path := filepath.Join(dir, "alerts.ndjson")
	if got := len(lines(t, path)); got != 100 {
		t.Fatalf("%d lines after the failure, want the 100 confirmed ones", got)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	send(t, s, batch)
	if got := len(lines(t, path)); got != 600 {
		t.Fatalf("%d lines, want 600", got)
	}
}
