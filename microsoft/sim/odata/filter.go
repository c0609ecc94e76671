package odata

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Type is the type of a property that can be filtered by.
type Type uint8

// The types. Moments stand bare in a filter, texts and enumeration members in
// single quotes.
const (
	Text Type = iota
	Enum
	Moment
	Number
	Name // a text that is compared without regard to letter case, as in directories
)

// Filter is a parsed $filter.
type Filter struct{ root node }

type node interface {
	match(get func(string) any) bool
}

type (
	and  []node
	or   []node
	not  struct{ node }
	test struct {
		property string
		op       string
		value    any // nil, string, int64 or time.Time
		fold     bool
	}
)

// depth bounds how deep parentheses may be nested.
const depth = 32

// Parse reads a filter over the given properties. The error says what is wrong
// in the words of an OData service.
func Parse(filter string, properties map[string]Type) (*Filter, error) {
	list, err := tokens(filter)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: list, filter: filter, properties: properties}
	root, err := p.either(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, p.unexpected(t)
	}
	return &Filter{root}, nil
}

type parser struct {
	tokens     []token
	filter     string
	properties map[string]Type
	next       int
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

func (p *parser) word(w string) bool {
	if t := p.peek(); t.kind == tokenWord && t.text == w {
		p.next++
		return true
	}
	return false
}

func (p *parser) unexpected(t token) error {
	return fmt.Errorf("syntax error at position %d in '%s'", t.at, p.filter)
}

func (p *parser) either(level int) (node, error) {
	first, err := p.all(level)
	if err != nil {
		return nil, err
	}
	nodes := or{first}
	for p.word("or") {
		n, err := p.all(level)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 1 {
		return first, nil
	}
	return nodes, nil
}

func (p *parser) all(level int) (node, error) {
	first, err := p.one(level)
	if err != nil {
		return nil, err
	}
	nodes := and{first}
	for p.word("and") {
		n, err := p.one(level)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 1 {
		return first, nil
	}
	return nodes, nil
}

func (p *parser) one(level int) (node, error) {
	if level > depth {
		return nil, fmt.Errorf("the filter is nested too deeply")
	}
	if p.word("not") {
		n, err := p.one(level + 1)
		return not{n}, err
	}
	if p.peek().kind == tokenOpen {
		p.take()
		n, err := p.either(level + 1)
		if err != nil {
			return nil, err
		}
		if t := p.take(); t.kind != tokenClose {
			return nil, p.unexpected(t)
		}
		return n, nil
	}
	return p.test()
}

func (p *parser) test() (node, error) {
	property := p.take()
	if property.kind != tokenWord {
		return nil, p.unexpected(property)
	}
	typ, known := p.properties[property.text]
	if !known {
		return nil, fmt.Errorf("could not find a property named '%s' that can be filtered by", property.text)
	}
	op := p.take()
	switch op.text {
	case "eq", "ne", "gt", "ge", "lt", "le":
	default:
		return nil, p.unexpected(op)
	}
	if typ != Moment && typ != Number && op.text != "eq" && op.text != "ne" {
		return nil, fmt.Errorf("the operator '%s' can't be used with the property '%s'", op.text, property.text)
	}
	t := p.take()
	value, err := literal(t, typ)
	if err != nil {
		return nil, fmt.Errorf("the value of '%s': %w", property.text, err)
	}
	if t.kind == tokenEnd {
		return nil, p.unexpected(t)
	}
	return test{property.text, op.text, value, typ == Name}, nil
}

func literal(t token, typ Type) (any, error) {
	if t.kind == tokenWord && t.text == "null" {
		return nil, nil
	}
	switch {
	case (typ == Text || typ == Enum || typ == Name) && t.kind == tokenText:
		return t.text, nil
	case typ == Moment && t.kind == tokenWord:
		m, err := time.Parse(time.RFC3339Nano, t.text)
		if err != nil {
			return nil, fmt.Errorf("'%s' is not a date and time such as 2026-05-20T23:54:36Z", t.text)
		}
		return m.UTC(), nil
	case typ == Number && t.kind == tokenWord:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("'%s' is not a whole number", t.text)
		}
		return n, nil
	case typ == Moment || typ == Number:
		return nil, fmt.Errorf("a literal without quotes is expected, not '%s'", t.text)
	}
	return nil, fmt.Errorf("a literal in single quotes is expected, not '%s'", t.text)
}

// Match reports whether the filter takes what get describes: a string, an
// int64, a time.Time, or nil for null. A nil Filter takes everything.
func (f *Filter) Match(get func(property string) any) bool {
	return f == nil || f.root.match(get)
}

func (n and) match(get func(string) any) bool {
	for _, m := range n {
		if !m.match(get) {
			return false
		}
	}
	return true
}

func (n or) match(get func(string) any) bool {
	for _, m := range n {
		if m.match(get) {
			return true
		}
	}
	return false
}

func (n not) match(get func(string) any) bool { return !n.node.match(get) }

func (t test) match(get func(string) any) bool {
	got := get(t.property)
	if got == nil || t.value == nil {
		same := got == nil && t.value == nil
		return t.op == "eq" && same || t.op == "ne" && !same
	}
	order := 0
	switch want := t.value.(type) {
	case string:
		s, ok := got.(string)
		if !ok {
			return false
		}
		if t.fold {
			s, want = strings.ToLower(s), strings.ToLower(want)
		}
		order = strings.Compare(s, want)
	case int64:
		n, ok := got.(int64)
		if !ok {
			return false
		}
		order = compare(n, want)
	case time.Time:
		m, ok := got.(time.Time)
		if !ok {
			return false
		}
		order = m.Compare(want)
	}
	switch t.op {
	case "eq":
		return order == 0
	case "ne":
		return order != 0
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	case "lt":
		return order < 0
	}
	return order <= 0
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
