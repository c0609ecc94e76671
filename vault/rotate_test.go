package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tributary"
)

// store is a store's sealed things: the key file, the at-rest key and grants.
type store struct {
	source Source
	atRest string
	secret string
	grants map[string][]byte
	races  int // so many Puts meet somebody else's change
}

const grantText = "refresh token of "

func newStore(t *testing.T, source Source) *store {
	t.Helper()
	s := &store{source: source, atRest: filepath.Join(t.TempDir(), AtRestFile), grants: map[string][]byte{}}
	if err := source.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys, err := source.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := keys[0].CreateAtRest(s.atRest); err != nil {
		t.Fatal(err)
	}
	v, secret, err := OpenAtRest(s.atRest, keys...)
	if err != nil {
		t.Fatal(err)
	}
	s.secret = secret.Reveal()
	for _, name := range []string{"contoso", "fabrikam", "northwind"} {
		s.put(t, v, name)
	}
	return s
}

func (s *store) put(t *testing.T, v *Vault, name string) {
	t.Helper()
	sealed, err := v.Seal("grant/"+name, []byte(grantText+name))
	if err != nil {
		t.Fatal(err)
	}
	s.grants[name] = sealed
}

func (s *store) records(context.Context) ([]Record, error) {
	var list []Record
	for _, name := range slices.Sorted(maps.Keys(s.grants)) {
		list = append(list, Record{Name: "grant/" + name, Sealed: s.grants[name], Put: func(_ context.Context, sealed []byte) error {
			if s.races > 0 {
				s.races--
				return tributary.ErrConflict
			}
			s.grants[name] = sealed
			return nil
		}})
	}
	return list, nil
}

func (s *store) rotate(t *testing.T, step func(string) error) (Rotated, error) {
	t.Helper()
	return Rotation{Source: s.source, AtRest: s.atRest, Records: s.records, Step: step}.Run(t.Context())
}

// opens asserts that the keys that are there now open everything, and that
// what they seal now stays readable.
func (s *store) opens(t *testing.T) *Vault {
	t.Helper()
	keys, err := s.source.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, secret, err := OpenAtRest(s.atRest, keys...)
	if err != nil {
		t.Fatal(err)
	}
	if secret.Reveal() != s.secret {
		t.Fatal("the at-rest key has changed")
	}
	for name, sealed := range s.grants {
		if plain, err := v.Open("grant/"+name, sealed); err != nil || string(plain) != grantText+name {
			t.Fatalf("%s: %q, %v", name, plain, err)
		}
	}
	return v
}

func TestRotate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	s := newStore(t, KeyFile{Path: path})
	old := s.opens(t)
	s.races = 2
	done, err := s.rotate(t, nil)
	if err != nil || done.Sealed != 3 || done.KeyID == old.ID() {
		t.Fatalf("%+v, %v", done, err)
	}
	v := s.opens(t)
	if v.ID() != done.KeyID || len(v.also) != 0 {
		t.Errorf("the key is %v", v)
	}
	if Exists(path + ".new") {
		t.Error("the next key stays beside the key")
	}
	for name, sealed := range s.grants {
		if _, err := old.Open("grant/"+name, sealed); !errors.Is(err, ErrWrongKey) {
			t.Errorf("the old key opens %s: %v", name, err)
		}
	}
	if _, _, err := OpenAtRest(s.atRest, old); !errors.Is(err, ErrWrongKey) {
		t.Errorf("the old key: %v", err)
	}
}

