package config

import (
	"slices"

	"github.com/goccy/go-yaml/ast"

	"tributary"
)

// Destination is one of [File], [Stdout] and [Splunk].
type Destination interface {
	// Base is what every type has.
	Base() Common
}

// Common is what every destination has, whatever its type.
type Common struct {
	Name   string // as commands and receipts name it; never changes
	Format string // one of Formats
	Filter tributary.Filter
}

// Base returns c: it makes the types that embed Common destinations.
func (c Common) Base() Common { return c }

// Formats lists the formats that a destination can have.
func Formats() []string { return []string{"ecs", "raw"} }

// Stdout writes alerts as lines on the standard output.
type Stdout struct {
	Common
}

type rawCommon struct {
	spot
	Name   text      `yaml:"name"`
	Type   text      `yaml:"type"`
	Format text      `yaml:"format"`
	Filter rawFilter `yaml:"filter"`
}

type rawFilter struct {
	spot
	Tenants     []text `yaml:"tenants"`
	Sources     []text `yaml:"sources"`
	MinSeverity text   `yaml:"min_severity"`
}

// rawKind is the raw form of one type of destination.
type rawKind interface {
	base() *rawCommon
	build(p *parse, common Common) Destination
}

func (r *rawCommon) base() *rawCommon { return r }

type rawStdout struct {
	rawCommon
}

func (*rawStdout) build(_ *parse, common Common) Destination { return Stdout{common} }

// kinds are the types of destinations.
var kinds = []struct {
	name string
	raw  func() rawKind
}{
	{"file", func() rawKind { return &rawFile{} }},
	{"splunk", func() rawKind { return &rawSplunk{} }},
	{"stdout", func() rawKind { return &rawStdout{} }},
}

// rawDestination is a mapping whose key type says which keys it may have.
type rawDestination struct {
	rawKind
}

func (r *rawDestination) decode(p *parse, n ast.Node, at place) {
	entries, ok := p.entries(n, at)
	if !ok {
		return
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	i := slices.IndexFunc(entries, func(e entry) bool { return e.key == "type" })
	if i < 0 {
		p.report(p.placeOf(n, at), "type is missing", choose("", names))
		return
	}
	var kind text
	p.decodeInto(entries[i].value, entries[i].at, &kind)
	word := p.oneOf(&kind, "a type of destination", names...)
	for _, k := range kinds {
		if k.name == word {
			r.rawKind = k.raw()
			p.decodeInto(n, at, r.rawKind)
		}
	}
}

// destinations reads where alerts go.
func (p *parse) destinations(c *Config, raw *rawConfig) {
	names, dirs := map[string]place{}, map[string]place{}
	for _, r := range raw.Destinations {
		if r.rawKind == nil {
			continue // reported: its type is not known
		}
		common := p.common(c, r.base())
		p.once(names, common.Name, &r.base().Name, "another destination has this name", "choose another; it names the destination's place in the stream for ever")
		d := r.build(p, common)
		if f, isFile := d.(File); isFile && f.Dir != "" {
			dir := r.rawKind.(*rawFile).Dir
			p.once(dirs, f.Dir, &dir, "another destination writes there", "give each a folder of its own")
		}
		c.Destinations = append(c.Destinations, d)
	}
}

func (p *parse) common(c *Config, r *rawCommon) Common {
	common := Common{Name: r.Name.value, Format: DefaultFormat, Filter: p.filter(c, &r.Filter)}
	if !r.Name.set {
		p.report(r.place, "name is missing", "give the destination a short name, such as name: archive")
	} else if r.Name.ok() {
		p.checkName(r.Name.value, r.Name.place)
	}
	if r.Format.set {
		common.Format = p.oneOf(&r.Format, "a format", Formats()...)
	}
	return common
}

func (p *parse) filter(c *Config, r *rawFilter) tributary.Filter {
	var f tributary.Filter
	slugs := make([]string, len(c.Tenants))
	for i, t := range c.Tenants {
		slugs[i] = t.Slug
	}
	for _, t := range r.Tenants {
		if !t.ok() {
			continue
		}
		if tributary.CheckSlug(t.value) != nil {
			p.report(t.place, t.shown()+" is not a slug", slugForm)
		} else if len(slugs) > 0 && !slices.Contains(slugs, t.value) {
			p.warn(t.place, "no tenant in this file has the slug "+t.shown(), "check it, unless a command adds that tenant")
		}
		f.Tenants = append(f.Tenants, t.value)
	}
	if len(r.Sources) > 0 {
		f.Sources = p.sources(r.Sources)
	}
	if r.MinSeverity.set {
		word := p.oneOf(&r.MinSeverity, "a severity", Severities()...)
		f.MinSeverity = tributary.SeverityOf(word)
	}
	return f
}

// Severities lists what min_severity can be, from the mildest on.
func Severities() []string {
	var names []string
	for s := tributary.SeverityUnknown; s <= tributary.SeverityHigh; s++ {
		names = append(names, s.String())
	}
	return names
}
