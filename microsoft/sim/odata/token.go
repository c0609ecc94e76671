package odata

import (
	"fmt"
	"strings"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenText // in single quotes
	tokenOpen
	tokenClose
)

type token struct {
	kind tokenKind
	text string
	at   int // offset in the filter
}

// tokens splits a filter. A quote inside a quoted text is doubled.
func tokens(filter string) ([]token, error) {
	var out []token
	for i := 0; i < len(filter); {
		switch c := filter[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '(':
			out = append(out, token{tokenOpen, "(", i})
			i++
		case c == ')':
			out = append(out, token{tokenClose, ")", i})
			i++
		case c == '\'':
			text, end, ok := quoted(filter[i+1:])
			if !ok {
				return nil, fmt.Errorf("unterminated string literal at position %d in '%s'", i, filter)
			}
			out = append(out, token{tokenText, text, i})
			i += 1 + end
		default:
			end := strings.IndexAny(filter[i:], " \t()'")
			if end < 0 {
				end = len(filter) - i
			}
			out = append(out, token{tokenWord, filter[i : i+end], i})
			i += end
		}
	}
	return append(out, token{tokenEnd, "", len(filter)}), nil
}

// quoted reads up to the closing quote and returns the text and the length read.
func quoted(s string) (text string, length int, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1, true
	}
	return "", 0, false
}
