package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder is a raw type whose form depends on what stands in the file.
type decoder interface {
	decode(p *parse, n ast.Node, at place)
}

var (
	textType   = reflect.TypeFor[text]()
	secretType = reflect.TypeFor[secretText]()
	amountType = reflect.TypeFor[amountText]()
)

// decode puts a node into a raw value and reports what does not fit. It goes
// on after a problem, so that one reading finds them all. The library's own
// decoder stops at the first, and its errors quote the file, secrets included.
func (p *parse) decode(n ast.Node, at place, into reflect.Value) {
	n, at, ok := p.resolve(n, at)
	if !ok {
		if s, has := into.Addr().Interface().(interface{ spoil(place) }); has {
			s.spoil(at)
		}
		return
	}
	switch into.Type() {
	case textType:
		p.scalar(n, at, into.Addr().Interface().(*text), false)
		return
	case secretType:
		p.secret(n, at, into.Addr().Interface().(*secretText))
		return
	case amountType:
		p.scalar(n, at, &into.Addr().Interface().(*amountText).text, true)
		return
	}
	if n.Type() == ast.NullType {
		return // a heading whose entries are all commented out
	}
	if d, ok := into.Addr().Interface().(decoder); ok {
		d.decode(p, n, at)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		p.object(n, at, into)
	case reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			p.wrongKind(n, at, "a list", "write [first, second], or one line for each with a hyphen before it")
			return
		}
		for i, item := range seq.Values {
			one := reflect.New(into.Type().Elem()).Elem()
			itemAt := at
			itemAt.path = fmt.Sprintf("%s[%d]", at.path, i)
			if item == nil || item.Type() == ast.NullType {
				p.report(p.placeOf(seq, itemAt), "nothing stands behind the hyphen", "write the entry, or remove the hyphen")
				continue
			}
			p.decode(item, itemAt, one)
			into.Set(reflect.Append(into, one))
		}
	}
}

// decodeInto is decode for a pointer to a raw value.
func (p *parse) decodeInto(n ast.Node, at place, into any) {
	p.decode(n, at, reflect.ValueOf(into).Elem())
}

// object fills a struct from a mapping.
func (p *parse) object(n ast.Node, at place, into reflect.Value) {
	entries, ok := p.entries(n, at)
	if s, has := into.Addr().Interface().(interface{ setSpot(spot) }); has {
		s.setSpot(spot{place: p.placeOf(n, at), bad: !ok})
	}
	if !ok {
		return
	}
	fields := fieldsOf(into.Type())
	for _, e := range entries {
		index, known := fields.index[e.key]
		if !known {
			p.unknownKey(e, at, fields.keys)
			continue
		}
		p.decode(e.value, e.at, into.FieldByIndex(index))
	}
}

func (p *parse) unknownKey(e entry, at place, known []string) {
	shown, cut := shownKey(e.key)
	where := e.at
	where.path = join(at.path, shown)
	next := choose(strings.TrimSuffix(shown, "…"), known)
	if cut && slices.Contains(known, strings.TrimSuffix(shown, "…")) {
		next = "write a blank between the colon and the value"
	}
	p.report(where, "unknown key", next)
}

// entry is one key of a mapping and its value.
type entry struct {
	key   string
	at    place // of the key; its path leads to the value
	value ast.Node
}

// entries lists a mapping's keys in their order, merge keys (<<) filled in.
func (p *parse) entries(n ast.Node, at place) ([]entry, bool) {
	own, merged, ok := p.ownEntries(n, at)
	if !ok {
		return nil, false
	}
	for depth := 0; len(merged) > 0; depth++ {
		if depth > 10 || len(own) > 10_000 {
			p.report(p.placeOf(n, at), "the << keys lead in a circle", "write the keys out")
			return nil, false
		}
		var deeper []ast.Node
		for _, m := range merged {
			more, below, ok := p.ownEntries(m, at)
			if !ok {
				return nil, false
			}
			for _, e := range more {
				// The nearest wins: a key of its own over a merged one.
				if !slices.ContainsFunc(own, func(o entry) bool { return o.key == e.key }) {
					own = append(own, e)
				}
			}
			deeper = append(deeper, below...)
		}
		merged = deeper
	}
	return own, true
}

