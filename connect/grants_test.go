package connect_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"tributary"
	"tributary/connect"
	"tributary/vault"
)

func newVault(t *testing.T) *vault.Vault {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := vault.CreateKey(path); err != nil {
		t.Fatal(err)
	}
	v, err := vault.OpenKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// full is a grant with a value in every field: a field that is added to Grant
// and forgotten in the sealed form fails the test.
func full(t *testing.T) tributary.Grant {
	t.Helper()
	var g tributary.Grant
	value := reflect.ValueOf(&g).Elem()
	for i := range value.NumField() {
		field := value.Field(i)
		name := value.Type().Field(i).Name
		switch field.Interface().(type) {
		case tributary.Secret:
			field.Set(reflect.ValueOf(tributary.NewSecret("the secret " + name)))
		case string:
			field.SetString("the " + name)
		case bool:
			field.SetBool(true)
		case time.Time:
			field.Set(reflect.ValueOf(time.Date(2026, 11, 20, 8, i, 0, 0, time.UTC)))
		default:
			t.Fatalf("no value for %s", name)
		}
	}
	return g
}

// plain is a grant without the pointers in its secrets, to compare.
func plain(g tributary.Grant) any {
	refresh, previous := g.RefreshToken.Reveal(), g.Previous.Reveal()
	g.RefreshToken, g.Previous = tributary.Secret{}, tributary.Secret{}
	return [3]any{g, refresh, previous}
}

func TestGrantComesBackWholeAndIsSealed(t *testing.T) {
	t.Parallel()
	kept := &records{sealed: map[string][]byte{}, revisions: map[string]uint64{}}
	grants := connect.Grants{Vault: newVault(t), Records: kept}
	want := full(t)
	if _, err := grants.PutGrant(t.Context(), "contoso", want, 0); err != nil {
		t.Fatal(err)
	}
	got, revision, err := grants.Grant(t.Context(), "contoso")
	if err != nil || revision != 1 || !reflect.DeepEqual(plain(got), plain(want)) {
		t.Errorf("got %+v, revision %d, %v\nwant %+v", plain(got), revision, err, plain(want))
	}
	for _, secret := range []tributary.Secret{want.RefreshToken, want.Previous} {
		if bytes.Contains(kept.sealed["contoso"], []byte(secret.Reveal())) {
			t.Error("what is stored holds a refresh token in the clear")
		}
	}
}

func TestGrantOpensNowhereElse(t *testing.T) {
	t.Parallel()
	kept := &records{sealed: map[string][]byte{}, revisions: map[string]uint64{}}
	grants := connect.Grants{Vault: newVault(t), Records: kept}
	if _, err := grants.PutGrant(t.Context(), "contoso", full(t), 0); err != nil {
		t.Fatal(err)
	}
	kept.sealed["fabrikam"] = kept.sealed["contoso"]
	if g, _, err := grants.Grant(t.Context(), "fabrikam"); !errors.Is(err, vault.ErrCorrupt) || !g.RefreshToken.IsZero() {
		t.Errorf("another tenant's grant: %v", err)
	}
	grants.Vault = newVault(t)
	if g, _, err := grants.Grant(t.Context(), "contoso"); !errors.Is(err, vault.ErrWrongKey) || !g.RefreshToken.IsZero() {
		t.Errorf("another key: %v", err)
	}
	if _, _, err := grants.Grant(t.Context(), "nobody"); !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("nobody's grant: %v", err)
	}
}
