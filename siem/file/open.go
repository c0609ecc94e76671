package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	dirMode  = 0o750
	fileMode = 0o640
	lockName = ".tributary.lock"
)

var errInUse = errors.New("another destination or another process writes to this directory")

// ready makes sure that the active file is open, ours alone, and the one that
// bears the name: lines written to a file that somebody moved or removed would
// be confirmed and lost.
func (s *Sender) ready() error {
	if s.file != nil {
		ours, err := s.file.Stat()
		if err == nil {
			var named os.FileInfo
			if named, err = os.Stat(s.activePath()); err == nil && os.SameFile(ours, named) {
				return nil
			}
		}
		s.log.Warn("the active file was moved or removed by somebody else: opening a new one", "path", s.activePath(), "error", err)
		s.release()
	}
	if err := s.open(); err != nil {
		s.release()
		return err
	}
	return nil
}

// openFile opens a file for appending, and for reading its end.
func openFile(path string) (activeFile, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, fileMode)
}

func (s *Sender) open() error {
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return sendError("make directory", s.dir, err)
	}
	if s.lock == nil {
		lock := flock.New(filepath.Join(s.dir, lockName), flock.SetPermissions(fileMode))
		switch locked, err := lock.TryLock(); {
		case err != nil:
			return sendError("lock directory", s.dir, err)
		case !locked:
			return sendError("lock directory", s.dir, errInUse)
		}
		s.lock = lock
	}
	path := s.activePath()
	f, err := s.openFile(path)
	if err != nil {
		return sendError("open", path, err)
	}
	s.file = f
	info, err := f.Stat()
	if err != nil {
		return sendError("open", path, err)
	}
	if !info.Mode().IsRegular() {
		return sendError("open", path, errNotRegular)
	}
	s.last = info.ModTime().UTC()
	if err := s.payCut(info); err != nil {
		return sendError("repair", path, err)
	}
	if err := s.cutTornLine(); err != nil {
		return sendError("repair", path, err)
	}
	// The file's name must outlive a power cut as the lines in it do.
	if err := syncDir(s.dir); err != nil {
		return sendError("sync directory", s.dir, err)
	}
	return nil
}

// cutTornLine removes what stands after the last line break. A crash in
// mid-write leaves such a piece; its batch was never confirmed and comes again.
func (s *Sender) cutTornLine() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	whole, err := endOfLastLine(s.file, size)
	if err != nil {
		return err
	}
	if whole == size {
		return nil
	}
	s.log.Warn("cut off a torn last line that a crash left: its alerts were never confirmed and come again",
		"path", s.activePath(), "bytes", size-whole)
	if err := s.file.Truncate(whole); err != nil {
		return err
	}
	return s.file.Sync()
}

// endOfLastLine returns the offset after the last line break.
func endOfLastLine(r io.ReaderAt, size int64) (int64, error) {
	block := make([]byte, 64<<10)
	for end := size; end > 0; {
		n := min(end, int64(len(block)))
		if _, err := r.ReadAt(block[:n], end-n); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := bytes.LastIndexByte(block[:n], '\n'); i >= 0 {
			return end - n + int64(i) + 1, nil
		}
		end -= n
	}
	return 0, nil
}

// rotateFor gives the active file its final name if the next batch belongs
// into a new one.
func (s *Sender) rotateFor(batch int64, now time.Time) error {
	info, err := s.file.Stat()
	if err != nil {
		return sendError("write to", s.activePath(), err)
	}
	full := s.maxBytes > 0 && info.Size()+batch > s.maxBytes
	old := s.maxAge > 0 && !now.Truncate(s.maxAge).Equal(s.last.Truncate(s.maxAge))
	if info.Size() == 0 || !full && !old {
		return nil
	}
	final, err := s.finalName()
	if err != nil {
		return sendError("rotate", s.activePath(), err)
	}
	// Windows renames no open file.
	s.closeFile()
	if err := os.Rename(s.activePath(), final); err != nil {
		return sendError("rotate", s.activePath(), err)
	}
	s.log.Info("rotated", "path", final, "bytes", info.Size())
	f, err := s.openFile(s.activePath())
	if err != nil {
		return sendError("open", s.activePath(), err)
	}
	s.file = f
	if err := syncDir(s.dir); err != nil {
		s.closeFile() // opened again, the directory is synced again
		return sendError("sync directory", s.dir, err)
	}
	return nil
}

// finalName is Prefix-<time of the last batch>.ndjson, with a number where
// that is taken. Names sort by time.
func (s *Sender) finalName() (string, error) {
	base := filepath.Join(s.dir, s.prefix+"-"+s.last.Format("20060102T150405Z"))
	for n := 0; ; n++ {
		name := base + ".ndjson"
		if n > 0 {
			name = fmt.Sprintf("%s-%d.ndjson", base, n+1)
		}
		switch _, err := os.Lstat(name); {
		case errors.Is(err, os.ErrNotExist):
			return name, nil
		case err != nil:
			return "", err
		}
	}
}
