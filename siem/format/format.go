// Package format turns an alert into the bytes that a destination stores. Each
// format is a pure function: the same alert gives the same bytes, on one line.
package format

import (
	"fmt"
	"slices"
	"strings"

	"tributary"
)

// The names of the formats, as configuration writes them.
const (
	NameRaw = "raw"
	NameECS = "ecs"
)

var formats = map[string]tributary.Format{
	NameRaw: Raw,
	NameECS: ECS,
}

// Names lists the formats, in the order of the alphabet.
func Names() []string {
	names := make([]string, 0, len(formats))
	for name := range formats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ByName returns the format of that name. The error lists the names that exist.
func ByName(name string) (tributary.Format, error) {
	if f, ok := formats[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("unknown format %q: use one of %s", name, strings.Join(Names(), ", "))
}
