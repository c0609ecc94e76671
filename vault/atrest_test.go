package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tributary"
)

func TestAtRest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), AtRestFile)
	v, other := testVault(t, 1), testVault(t, 2)
	if _, _, err := OpenAtRest(path, v); !errors.Is(err, fs.ErrNotExist) || tributary.AsError(err).Code != CodeAtRest {
		t.Errorf("no file: %v", err)
	}
	if err := v.CreateAtRest(path); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := OpenAtRest(path, other, v)
	if err != nil || len(key.Reveal()) != 43 {
		t.Fatalf("the right key among two: %q, %v", key.Reveal(), err)
	}
	_, _, err = OpenAtRest(path, other)
	if !errors.Is(err, ErrWrongKey) || tributary.AsError(err).Code != CodeKeyWrong {
		t.Errorf("another key: %v", err)
	}
	if err := other.CreateAtRest(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwriting: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file has changed")
	}
	second := filepath.Join(t.TempDir(), AtRestFile)
	if err := v.CreateAtRest(second); err != nil {
		t.Fatal(err)
	}
	if _, another, err := OpenAtRest(second, v); err != nil || another.Reveal() == key.Reveal() {
		t.Errorf("two stores share an at-rest key, or %v", err)
	}
}

func TestAtRestUnderTwoKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), AtRestFile)
	old, next := testVault(t, 1), testVault(t, 2)
	if err := writeAtRest(path, tributary.NewSecret("at rest"), old, next); err != nil {
		t.Fatal(err)
	}
	v, key, err := OpenAtRest(path, old, next)
	if err != nil || key.Reveal() != "at rest" {
		t.Fatalf("%q, %v", key.Reveal(), err)
	}
	if v.ID() != next.ID() {
		t.Error("it seals with the old key, which is about to go")
	}
	for _, by := range []*Vault{old, next} {
		sealed, err := by.Seal("n", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := v.Open("n", sealed); err != nil || string(plain) != "x" {
			t.Errorf("a record under %s: %q, %v", by.ID(), plain, err)
		}
		_, _, err = OpenAtRest(path, by)
		if !errors.Is(err, ErrHalfRotated) || tributary.AsError(err).Code != CodeHalfRotated {
			t.Errorf("%s alone: %v", by.ID(), err)
		}
	}
	if _, _, err := OpenAtRest(path, testVault(t, 3)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a third key: %v", err)
	}
}

func TestAtRestDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), AtRestFile)
	v := testVault(t, 1)
	seal := func(name, text string) []byte {
		sealed, err := v.Seal(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return encodeText("c", sealed)
	}
	one := seal(atRestName, "one")
	for name, text := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "another record": seal("grant/contoso", "token"),
		"two different": append(seal(atRestName, "two"), one...),
		"three":         append(append(append([]byte{}, one...), one...), one...),
		"cut":           one[:len(one)/2],
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenAtRest(path, v); !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
