package file

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"tributary"
)

var errNotRegular = errors.New("it is not a regular file")

// sendError says what was attempted with which path, and who can mend it: a
// full disk passes, a missing permission doesn't.
func sendError(op, path string, err error) error {
	e := &tributary.SendError{Kind: tributary.SendRetry, Err: fmt.Errorf("file destination: %s %s: %w", op, path, withoutPath(err))}
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Kind = tributary.SendMisconfigured
		e.Next = fmt.Sprintf("let the user that runs tributary write to %s, or set another dir", dir)
	case isReadOnly(err):
		e.Kind = tributary.SendMisconfigured
		e.Next = fmt.Sprintf("%s is on a read-only file system: mount it for writing, or set another dir", dir)
	case errors.Is(err, errInUse):
		e.Kind = tributary.SendMisconfigured
		e.Next = "end the other process, or give each destination a dir of its own"
	case errors.Is(err, errNotRegular), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		e.Kind = tributary.SendMisconfigured
		e.Next = fmt.Sprintf("move %s out of the way, or set another dir", path)
	case isDiskFull(err):
		e.Next = fmt.Sprintf("free space on the disk that holds %s: delivery goes on by itself", dir)
	}
	return e
}

// withoutPath spares the reader a path that the sentence has already.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && error(p) == err {
		return p.Err
	}
	return err
}
