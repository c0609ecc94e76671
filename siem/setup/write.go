package setup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"tributary"
)

const (
	fileMode = 0o600
	dirMode  = 0o700
)

// Write puts the files into a folder, all of mode 0600. A folder that isn't
// there is made, of mode 0700; one that is there stays as it is. Each file is
// whole and on the disk, or not there. A file that is there is never replaced
// and no file is written then, unless force says so; an error of that kind
// wraps [fs.ErrExist]. Symbolic links are not followed: neither dir itself nor
// a name in it.
func Write(dir string, files []File, force bool) error {
	if err := write(dir, files, force); err != nil {
		return writeError(dir, err)
	}
	return nil
}

func write(dir string, files []File, force bool) (err error) {
	if err := checkNames(files); err != nil {
		return err
	}
	root, err := openFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if !force {
		for _, f := range files {
			switch _, err := root.Lstat(f.Name); {
			case err == nil:
				return fmt.Errorf("%s: %w", f.Name, fs.ErrExist)
			case !errors.Is(err, fs.ErrNotExist):
				return err
			}
		}
	}
	// All bytes are on the disk before the first name appears.
	temps := make([]string, len(files))
	for i, f := range files {
		temps[i] = "." + f.Name + "-" + rand.Text()
		defer func() { _ = root.Remove(temps[i]) }() // nothing is there after a rename
		if err := writeTemp(root, temps[i], f.Body); err != nil {
			return err
		}
	}
	for i, f := range files {
		if err := publish(root, temps[i], f.Name, force); err != nil {
			return err
		}
	}
	return syncFolder(root)
}

// checkNames wants plain names, each once.
func checkNames(files []File) error {
	seen := map[string]bool{}
	for _, f := range files {
		if !filepath.IsLocal(f.Name) || f.Name == "." || strings.ContainsAny(f.Name, `/\:`) {
			return fmt.Errorf("%q is not the name of a file", f.Name)
		}
		// Windows and macOS tell no capitals from small letters.
		if key := strings.ToLower(f.Name); seen[key] {
			return fmt.Errorf("%s is there twice", f.Name)
		} else {
			seen[key] = true
		}
	}
	return nil
}

// openFolder opens a folder that is one, not a link to one.
func openFolder(dir string) (*os.Root, error) {
	dir = filepath.Clean(dir)
	named, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, dirMode); err == nil {
			named, err = os.Lstat(dir)
		}
	}
	if err != nil {
		return nil, err
	}
	if !named.IsDir() {
		return nil, errNotFolder
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	// Between the two looks somebody may have put a link there.
	if opened, err := root.Stat("."); err != nil || !os.SameFile(named, opened) {
		return nil, errors.Join(errNotFolder, err, root.Close())
	}
	return root, nil
}

var errNotFolder = errors.New("it is a symbolic link or no folder")

func writeTemp(root *os.Root, name string, body []byte) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// publish gives a file its name. A rename replaces a link, not what the link
// points to.
func publish(root *os.Root, temp, name string, force bool) error {
	if force {
		return root.Rename(temp, name)
	}
	// A hard link is a rename that doesn't replace.
	err := root.Link(temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// A file system without hard links: an empty file takes the name first.
	taken, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	if err := errors.Join(taken.Close(), root.Rename(temp, name)); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}

// syncFolder makes the new names survive a power cut. Windows writes names
// through and can't sync a folder.
func syncFolder(root *os.Root) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeError(dir string, err error) error {
	e := &tributary.Error{Code: "siem-setup-write", Op: "write into " + dir, Err: err, Fix: tributary.FixMSSP}
	switch {
	case errors.Is(err, fs.ErrExist):
		e.Code, e.Next = CodeExists, "choose another folder, or replace what is there with --force"
	case errors.Is(err, errNotFolder):
		e.Next = "choose a folder of your own"
	case errors.Is(err, fs.ErrPermission):
		e.Next = "choose a folder that you may write to"
	}
	return e
}