// A rotation is cut at each step in turn. Whatever the step, everything can be
// opened, a store in use in between stays whole, and a second run completes.
func TestRotateCutAtEachStep(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]func(t *testing.T) Source{
		"file": func(t *testing.T) Source { return KeyFile{Path: filepath.Join(t.TempDir(), "key")} },
		"service": func(t *testing.T) Source {
			return KeyFile{Path: filepath.Join(t.TempDir(), "key"), Keeper: service{key: testVault(t, 9)}}
		},
		"variable": func(*testing.T) Source {
			env := map[string]string{"KEY": NewKey().Reveal(), "KEY_NEW": NewKey().Reveal()}
			return KeyVariable{Name: "KEY", Lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cutShort := errors.New("cut short")
			const steps = 7 // key, both, three grants, alone, promoted
			for cut := 1; cut <= steps; cut++ {
				s := newStore(t, source(t))
				at := 0
				_, err := s.rotate(t, func(string) error {
					if at++; at == cut {
						return cutShort
					}
					return nil
				})
				if !errors.Is(err, cutShort) {
					t.Fatalf("cut %d: %v", cut, err)
				}
				// The store is used before the rotation is completed.
				s.put(t, s.opens(t), "northwind")
				s.put(t, s.opens(t), "later")
				if cut == steps && name != "variable" {
					continue // it was complete; another would change the key once more
				}
				done, err := s.rotate(t, nil)
				if err != nil {
					t.Fatalf("completing after cut %d: %v", cut, err)
				}
				v := s.opens(t)
				if v.ID() != done.KeyID {
					t.Errorf("cut %d: the key is %s and not %s", cut, v.ID(), done.KeyID)
				}
				for record, sealed := range s.grants {
					if id, _ := KeyID(sealed); id != done.KeyID {
						t.Errorf("cut %d: %s is under %s and not under the new key %s", cut, record, id, done.KeyID)
					}
				}
			}
		})
	}
}

// What can't be sealed anew is found before anything is changed.
func TestRotateRefusesWhatItCannotOpen(t *testing.T) {
	t.Parallel()
	s := newStore(t, KeyFile{Path: filepath.Join(t.TempDir(), "key")})
	s.put(t, testVault(t, 5), "fabrikam")
	before, err := os.ReadFile(s.atRest)
	if err != nil {
		t.Fatal(err)
	}
	grants := maps.Clone(s.grants)
	if _, err := s.rotate(t, nil); !errors.Is(err, ErrWrongKey) || codeOf(t, err) != CodeRotate {
		t.Errorf("%v", err)
	}
	after, err := os.ReadFile(s.atRest)
	if err != nil || string(after) != string(before) || !maps.EqualFunc(s.grants, grants, slices.Equal) {
		t.Errorf("something has changed, or %v", err)
	}
}

// A wrong key, and a store without its at-rest key, get no next key.
func TestRotateProvesTheKeyFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	s := newStore(t, KeyFile{Path: path})
	wrong := filepath.Join(t.TempDir(), "key")
	if err := CreateKey(wrong); err != nil {
		t.Fatal(err)
	}
	r := Rotation{Source: KeyFile{Path: wrong}, AtRest: s.atRest, Records: s.records}
	if _, err := r.Run(t.Context()); !errors.Is(err, ErrWrongKey) || Exists(wrong+".new") {
		t.Errorf("a wrong key: %v", err)
	}
	if err := os.Remove(s.atRest); err != nil {
		t.Fatal(err)
	}
	if _, err := s.rotate(t, nil); codeOf(t, err) != CodeAtRest || Exists(path+".new") {
		t.Errorf("no at-rest key: %v", err)
	}
}

// Half rotated, with the next key lost, a store says what it lacks.
func TestRotateKeyLostHalfWay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	s := newStore(t, KeyFile{Path: path})
	_, err := s.rotate(t, func(what string) error {
		if len(what) > 0 && what[len(what)-len("both keys"):] == "both keys" {
			return fmt.Errorf("cut")
		}
		return nil
	})
	if err == nil {
		t.Fatal("not cut")
	}
	if err := os.Remove(path + ".new"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.rotate(t, nil); !errors.Is(err, ErrHalfRotated) || codeOf(t, err) != CodeHalfRotated || Exists(path+".new") {
		t.Errorf("%v", err)
	}
}