// ownEntries lists what stands in one mapping: its entries and the values of
// its merge keys.
func (p *parse) ownEntries(n ast.Node, at place) (own []entry, merged []ast.Node, ok bool) {
	n, _, ok = p.resolve(n, at)
	if !ok {
		return nil, nil, false
	}
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		p.wrongKind(n, at, "keys with values", "write each key on a line of its own, as key: value")
		return nil, nil, false
	}
	first := map[string]place{}
	for _, v := range values {
		if v.Key.IsMergeKey() {
			if seq, isList := v.Value.(*ast.SequenceNode); isList {
				merged = append(merged, seq.Values...)
			} else {
				merged = append(merged, v.Value)
			}
			continue
		}
		e := entry{key: keyOf(v.Key), value: v.Value}
		shown, _ := shownKey(e.key)
		e.at = p.placeOf(v.Key, at.child(shown))
		if before, twice := first[e.key]; twice {
			p.report(e.at, fmt.Sprintf("the key stands here twice, first on line %d", before.line), "remove one of them")
			continue
		}
		first[e.key] = e.at
		own = append(own, e)
	}
	return own, merged, true
}

func keyOf(k ast.MapKeyNode) string {
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value
	}
	if t := k.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

// scalar reads a text. A bare number or truth value is refused: YAML would
// have changed it already (007 is 7, 1e3 is 1000).
func (p *parse) scalar(n ast.Node, at place, into *text, numbers bool) {
	into.place, into.set = p.placeOf(n, at), true
	switch s := n.(type) {
	case *ast.StringNode:
		into.raw = s.Value
	case *ast.LiteralNode:
		into.raw = s.Value.Value
	case *ast.IntegerNode, *ast.FloatNode:
		into.raw = s.GetToken().Value
		if !numbers {
			into.bad = true
			p.report(into.place, "is a number, not a text", "put it in quotes")
			return
		}
	case *ast.NullNode:
		into.bad = true
		p.report(into.place, "has no value", "write one, or remove the key")
		return
	default:
		into.bad = true
		if _, isScalar := n.(ast.ScalarNode); isScalar {
			p.report(into.place, "is "+kindOf(n)+", not a text", "put it in quotes")
		} else {
			p.wrongKind(n, at, "one value", "write it as key: value")
		}
		return
	}
	p.expand(into)
}

func (p *parse) secret(n ast.Node, at place, into *secretText) {
	if !p.secrets {
		into.place, into.set, into.bad = p.placeOf(n, at), true, true
		return
	}
	p.scalar(n, at, &into.text, false)
	if !into.ok() {
		return
	}
	switch {
	case into.value == "":
		into.bad = true
		p.report(into.place, "is empty", "write the secret, best as ${env:NAME} or ${file:path}")
	case !into.foreign:
		p.warn(into.place, "the secret stands in this file for all who can read it", "move it out and write ${env:NAME} or ${file:path} here")
	}
}

// spoil marks a text that could not be read, so that nothing builds on it.
func (t *text) spoil(at place) { t.place, t.set, t.bad = at, true, true }

func (p *parse) wrongKind(n ast.Node, at place, want, next string) {
	what := "is " + kindOf(n) + " where " + want + " should stand"
	if at.path == "" {
		what = "the file " + what
	}
	p.report(p.placeOf(n, at), what, next)
}

func kindOf(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a mapping"
	case ast.SequenceType:
		return "a list"
	case ast.BoolType:
		return "a truth value"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "a number"
	case ast.NullType:
		return "nothing"
	}
	return "a text"
}

// named is a mapping whose keys the user chooses, in the order of the file.
type named[T any] []namedEntry[T]

type namedEntry[T any] struct {
	Name  string
	At    place
	Value T
}

func (l *named[T]) decode(p *parse, n ast.Node, at place) {
	entries, _ := p.entries(n, at)
	for _, e := range entries {
		one := namedEntry[T]{Name: e.key, At: e.at}
		p.decodeInto(e.value, e.at, &one.Value)
		*l = append(*l, one)
	}
}

// fields are the keys of a raw struct: the yaml tags of its fields, embedded
// structs included.
type fields struct {
	keys  []string // in the order of the struct
	index map[string][]int
}

func fieldsOf(t reflect.Type) fields {
	f := fields{index: map[string][]int{}}
	for _, one := range reflect.VisibleFields(t) {
		if key := one.Tag.Get("yaml"); key != "" {
			f.keys = append(f.keys, key)
			f.index[key] = one.Index
		}
	}
	return f
}
