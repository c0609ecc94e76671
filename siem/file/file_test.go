package file

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tributary"
	"tributary/sendertest"
)

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T, o Options) *Sender {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func lines(t *testing.T, path string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		t.Fatalf("%s ends in a torn line", path)
	}
	return wholeLines(t, path)
}

func wholeLines(t *testing.T, path string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	list := bytes.Split(text, []byte("\n"))
	return list[:len(list)-1]
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		if e.Name() != lockName {
			list = append(list, e.Name())
		}
	}
	return list
}

func send(t *testing.T, s tributary.Sender, records []tributary.Record) {
	t.Helper()
	result, err := s.Send(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	if result.Settled != len(records) {
		t.Fatalf("%d of %d records are settled", result.Settled, len(records))
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sendertest.Run(t, func(t *testing.T) sendertest.Target {
		dir := t.TempDir()
		s := open(t, Options{Dir: dir})
		bad := &badDisk{}
		s.openFile = bad.open
		return sendertest.Target{
			Sender: s,
			Received: func() [][]byte {
				path := filepath.Join(dir, "alerts.ndjson")
				if bad.torn { // until the next batch repairs it
					return wholeLines(t, path)
				}
				return lines(t, path)
			},
			Unacceptable: func() tributary.Record {
				return tributary.Record{Alert: &tributary.Alert{}, Body: []byte("{\n}")}
			},
			Faults: []sendertest.Fault{
				{Name: "disk full", Kind: tributary.SendRetry, Break: func() { bad.room = 5000 }, Mend: func() { bad.room = 0 }},
				{Name: "disk full at a line's end", Kind: tributary.SendRetry, Break: func() { bad.room = len(sendertest.Records(10, 1)[0].Body) + 1 }, Mend: func() { bad.room = 0 }},
				{Name: "fsync fails", Kind: tributary.SendRetry, Break: func() { bad.sync = syscall.EIO }, Mend: func() { bad.sync = nil }},
				{Name: "nothing can be cut back", Kind: tributary.SendRetry, Break: func() { bad.room, bad.truncate, bad.torn = 5000, syscall.EIO, true }, Mend: func() { bad.room, bad.truncate = 0, nil }},
				{Name: "no permission", Kind: tributary.SendMisconfigured, Break: func() { s.release(); bad.opening = os.ErrPermission }, Mend: func() { bad.opening = nil }},
				{Name: "directory in use", Kind: tributary.SendMisconfigured, Break: func() {
					s.release()
					bad.other = open(t, Options{Dir: dir})
					if err := bad.other.Check(t.Context()); err != nil {
						t.Fatal(err)
					}
				}, Mend: func() { bad.other.Close() }},
			},
		}
	})
}

// badDisk opens files on a disk with faults.
type badDisk struct {
	room                    int // bytes that a write may take; zero: all
	sync, truncate, opening error
	torn                    bool // a torn line may stand at the end
	other                   *Sender
}

func (d *badDisk) open(path string) (activeFile, error) {
	if d.opening != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: d.opening}
	}
	f, err := openFile(path)
	return &badFile{f, d}, err
}

type badFile struct {
	activeFile
	disk *badDisk
}

func (f *badFile) Write(p []byte) (int, error) {
	if f.disk.room == 0 || f.disk.room > len(p) {
		return f.activeFile.Write(p)
	}
	n, err := f.activeFile.Write(p[:f.disk.room])
	if err == nil {
		err = &os.PathError{Op: "write", Err: syscall.ENOSPC}
	}
	return n, err
}

func (f *badFile) Sync() error {
	if f.disk.sync != nil {
		return f.disk.sync
	}
	return f.activeFile.Sync()
}

func (f *badFile) Truncate(size int64) error {
	if f.disk.truncate != nil {
		return f.disk.truncate
	}
	return f.activeFile.Truncate(size)
}

func TestRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &clock{time.Date(2026, 3, 1, 23, 59, 58, 0, time.FixedZone("CET", 3600))} // 22:59:58 UTC
	s := open(t, Options{Dir: dir, MaxBytes: 2000, Now: c.now})
	size := int64(len(sendertest.Records(0, 1)[0].Body) + 1)
	perFile := int(2000 / size)

	send(t, s, sendertest.Records(0, perFile)) // as much as goes in
	if got := names(t, dir); !slices.Equal(got, []string{"alerts.ndjson"}) {
		t.Fatalf("files: %v", got)
	}
	send(t, s, sendertest.Records(100, 1))            // by size
	send(t, s, sendertest.Records(200, 10*perFile))   // by size; a batch is never divided
	send(t, s, sendertest.Records(300, 1))            // by size, in the same second
	c.t = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a new day
	send(t, s, sendertest.Records(400, 2))
	c.t = c.t.Add(24*time.Hour - time.Nanosecond) // the same day
	send(t, s, sendertest.Records(500, 1))

	want := map[string]int{
		"alerts-20260301T225958Z.ndjson":   perFile,
		"alerts-20260301T225958Z-2.ndjson": 1,
		"alerts-20260301T225958Z-3.ndjson": 10 * perFile,
		"alerts-20260301T225958Z-4.ndjson": 1,
		"alerts.ndjson":                    3,
	}
	if got := names(t, dir); len(got) != len(want) {
		t.Fatalf("files: %v", got)
	}
	for name, n := range want {
		if got := len(lines(t, filepath.Join(dir, name))); got != n {
			t.Errorf("%s has %d lines, want %d", name, got, n)
		}
	}
}

