package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds what is read as a configuration: 20,000 tenants need a few MB.
const maxFile = 16 << 20

// document parses the file's YAML and returns its one document's body, which
// is nil for an empty file.
func (p *parse) document(data []byte) (body ast.Node, ok bool) {
	top := place{line: 1, column: 1}
	if len(data) > maxFile {
		p.report(place{}, fmt.Sprintf("the file has %d bytes, which is more than a configuration can need", len(data)), "is it the right file?")
		return nil, false
	}
	if !utf8.Valid(data) {
		p.report(top, "the file is not UTF-8 text", "save it as UTF-8, in an editor")
		return nil, false
	}
	// Editors on Windows begin a file with a byte order mark.
	source := strings.TrimPrefix(string(data), "\ufeff")

	file, err := parseYAML(source)
	if err != nil {
		at, text := top, err.Error()
		if y, isYAML := errors.AsType[yaml.Error](err); isYAML {
			// Not y.Error(), which quotes the lines around.
			text = y.GetMessage()
			if t := y.GetToken(); t != nil && t.Position != nil {
				at.line, at.column = t.Position.Line, t.Position.Column
			}
		}
		p.report(at, "the YAML can't be read: "+text, yamlHint(source, at.line))
		return nil, false
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			p.report(p.placeOf(doc.Body, place{}), "a second document begins here", "keep one, and remove the line --- before it")
			return nil, false
		}
		body = doc.Body
	}
	if body != nil {
		p.collectAnchors(body)
	}
	return body, true
}

// parseYAML is the library's parser. A panic in there is a file that it can't
// read, and must not end a program that only wanted to check one.
func parseYAML(source string) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			file, err = nil, errors.New("its structure is broken")
		}
	}()
	// We report a key that stands twice ourselves, with everything else.
	return parser.ParseBytes([]byte(source), 0, parser.AllowDuplicateMapKey())
}

// yamlHint guesses what is wrong with a line from the slips that are common.
func yamlHint(source string, line int) string {
	lines := strings.Split(source, "\n")
	if line < 1 || line > len(lines) {
		return "look at the quotes and brackets near the end"
	}
	text := lines[line-1]
	switch {
	case strings.Contains(text, "${"):
		return "put a value with ${…} in quotes"
	case strings.Contains(text, "\t"):
		return "indent with blanks, not with tabs"
	}
	return "look at the indentation, quotes and brackets here and on the line before"
}

// collectAnchors remembers every &name of the document, so that *name finds it.
func (p *parse) collectAnchors(body ast.Node) {
	for _, n := range ast.Filter(ast.AnchorType, body) {
		if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil && a.Name.GetToken() != nil && a.Value != nil {
			name := a.Name.GetToken().Value
			p.anchors[name] = append(p.anchors[name], a)
		}
	}
}

// resolve follows aliases and takes anchors off, until a value stands there.
func (p *parse) resolve(n ast.Node, at place) (ast.Node, place, bool) {
	for range 10 {
		switch v := n.(type) {
		case nil:
			return nil, at, false
		case *ast.AnchorNode:
			n = v.Value
		case *ast.AliasNode:
			at = p.placeOf(v, at)
			if n = p.aliased(v); n == nil {
				p.report(at, "no anchor with this name stands before it", "write the value itself, or &name where it first stands")
				return nil, at, false
			}
		case *ast.TagNode:
			p.report(p.placeOf(v, at), "a YAML tag has no meaning here", "remove the word that begins with !")
			return nil, at, false
		default:
			return n, at, true
		}
	}
	p.report(at, "the alias leads to itself", "write the value")
	return nil, at, false
}

// aliased is the value of the last anchor of that name before the alias.
func (p *parse) aliased(alias *ast.AliasNode) ast.Node {
	if alias.Value == nil || alias.Value.GetToken() == nil {
		return nil
	}
	here := alias.Start.Position.Offset
	var value ast.Node
	for _, a := range p.anchors[alias.Value.GetToken().Value] {
		if a.Start.Position.Offset < here {
			value = a.Value
		}
	}
	return value
}

// placeOf is where a node begins. A block mapping begins at its first key: its
// own token is that key's colon.
func (p *parse) placeOf(n ast.Node, at place) place {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return p.placeOf(m.Values[0].Key, at)
		}
	case *ast.MappingValueNode:
		return p.placeOf(m.Key, at)
	case *ast.LiteralNode:
		if m.Start != nil && m.Start.Position != nil {
			at.line, at.column = m.Start.Position.Line, m.Start.Position.Column
			return at
		}
	}
	if n == nil {
		return at
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		at.line, at.column = t.Position.Line, t.Position.Column
	}
	return at
}
