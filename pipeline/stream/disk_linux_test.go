package stream_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

// inNamespace marks the run of the test that may mount.
const inNamespace = "TRIBUTARY_TEST_MAY_MOUNT"

// A full disk: commits are refused with a clear error, nothing that was
// committed is lost, and when there is room again commits go on without a
// restart of the program. It runs on a small disk of its own, in a mount
// namespace that goes with it.
func TestFullDiskPausesAndRecovers(t *testing.T) {
	t.Parallel()
	dir, ok := smallDisk(t)
	if !ok {
		return
	}
	store := filepath.Join(dir, "store")
	s := open(t, stream.Options{Dir: store, MaxBytes: 32 << 20, Reserve: 4 << 20})
	committed := map[tributary.EventID]bool{}
	page := func(n int) []tributary.Alert {
		var alerts []tributary.Alert
		for i := range 50 {
			alerts = append(alerts, alert(feedA, fmt.Sprintf("%d-%d", n, i), epoch.Add(time.Duration(n)*time.Second)))
		}
		return alerts
	}
	try := func(n int) error {
		cursor, err := s.Cursor(t.Context(), feedA)
		if err != nil {
			return err
		}
		alerts := page(n)
		if _, err := s.Commit(t.Context(), feedA, alerts, cursor); err != nil {
			return err
		}
		for _, a := range alerts {
			committed[a.EventID()] = true
		}
		return nil
	}
	if err := try(1); err != nil {
		t.Fatal(err)
	}

	// Below the reserve nothing is written.
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	err := try(2)
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeDiskFull || e.Next == "" {
		t.Fatalf("on a full disk: %v, want code %s with a next step", err, tributary.CodeDiskFull)
	}
	// Somebody else filled the disk to the last byte while JetStream wrote: its
	// own writes fail, and it doesn't recover by itself.
	if err := s.Audit(t.Context(), stream.AuditRecord{Actor: "test", Action: "fails"}); err == nil {
		t.Log("JetStream still wrote on the full disk")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(90 * time.Second)
	for err = try(3); err != nil; err = try(3) {
		if time.Now().After(deadline) {
			t.Fatal("with room again commits still fail: ", err)
		}
		<-time.NewTimer(100 * time.Millisecond).C
	}
	// Everything that was confirmed is there, once, and nothing else, also for a
	// lane and after a restart.
	for range 2 {
		got := versions(t, s, feedA)
		for id := range committed {
			if got[id] != 1 {
				t.Errorf("version %s lies %d times in the stream, want once", id, got[id])
			}
		}
		if len(got) != len(committed) {
			t.Errorf("%d versions in the stream, %d were confirmed", len(got), len(committed))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, stream.Options{Dir: store, MaxBytes: 32 << 20, Reserve: 4 << 20})
	}
}

// A write error closes one stream of JetStream's for good, and leaves the
// others alone. That the others take writes proves nothing: the stream of the
// alerts must.
func TestWriteErrorOfTheAlertsIsMended(t *testing.T) {
	t.Parallel()
	dir, ok := smallDisk(t)
	if !ok {
		return
	}
	s := open(t, stream.Options{Dir: filepath.Join(dir, "store"), MaxBytes: 32 << 20})
	s.NoReserve()
	commit(t, s, feedA, pageOf(feedA, 50, "a")...)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	cursor, err := s.Cursor(t.Context(), feedA)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil { // a cursor alone needs no room for staging a batch
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		var done stream.Committed
		done, err = s.Commit(ctx, feedA, nil, cursor)
		cursor.Revision = done.Revision
		cancel()
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	await(t, "commits to pass again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		cursor, err := s.Cursor(ctx, feedA)
		if err == nil {
			_, err = s.Commit(ctx, feedA, []tributary.Alert{alert(feedA, "c", epoch)}, cursor)
		}
		return err == nil
	})
	got := versions(t, s, feedA)
	for _, a := range append(pageOf(feedA, 50, "a"), alert(feedA, "c", epoch)) {
		if got[a.EventID()] != 1 {
			t.Errorf("%s lies %d times in the stream, want once", a.ID, got[a.EventID()])
		}
	}
	await(t, "the status to be kept again", func() bool {
		return s.PutLaneStatus(t.Context(), stream.LaneStatus{Destination: "soc"}) == nil
	})
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := make([]byte, 64<<10)
	for len(chunk) > 0 {
		if _, err := f.Write(chunk); err != nil {
			chunk = chunk[:len(chunk)/2]
		}
	}
}

// smallDisk mounts a disk of 48 MB in a run of the test of its own, and tells
// that run the folder. For the caller that run was the test.
func smallDisk(t *testing.T) (dir string, ok bool) {
	t.Helper()
	if os.Getenv(inNamespace) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inNamespace+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
			t.Fatalf("%v (the test needs root or unprivileged user namespaces to mount a small disk):\n%s", err, out)
		}
		return "", false
	}
	dir = t.TempDir()
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal("make the mounts private:", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Fatal("mount a small disk:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir, true
}
