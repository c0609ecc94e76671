package defender

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// bufferSize is how much of an answer is read at once. An element that lies
	// in it whole is copied once.
	bufferSize = 64 << 10
	// DefaultMaxAlert is the largest alert that is read where Config doesn't say.
	DefaultMaxAlert = 64 << 20
	// maxMember bounds the members of an answer that are kept: names, the next
	// link, an error.
	maxMember = 64 << 10
	// handOver is the size from which an element that had to be gathered from
	// several reads is given away as it is rather than copied again.
	handOver = 1 << 20
)

// errEmpty: the answer had no byte but blanks.
var errEmpty = errors.New("the answer is empty")

// syntaxError says where an answer stops being the JSON that it should be.
type syntaxError struct {
	Offset int64 // in the answer, after decompression
	Reason string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("not the expected JSON at byte %d: %s", e.Offset, e.Reason)
}

// tooLargeError is an element above the limit.
type tooLargeError struct {
	Element []byte // its beginning
	Size    int64  // its size; at least that where More
	More    bool
	Limit   int
}

func (e *tooLargeError) Error() string {
	least := ""
	if e.More {
		least = "more than "
	}
	return fmt.Sprintf("an alert of %s%d bytes is above the limit of %d", least, e.Size, e.Limit)
}

// tail is what an answer holds besides its elements.
type tail struct {
	NextLink string // @odata.nextLink, unescaped
	Fault    []byte // the member "error", as it came: a fault after the service had begun to answer
	Listed   bool   // there was an array of elements, or null in its place
}

// splitter cuts an answer into its elements while it comes off the wire. It
// holds one element and a buffer, whatever the size of the answer.
type splitter struct {
	r        io.Reader
	buf      []byte
	pos, end int   // what of buf is not yet used
	base     int64 // offset of buf[0] in the answer
	err      error // what ended the reading; the bytes before it come first
	gathered []byte
	max      int
	scan     scanner
}

func newSplitter(r io.Reader, maxElement int) *splitter {
	s := &splitter{buf: make([]byte, bufferSize)}
	s.reset(r, maxElement)
	return s
}

// reset makes the splitter ready for another answer. It keeps its buffer.
func (s *splitter) reset(r io.Reader, maxElement int) {
	s.r, s.max, s.err = r, maxElement, nil
	s.pos, s.end, s.base = 0, 0, 0
	if cap(s.gathered) > handOver {
		s.gathered = nil
	}
}

// split reads one answer to its end and hands over each element of its list:
// the array "value" of an object, or the outermost array. The bytes belong to
// the receiver and are valid JSON. A fault further on in the answer doesn't
// take back what was handed over before it.
func (s *splitter) split(yield func(element []byte) error) (tail, error) {
	var t tail
	if err := s.skipMark(); err != nil {
		return t, err
	}
	c, err := s.next()
	switch {
	case errors.Is(err, io.EOF):
		return t, errEmpty
	case err != nil:
		return t, err
	}
	switch c {
	case '[':
		t.Listed = true
		err = s.elements(yield)
	case '{':
		err = s.members(&t, yield)
	default:
		var v []byte
		if v, err = s.value(maxMember); err == nil && string(v) != "null" {
			err = s.fail("neither an object nor an array")
		}
		t.Listed = err == nil
	}
	if err != nil {
		return t, err
	}
	switch _, err = s.next(); {
	case err == nil:
		return t, s.fail("something follows the end of the answer")
	case !errors.Is(err, io.EOF):
		return t, err
	}
	return t, nil
}

// members reads an object and the list in it.
func (s *splitter) members(t *tail, yield func([]byte) error) error {
	s.pos++ // {
	for first := true; ; first = false {
		c, err := s.must()
		if err != nil {
			return err
		}
		if c == '}' && first {
			s.pos++
			return nil
		}
		if c != '"' {
			return s.fail(fmt.Sprintf("%q where a member's name belongs", c))
		}
		name, err := s.text(maxMember)
		if err != nil {
			return err
		}
		if c, err = s.must(); err != nil {
			return err
		}
		if c != ':' {
			return s.fail(fmt.Sprintf("%q where a colon belongs", c))
		}
		s.pos++
		if err := s.member(name, t, yield); err != nil {
			return err
		}
		if c, err = s.must(); err != nil {
			return err
		}
		s.pos++
		switch c {
		case ',':
		case '}':
			return nil
		default:
			s.pos--
			return s.fail(fmt.Sprintf("%q after a member", c))
		}
	}
}

func (s *splitter) member(name string, t *tail, yield func([]byte) error) error {
	c, err := s.must()
	if err != nil {
		return err
	}
	switch name {
	case "value":
		if t.Listed {
			return s.fail("a second list of alerts")
		}
		t.Listed = true
		if c == '[' {
			return s.elements(yield)
		}
		v, err := s.value(maxMember)
		if err == nil && string(v) != "null" {
			err = s.fail(`"value" is not an array`)
		}
		return err
	case "@odata.nextLink":
		if c == '"' {
			t.NextLink, err = s.text(maxMember)
			return err
		}
		v, err := s.value(maxMember)
		if err == nil && string(v) != "null" {
			err = s.fail("@odata.nextLink is not a text")
		}
		return err
	case "error":
		v, err := s.value(maxMember)
		if err == nil && string(v) != "null" {
			t.Fault = bytes.Clone(v)
		}
		return err
	}
	_, err = s.value(-1)
	return err
}

// elements reads an array.
func (s *splitter) elements(yield func([]byte) error) error {
	s.pos++ // [
	c, err := s.must()
	if err != nil {
		return err
	}
	if c == ']' {
		s.pos++
		return nil
	}
	for {
		if _, err := s.must(); err != nil {
			return err
		}
		v, err := s.value(s.max)
		if err != nil {
			return err
		}
		// What lies in the buffer is overwritten soon; so is a small gathering.
		if len(v) >= handOver && len(s.gathered) == len(v) {
			s.gathered = nil
		} else {
			v = append(make([]byte, 0, len(v)), v...)
		}
		if err := yield(v); err != nil {
			return err
		}
		if c, err = s.must(); err != nil {
			return err
		}
		s.pos++
		switch c {
		case ',':
		case ']':
			return nil
		default:
			s.pos--
			return s.fail(fmt.Sprintf("%q after an element", c))
		}
	}
}
