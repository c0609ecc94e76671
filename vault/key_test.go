package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"tributary"
)

func oldRecord(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/record-v1.hex")
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCreateKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "vault.key")
	if err := CreateKey(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %#o, want 0600", info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# Tributary vault key") {
		t.Errorf("the file doesn't say what it is: %.40s", text)
	}
	v, err := OpenKey(path)
	if err != nil {
		t.Fatal(err)
	}
	same, err := ParseKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if same.ID() != v.ID() {
		t.Errorf("text gives key %s, file gives key %s", same.ID(), v.ID())
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("files were left: %v", entries)
	}
}

func TestCreateKeyNeverOverwrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vault.key")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := CreateKey(path)
	if !errors.Is(err, fs.ErrExist) || tributary.AsError(err).Code != CodeKeyExists {
		t.Fatalf("got %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "precious" {
		t.Fatalf("the file now holds %q", text)
	}
}

func TestRenameNewNeverOverwrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.WriteFile(from, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := renameNew(from, to); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(to); string(text) != "new" {
		t.Fatalf("renamed to a file that holds %q", text)
	}
	if err := os.WriteFile(from, []byte("newer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := renameNew(from, to); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v", err)
	}
	if text, _ := os.ReadFile(to); string(text) != "new" {
		t.Fatalf("the file now holds %q", text)
	}
}

// Of many that create the same key at once one wins, and its key is the one
// that stays.
func TestCreateKeyRace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vault.key")
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() { errs[i] = CreateKey(path) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d created the key", won)
	}
	if _, err := OpenKey(path); err != nil {
		t.Error(err)
	}
}

func TestOpenKeyRefuses(t *testing.T) {
	t.Parallel()
	good := string(encodeText(keyComment, bytes.Repeat([]byte{7}, keySize)))
	b64 := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, n)) }
	tests := []struct {
		name, text string
		mode       fs.FileMode
		code, says string
		unix       bool
	}{
		{name: "group may read", text: good, mode: 0o640, code: CodeKeyOpen, says: "0640", unix: true},
		{name: "all may read", text: good, mode: 0o644, code: CodeKeyOpen, says: "0644", unix: true},
		{name: "empty", text: "", mode: 0o600, code: CodeKeyBad, says: "empty"},
		{name: "comment only", text: "# Tributary vault key\n", mode: 0o600, code: CodeKeyBad, says: "empty"},
		{name: "not base64", text: "# c\nhello world!\n", mode: 0o600, code: CodeKeyBad, says: "not base64"},
		{name: "cut", text: good[:len(good)-8], mode: 0o600, code: CodeKeyBad, says: "not base64"},
		{name: "short", text: b64(31), mode: 0o600, code: CodeKeyBad, says: "31 bytes"},
		{name: "long", text: b64(33), mode: 0o600, code: CodeKeyBad, says: "33 bytes"},
		{name: "two keys", text: b64(32) + "\n" + b64(32), mode: 0o600, code: CodeKeyBad, says: "more than one line"},
		{name: "binary", text: string(bytes.Repeat([]byte{0, 200}, 16)), mode: 0o600, code: CodeKeyBad, says: "not base64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.unix && runtime.GOOS == "windows" {
				t.Skip("Windows has no such permissions")
			}
			path := filepath.Join(t.TempDir(), "vault.key")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := OpenKey(path)
			e := tributary.AsError(err)
			if e == nil || e.Code != tt.code || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v (%+v), want code %s and %q", err, e, tt.code, tt.says)
			}
			if e.Next == "" || e.Fix != tributary.FixMSSP {
				t.Errorf("no next step: %+v", e)
			}
			if strings.Contains(err.Error(), b64(32)[:20]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestOpenKeyMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := OpenKey(filepath.Join(dir, "vault.key"))
	if !errors.Is(err, fs.ErrNotExist) || tributary.AsError(err).Code != CodeKeyMissing {
		t.Errorf("missing file: %v", err)
	}
	_, err = OpenKey(dir)
	if e := tributary.AsError(err); e == nil || e.Code != CodeKeyBad {
		t.Errorf("a directory: %v", err)
	}
}

func TestParseKeyForms(t *testing.T) {
	t.Parallel()
	line := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, keySize))
	for _, text := range []string{line, "  " + line + " ", "# a comment\r\n" + line + "\r\n", "\n\n" + line + "\n# end"} {
		v, err := ParseKey(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if v.ID() != testVault(t, 1).ID() {
			t.Errorf("%q: key %s", text, v.ID())
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("# c\n" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, keySize)))
	f.Add("")
	f.Add("====")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseKey(text)
		if err != nil {
			return
		}
		again, err := ParseKey(string(encodeText("again", v.key[:])))
		if err != nil || again.ID() != v.ID() {
			t.Fatalf("a key that parses doesn't parse again: %v", err)
		}
	})
}
