package setup

import (
	"fmt"
	"log/slog"
)

// File is one of the files, under the name that the connector expects.
type File struct {
	Name   string
	Body   []byte `json:"-"`
	Secret bool   // it holds a secret in clear
}

// String tells the name and the size, never what is in it.
func (f File) String() string { return fmt.Sprintf("%s (%d bytes)", f.Name, len(f.Body)) }

// GoString is what %#v prints.
func (f File) GoString() string { return fmt.Sprintf("setup.File{%q, %d bytes}", f.Name, len(f.Body)) }

// LogValue is what slog prints.
func (f File) LogValue() slog.Value { return slog.StringValue(f.String()) }
