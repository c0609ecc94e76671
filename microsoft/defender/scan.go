package defender

import "fmt"

// maxDepth is how deep values may be nested: what encoding/json allows too.
const maxDepth = 10_000

// place is where in the grammar of RFC 8259 a scanner stands.
type place uint8

const (
	atValue     place = iota // a value must begin here
	atFirst                  // after [: a value or ]
	atFirstName              // after {: a name or }
	atName                   // after , in an object: a name
	atColon                  // after a name
	atNext                   // after a value inside something: , or the closing bracket
	inString                 // between its quotes
	inEscape                 // after a backslash
	inHex                    // inside \uXXXX
	inWord                   // inside true, false or null
	afterMinus               // a digit must follow
	afterZero                // number complete: only a fraction or an exponent may follow
	inInteger                // number complete: more digits may follow
	afterDot                 // a digit must follow
	inFraction               // number complete
	afterE                   // a sign or a digit must follow
	afterSign                // a digit must follow
	inExponent               // number complete
	atEnd                    // the value is complete
)

// scanner finds the end of one JSON value in bytes that come in pieces of any
// size, and checks the value on the way, each byte once. It accepts what
// encoding/json accepts.
type scanner struct {
	at   place
	name bool   // the string being read is a member's name
	hex  int    // digits of \uXXXX still to come
	word string // what must still follow of true, false or null
	open []byte // the brackets that are open, '{' and '['
}

func (s *scanner) reset() {
	s.at, s.name, s.hex, s.word, s.open = atValue, false, 0, "", s.open[:0]
}

// plain are the bytes that a string may hold as they are.
var plain = func() (t [256]bool) {
	for c := 0x20; c < len(t); c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// scan goes on with the next piece. It returns how many bytes of it belong to
// the value, and whether the value is complete. With an error, n is where the
// bytes stop being JSON.
func (s *scanner) scan(p []byte) (n int, done bool, err error) {
	for i := 0; i < len(p); {
		c := p[i]
		switch s.at {
		case inString:
			for i < len(p) && plain[p[i]] {
				i++
			}
			if i == len(p) {
				return i, false, nil
			}
			switch p[i] {
			case '"':
				if s.name {
					s.name, s.at = false, atColon
				} else if s.end() {
					return i + 1, true, nil
				}
			case '\\':
				s.at = inEscape
			default:
				return i, false, fmt.Errorf("control character %#02x in a string", p[i])
			}
			i++
		case inEscape:
			switch c {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				s.at = inString
			case 'u':
				s.at, s.hex = inHex, 4
			default:
				return i, false, fmt.Errorf("%q after a backslash", c)
			}
			i++
		case inHex:
			if !isHex(c) {
				return i, false, fmt.Errorf(`%q in a \u escape`, c)
			}
			if s.hex--; s.hex == 0 {
				s.at = inString
			}
			i++
		case inWord:
			if c != s.word[0] {
				return i, false, fmt.Errorf("%q inside a word", c)
			}
			i++
			if s.word = s.word[1:]; s.word == "" && s.end() {
				return i, true, nil
			}
		case afterMinus, afterZero, inInteger, afterDot, inFraction, afterE, afterSign, inExponent:
			took, err := s.digit(c)
			if err != nil {
				return i, false, err
			}
			if took {
				i++
			} else if s.end() { // the number ended before c, which is looked at again
				return i, true, nil
			}
		default:
			if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
				i++
				continue
			}
			done, err := s.mark(c)
			if err != nil {
				return i, false, err
			}
			i++
			if done {
				return i, true, nil
			}
		}
	}
	return len(p), false, nil
}

// mark takes a byte that stands between strings, words and numbers, or begins one.
func (s *scanner) mark(c byte) (done bool, err error) {
	switch s.at {
	case atFirst:
		if c == ']' {
			return s.shut(), nil
		}
		return false, s.begin(c)
	case atValue:
		return false, s.begin(c)
	case atFirstName, atName:
		switch {
		case c == '"':
			s.name, s.at = true, inString
			return false, nil
		case c == '}' && s.at == atFirstName:
			return s.shut(), nil
		}
		return false, fmt.Errorf("%q where a member's name belongs", c)
	case atColon:
		if c != ':' {
			return false, fmt.Errorf("%q where a colon belongs", c)
		}
		s.at = atValue
		return false, nil
	}
	// atNext
	inside := s.open[len(s.open)-1]
	switch {
	case c == ',' && inside == '{':
		s.at = atName
	case c == ',':
		s.at = atValue
	case c == '}' && inside == '{', c == ']' && inside == '[':
		return s.shut(), nil
	default:
		return false, fmt.Errorf("%q after a value", c)
	}
	return false, nil
}

// begin takes the first byte of a value.
func (s *scanner) begin(c byte) error {
	switch c {
	case '"':
		s.at = inString
	case '{', '[':
		if len(s.open) == maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
		s.open = append(s.open, c)
		if s.at = atFirst; c == '{' {
			s.at = atFirstName
		}
	case 't':
		s.at, s.word = inWord, "rue"
	case 'f':
		s.at, s.word = inWord, "alse"
	case 'n':
		s.at, s.word = inWord, "ull"
	case '-':
		s.at = afterMinus
	case '0':
		s.at = afterZero
	default:
		if c < '1' || c > '9' {
			return fmt.Errorf("%q where a value belongs", c)
		}
		s.at = inInteger
	}
	return nil
}

// end notes that a value is complete, and reports whether it was the outermost.
func (s *scanner) end() bool {
	if len(s.open) == 0 {
		s.at = atEnd
		return true
	}
	s.at = atNext
	return false
}

// shut closes the innermost object or array.
func (s *scanner) shut() bool {
	s.open = s.open[:len(s.open)-1]
	return s.end()
}

// digit takes a byte of a number, or reports that the number ended before it.
func (s *scanner) digit(c byte) (took bool, err error) {
	isDigit := c >= '0' && c <= '9'
	switch s.at {
	case afterMinus:
		if !isDigit {
			return false, fmt.Errorf("%q after a minus", c)
		}
		if s.at = inInteger; c == '0' {
			s.at = afterZero
		}
		return true, nil
	case afterDot:
		if !isDigit {
			return false, fmt.Errorf("%q after a decimal point", c)
		}
		s.at = inFraction
		return true, nil
	case afterE:
		if c == '+' || c == '-' {
			s.at = afterSign
			return true, nil
		}
		fallthrough
	case afterSign:
		if !isDigit {
			return false, fmt.Errorf("%q in an exponent", c)
		}
		s.at = inExponent
		return true, nil
	}
	switch {
	case isDigit && s.at != afterZero:
		return true, nil
	case c == '.' && (s.at == afterZero || s.at == inInteger):
		s.at = afterDot
		return true, nil
	case (c == 'e' || c == 'E') && s.at != inExponent:
		s.at = afterE
		return true, nil
	}
	return false, nil
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