// The age outlives a restart: it is read from the file.
func TestRotationByAgeAfterRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "alerts.ndjson")
	if err := os.WriteFile(path, []byte("{}\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2026, 2, 27, 13, 14, 15, 0, time.UTC)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	s := open(t, Options{Dir: dir, Now: c.now, MaxBytes: -1})
	send(t, s, sendertest.Records(0, 1))
	if got := names(t, dir); !slices.Equal(got, []string{"alerts-20260227T131415Z.ndjson", "alerts.ndjson"}) {
		t.Fatalf("files: %v", got)
	}
}

func TestNeverRotates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &clock{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	s := open(t, Options{Dir: dir, Prefix: "contoso", Now: c.now, MaxBytes: -1, MaxAge: -1})
	for i := range 5 {
		send(t, s, sendertest.Records(i, 1))
		c.t = c.t.AddDate(1, 0, 0)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"contoso.ndjson"}) {
		t.Fatalf("files: %v", got)
	}
}

// A crash can cut the file at any byte. Whatever stands after the last whole
// line was not confirmed.
func TestTornLineIsCut(t *testing.T) {
	t.Parallel()
	whole := []byte("{\"a\":1}\n{\"b\":2}\n")
	next := sendertest.Records(7, 1)
	long := bytes.Repeat([]byte("x"), 200<<10) // longer than a block of the search
	for _, torn := range [][]byte{nil, []byte("{"), []byte(`{"c":3}`), long, {0, 0, 0}} {
		for _, before := range [][]byte{nil, whole} {
			dir := t.TempDir()
			path := filepath.Join(dir, "alerts.ndjson")
			if err := os.WriteFile(path, slices.Concat(before, torn), 0o640); err != nil {
				t.Fatal(err)
			}
			send(t, open(t, Options{Dir: dir}), next)
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if want := slices.Concat(before, next[0].Body, []byte("\n")); !bytes.Equal(got, want) {
				t.Errorf("%d whole and %d torn bytes became %.100q", len(before), len(torn), got)
			}
		}
	}
}

// What was confirmed must be under the name that the operator knows.
func TestActiveFileMovedAway(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("an open file can't be moved there")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "alerts.ndjson")
	s := open(t, Options{Dir: dir})
	send(t, s, sendertest.Records(0, 2))
	if err := os.Rename(path, filepath.Join(dir, "taken.log")); err != nil {
		t.Fatal(err)
	}
	send(t, s, sendertest.Records(10, 3))
	// And as log rotation does it: another file takes the name at once.
	if err := os.Rename(path, filepath.Join(dir, "rotated.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	send(t, s, sendertest.Records(15, 2))
	if got := len(lines(t, path)); got != 2 {
		t.Fatalf("%d lines in the new file, want 2", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	send(t, s, sendertest.Records(20, 4))
	if got := len(lines(t, path)); got != 4 {
		t.Fatalf("%d lines under the name, want 4", got)
	}
}

func TestFileMode(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	dir := filepath.Join(t.TempDir(), "deep", "er")
	s := open(t, Options{Dir: dir})
	send(t, s, sendertest.Records(0, 1))
	for _, name := range []string{"alerts.ndjson", lockName} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&^0o640 != 0 {
			t.Errorf("%s has mode %v", name, mode)
		}
	}
}

func TestErrorsSayWhatHelps(t *testing.T) {
	t.Parallel()
	occupied := filepath.Join(t.TempDir(), "a-file")
	if err := os.WriteFile(occupied, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inUse := t.TempDir()
	if err := open(t, Options{Dir: inUse}).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	asDir := t.TempDir()
	if err := os.Mkdir(filepath.Join(asDir, "alerts.ndjson"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ dir, want string }{
		"a file in the way":        {occupied, "move"},
		"below a file":             {filepath.Join(occupied, "below"), "move"},
		"another process":          {inUse, "other process"},
		"a directory of that name": {asDir, "move"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := open(t, Options{Dir: c.dir}).Check(t.Context())
			e := tributary.AsSendError(err)
			if err == nil || e.Kind != tributary.SendMisconfigured || !strings.Contains(e.Next, c.want) || !strings.Contains(err.Error(), c.dir) {
				t.Errorf("error %v (%s), next step %q, want the path %s and %q", err, e.Kind, e.Next, c.dir, c.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Dir: "x", Prefix: "../y"}, {Dir: "x", Prefix: ".."}, {Dir: "x", Prefix: "a/b"}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) took it", o)
		}
	}
}

// A directory that can't be written is no reason not to start.
func TestNewTouchesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "later")
	s := open(t, Options{Dir: dir})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("New made the directory (%v)", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("shutting down"))
	if _, err := s.Send(ctx, sendertest.Records(0, 1)); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("got %v, want the cause", err)
	}
}

func BenchmarkSend(b *testing.B) {
	s, err := New(Options{Dir: b.TempDir(), MaxBytes: -1, MaxAge: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	batch := sendertest.Records(0, 500)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Send(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(batch)), "records/op")
}
