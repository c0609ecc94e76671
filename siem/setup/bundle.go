package setup

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"time"

	"tributary"
)

// TenantFiles are the files of one customer in a bundle.
type TenantFiles struct {
	Slug  string
	Files []File
}

// bundled is the time of every entry: the same files make the same bytes. Zip
// knows no earlier year.
var bundled = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Bundle writes a zip file with a folder for each tenant, named by its slug.
// Folders have mode 0700 and files 0600 in it. A zip file isn't encrypted:
// keep it as you keep the secrets in it.
func Bundle(w io.Writer, tenants []TenantFiles) error {
	z := zip.NewWriter(w)
	seen := map[string]bool{}
	for _, t := range tenants {
		err := tributary.CheckSlug(t.Slug)
		if err == nil && seen[t.Slug] {
			err = fmt.Errorf("tenant %s is there twice", t.Slug)
		}
		if err == nil {
			err = checkNames(t.Files)
		}
		if err == nil {
			err = bundleTenant(z, t)
		}
		if err != nil {
			return fmt.Errorf("make the bundle: %w", err)
		}
		seen[t.Slug] = true
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("make the bundle: %w", err)
	}
	return nil
}

func bundleTenant(z *zip.Writer, t TenantFiles) error {
	if _, err := entry(z, t.Slug+"/", dirMode|fs.ModeDir); err != nil {
		return err
	}
	for _, f := range t.Files {
		body, err := entry(z, t.Slug+"/"+f.Name, fileMode)
		if err != nil {
			return err
		}
		if _, err := body.Write(f.Body); err != nil {
			return err
		}
	}
	return nil
}

func entry(z *zip.Writer, name string, mode fs.FileMode) (io.Writer, error) {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: bundled}
	h.SetMode(mode)
	return z.CreateHeader(h)
}
