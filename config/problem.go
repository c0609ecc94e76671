package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// CodeInvalid is the code of the [tributary.Error] that a bad file gives. Its
// Err is a [Problems].
const CodeInvalid = "config-invalid"

// Problem is one thing in the file that a person has to look at.
type Problem struct {
	File   string // as the caller named it
	Line   int    // from 1; 0 where the file has no such line
	Column int    // from 1, in characters
	Key    string // path of the key, such as tenants[0].slug
	Text   string // what is wrong; never a value that came from ${…} or a secret
	Next   string // what to do about it, without a full stop
}

// String is the problem on one line, as compilers write it, and what to do on
// the next.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	if p.Next != "" {
		b.WriteString("\n    " + p.Next)
	}
	return b.String()
}

// Problems is everything that is wrong in a file, in the order of its lines.
type Problems []Problem

// Error lists all of them.
func (p Problems) Error() string {
	var b strings.Builder
	if len(p) == 1 {
		b.WriteString("1 problem")
	} else {
		fmt.Fprintf(&b, "%d problems", len(p))
	}
	for _, one := range p {
		b.WriteString("\n" + one.String())
	}
	return b.String()
}

func sortProblems(p []Problem) {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// place is where a value stands in the file.
type place struct {
	line, column int
	path         string
}

// spot is the place of a mapping, embedded in the struct that holds it.
type spot struct {
	place
	bad bool // what stands there is no mapping, which is reported
}

func (s *spot) setSpot(to spot) { *s = to }

// spoil marks a mapping that could not be read, so that nothing builds on it.
func (s *spot) spoil(at place) { *s = spot{at, true} }

func (p place) child(key string) place {
	p.path = join(p.path, key)
	return p
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
