package setup_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tributary"
	"tributary/siem/setup"
)

var twoFiles = []setup.File{{Name: "inputs.conf", Body: []byte("new\n"), Secret: true}, {Name: "README.txt", Body: []byte("read\n")}}

// holds compares a folder with names and bodies.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := want[e.Name()]; !ok {
			t.Errorf("%s is left in the folder", e.Name())
		}
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestWriteIsForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "arcsight", "contoso")
	if err := setup.Write(dir, twoFiles, false); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string]string{"inputs.conf": "new\n", "README.txt": "read\n"})
	if runtime.GOOS == "windows" {
		return // it has other permissions
	}
	for path, want := range map[string]fs.FileMode{
		filepath.Dir(dir): fs.ModeDir | 0o700, dir: fs.ModeDir | 0o700,
		filepath.Join(dir, "inputs.conf"): 0o600, filepath.Join(dir, "README.txt"): 0o600,
	} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestWriteReplacesOnlyByForce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mode := fs.FileMode(0o644)
	if err := os.WriteFile(filepath.Join(dir, "README.txt"), []byte("of somebody else"), mode); err != nil {
		t.Fatal(err)
	}
	before := map[string]string{"README.txt": "of somebody else"}
	err := setup.Write(dir, twoFiles, false)
	e := tributary.AsError(err)
	if !errors.Is(err, fs.ErrExist) || e == nil || e.Code != setup.CodeExists || !strings.Contains(e.Error(), "README.txt") || !strings.Contains(e.Next, "--force") {
		t.Errorf("%v", err)
	}
	holds(t, dir, before) // the first file was not written either
	if err := setup.Write(dir, twoFiles, true); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string]string{"inputs.conf": "new\n", "README.txt": "read\n"})
	if info, err := os.Stat(filepath.Join(dir, "README.txt")); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("what is replaced keeps the old mode: %v, %v", info.Mode(), err)
	}
}

// link makes a symbolic link, or ends the test where nobody may.
func link(t *testing.T, to, from string) {
	t.Helper()
	if err := os.Symlink(to, from); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
}

func TestWriteFollowsNoLink(t *testing.T) {
	t.Parallel()
	const kept = "kept"
	for _, there := range []bool{true, false} {
		for _, force := range []bool{false, true} {
			top := t.TempDir()
			dir, target := filepath.Join(top, "contoso"), filepath.Join(top, "target")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if there {
				if err := os.WriteFile(target, []byte(kept), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			link(t, target, filepath.Join(dir, "inputs.conf"))
			err := setup.Write(dir, twoFiles, force)
			if force != (err == nil) {
				t.Errorf("force %t, target %t: %v", force, there, err)
			}
			if text, err := os.ReadFile(target); there && string(text) != kept || !there && err == nil {
				t.Errorf("force %t: the link was followed: %q", force, text)
			}
			info, err := os.Lstat(filepath.Join(dir, "inputs.conf"))
			if err != nil || info.Mode().IsRegular() != force {
				t.Errorf("force %t: %v, %v", force, info.Mode(), err)
			}
		}
	}
}

func TestWriteIntoNoLinkedFolder(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	real := filepath.Join(top, "real")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link(t, real, filepath.Join(top, "linked"))
	link(t, filepath.Join(top, "nowhere"), filepath.Join(top, "dangling"))
	for _, name := range []string{"linked", "linked/", "dangling", "file"} {
		err := setup.Write(top+string(filepath.Separator)+name, twoFiles, true)
		if e := tributary.AsError(err); e == nil || errors.Is(err, fs.ErrExist) || !strings.Contains(e.Next, "folder of your own") {
			t.Errorf("%s: %v", name, err)
		}
	}
	holds(t, real, nil)
	if _, err := os.Stat(filepath.Join(top, "nowhere")); err == nil {
		t.Error("the folder was made through the link")
	}
	// A link further up is the way that the caller chose.
	if err := setup.Write(filepath.Join(top, "linked", "contoso"), twoFiles, false); err != nil {
		t.Error(err)
	}
}

func TestWriteWantsPlainNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/etc/x", "c:x"} {
		if err := setup.Write(dir, []setup.File{{Name: name}}, true); err == nil {
			t.Errorf("%q is written", name)
		}
	}
	if err := setup.Write(dir, []setup.File{{Name: "a"}, {Name: "A"}}, true); err == nil {
		t.Error("two files of one name are written")
	}
	holds(t, dir, nil)
}

func TestWriteWhereItMayNot(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("whoever runs this may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	err := setup.Write(dir, twoFiles, false)
	if e := tributary.AsError(err); e == nil || !strings.Contains(e.Next, "may write") {
		t.Error(err)
	}
}

// A name that can't be taken leaves nothing of the bytes behind.
func TestWriteLeavesNoRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "README.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := setup.Write(dir, twoFiles, true); err == nil {
		t.Error("a folder was replaced by a file")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is left", e.Name())
		}
	}
}
