// Package config reads tributary.yaml: which customers there are, how to reach
// Microsoft, what to keep and where alerts go.
//
// [Load] reads a file and [Parse] reads bytes. Both are strict: a key that is
// not known, a value of the wrong kind or a name that leads nowhere is an
// error, and everything that is wrong comes back at once as [Problems], each
// with its line and what to do. What the file leaves out has the value of the
// Default constants; [Default] is the configuration without any file.
//
// Any value that is a text may hold ${env:NAME} and ${file:path}; $${ stands
// for a plain ${. Values that come from there never appear in an error.
//
// The published JSON Schema ([Schema]) says the same for editors, and a test
// keeps both in step.
package config
