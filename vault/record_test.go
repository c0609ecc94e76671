package vault

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func testVault(t testing.TB, fill byte) *Vault {
	t.Helper()
	v, err := newVault(bytes.Repeat([]byte{fill}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	v := testVault(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 40, -1).Draw(t, "name")
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed, err := v.Seal(name, plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			t.Fatal("the sealed record shows the plain text")
		}
		got, err := v.Open(name, sealed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, plain) {
			t.Fatalf("opened %q, sealed %q", got, plain)
		}
	})
}

func TestSealTwiceDiffers(t *testing.T) {
	t.Parallel()
	v := testVault(t, 1)
	a, err := v.Seal("grant/contoso", []byte("same"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Seal("grant/contoso", []byte("same"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a[headerSize:keyEnd], b[headerSize:keyEnd]) || bytes.Equal(a[keyEnd:], b[keyEnd:]) {
		t.Fatal("two records share a data key or a body")
	}
}

func TestSealNeedsName(t *testing.T) {
	t.Parallel()
	if _, err := testVault(t, 1).Seal("", []byte("x")); err == nil {
		t.Fatal("sealed a record without a name")
	}
}

func TestOpenRefusesOtherName(t *testing.T) {
	t.Parallel()
	v := testVault(t, 1)
	sealed, err := v.Seal("grant/contoso", []byte("refresh token"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Open("grant/fabrikam", sealed)
	if !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrWrongKey) {
		t.Fatalf("got %v, want ErrCorrupt", err)
	}
}

func TestOpenTellsWrongKey(t *testing.T) {
	t.Parallel()
	sealed, err := testVault(t, 1).Seal("grant/contoso", []byte("refresh token"))
	if err != nil {
		t.Fatal(err)
	}
	other := testVault(t, 2)
	_, err = other.Open("grant/contoso", sealed)
	if !errors.Is(err, ErrWrongKey) || errors.Is(err, ErrCorrupt) {
		t.Fatalf("got %v, want ErrWrongKey", err)
	}
	for _, id := range []string{testVault(t, 1).ID(), other.ID()} {
		if !strings.Contains(err.Error(), id) {
			t.Errorf("%q doesn't name key %s", err, id)
		}
	}
	if id, err := KeyID(sealed); err != nil || id != testVault(t, 1).ID() {
		t.Errorf("KeyID: %q, %v", id, err)
	}
}

// Every bit that is changed and every cut is noticed.
func TestOpenNoticesEveryChange(t *testing.T) {
	t.Parallel()
	v := testVault(t, 1)
	sealed, err := v.Seal("n", []byte("some text"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			_, err := v.Open("n", changed)
			inKeyID := i >= headerSize-keyIDSize && i < headerSize
			if inKeyID && !errors.Is(err, ErrWrongKey) || !inKeyID && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d bit %d changed: %v", i, bit, err)
			}
		}
	}
	for n := range sealed {
		if _, err := v.Open("n", sealed[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := v.Open("n", append(sealed, 0)); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("one byte more: %v", err)
	}
}

func TestOpenNamesVersion(t *testing.T) {
	t.Parallel()
	v := testVault(t, 1)
	sealed, err := v.Seal("n", nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed[len(magic)] = 9
	if _, err := v.Open("n", sealed); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Fatalf("got %v", err)
	}
}

// Records of this version must open for ever: these bytes were sealed once
// with the key of 32 ones.
func TestOpenOldRecord(t *testing.T) {
	t.Parallel()
	plain, err := testVault(t, 1).Open("grant/contoso", oldRecord(t))
	if err != nil {
		t.Fatal(err)
	}
	if string(plain) != "sealed by the first version" {
		t.Fatalf("opened %q", plain)
	}
}

func TestVaultPrintsNoKey(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdefghijklmnopqrstuv")
	v, err := newVault(key)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := v.Derive("stream")
	if err != nil {
		t.Fatal(err)
	}
	holder := struct {
		Vault *Vault
		Copy  Vault
	}{v, *v}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "vault", v, "holder", holder, "derived", derived)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "vault", v, "holder", holder, "derived", derived)
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %v %+v %#v %v", v, v, v, v, holder, holder, holder, derived)
	for _, form := range []string{string(key), fmt.Sprint(key), fmt.Sprintf("%x", key), fmt.Sprintf("%#v", key), derived.Reveal()} {
		if strings.Contains(printed, form) {
			t.Errorf("printed the key: %s", printed)
		}
	}
	if !strings.Contains(printed, v.ID()) {
		t.Errorf("the key id isn't printed: %s", printed)
	}
}

func TestDerive(t *testing.T) {
	t.Parallel()
	derive := func(v *Vault, purpose string) string {
		s, err := v.Derive(purpose)
		if err != nil {
			t.Fatal(err)
		}
		return s.Reveal()
	}
	stream := derive(testVault(t, 1), "stream")
	if len(stream) != 43 {
		t.Errorf("%d characters, want 43", len(stream))
	}
	// The value itself must never change: a store is encrypted with it. It was
	// computed by another implementation of RFC 5869.
	if want := "FrMS0Yl04Gud6N0th6RiWvV21NVou7Ebr9GE8TrxXMw"; stream != want {
		t.Errorf("derived %s, want %s", stream, want)
	}
	if derive(testVault(t, 1), "other") == stream {
		t.Error("two purposes share a key")
	}
	if derive(testVault(t, 2), "stream") == stream {
		t.Error("two vaults share a derived key")
	}
}

func FuzzOpen(f *testing.F) {
	v := testVault(f, 1)
	const name = "grant/contoso"
	sealed := oldRecord(f) // the same bytes in every process of the fuzzer
	f.Add(name, sealed)
	f.Add(name, sealed[:recordMin])
	f.Add("grant/fabrikam", sealed)
	f.Add(name, []byte(magic+"\x01"))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, as string, data []byte) {
		plain, err := v.Open(as, data)
		if err == nil && (as != name || !bytes.Equal(data, sealed)) {
			t.Fatalf("opened a forged record as %q", plain)
		}
		if err != nil && !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("neither wrong key nor corrupt: %v", err)
		}
	})
}
