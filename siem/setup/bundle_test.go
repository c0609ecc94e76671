package setup_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tributary/siem/setup"
)

func TestBundle(t *testing.T) {
	t.Parallel()
	fabrikam := contoso()
	fabrikam.Tenant.Slug = "fabrikam"
	tenants := []setup.TenantFiles{
		{Slug: "contoso", Files: made(t, setup.ArcSight, contoso())},
		{Slug: "fabrikam", Files: made(t, setup.ArcSight, fabrikam)},
	}
	var b, again bytes.Buffer
	for _, w := range []io.Writer{&b, &again} {
		if err := setup.Bundle(w, tenants); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same files make other bytes")
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for _, tenant := range tenants {
		want[tenant.Slug+"/"] = ""
		for _, f := range tenant.Files {
			want[tenant.Slug+"/"+f.Name] = string(f.Body)
		}
	}
	for _, f := range z.File {
		mode := fs.FileMode(0o600)
		if f.FileInfo().IsDir() {
			mode = fs.ModeDir | 0o700
		}
		if f.Mode() != mode {
			t.Errorf("%s has mode %s", f.Name, f.Mode())
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestBundleRefuses(t *testing.T) {
	t.Parallel()
	for name, tenants := range map[string][]setup.TenantFiles{
		"a slug that is a path": {{Slug: "../contoso", Files: twoFiles}},
		"a tenant twice":        {{Slug: "contoso", Files: twoFiles}, {Slug: "contoso", Files: twoFiles}},
		"a file that is a path": {{Slug: "contoso", Files: []setup.File{{Name: "../x"}}}},
	} {
		if err := setup.Bundle(io.Discard, tenants); err == nil {
			t.Errorf("%s is bundled", name)
		}
	}
	if err := setup.Bundle(full{}, []setup.TenantFiles{{Slug: "contoso", Files: twoFiles}}); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
