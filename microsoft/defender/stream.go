package defender

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// value reads one value of up to limit bytes; with a limit below zero it reads
// over a value of any size and returns nothing. What it returns is good until
// the next read.
func (s *splitter) value(limit int) ([]byte, error) {
	s.scan.reset()
	s.gathered = s.gathered[:0]
	for {
		n, done, err := s.scan.scan(s.buf[s.pos:s.end])
		if err != nil {
			s.pos += n
			return nil, s.fail(err.Error())
		}
		part := s.buf[s.pos : s.pos+n]
		if limit >= 0 && len(s.gathered)+n > limit {
			return nil, s.measure(limit, n, done)
		}
		s.pos += n
		switch {
		case done && len(s.gathered) == 0:
			return part, nil
		case limit >= 0:
			s.gathered = append(s.gathered, part...)
		}
		if done {
			return s.gathered, nil
		}
		if err := s.fill(); err != nil {
			// Even a number is not complete here: its next digit may be missing.
			return nil, cut(err)
		}
	}
}

// measure reads over the rest of an element that is too large, so that the
// error can tell its size. The first n bytes of what is in the buffer belong
// to it. It gives up at sixteen times the limit.
func (s *splitter) measure(limit, n int, done bool) error {
	e := &tooLargeError{Limit: limit, Size: int64(len(s.gathered) + n)}
	e.Element = append(s.gathered, s.buf[s.pos:s.pos+min(n, maxMember)]...)
	s.gathered = nil
	for !done {
		if e.Size > 16*int64(limit) {
			e.More = true
			break
		}
		err := s.fill()
		if err == nil {
			n, done, err = s.scan.scan(s.buf[:s.end])
			e.Size += int64(n)
		}
		if err != nil {
			e.More = true
			break
		}
	}
	return e
}

// text reads a string and unescapes it.
func (s *splitter) text(limit int) (string, error) {
	v, err := s.value(limit)
	if err != nil {
		return "", err
	}
	return unquote(v)
}

// unquote is the text of a valid JSON string.
func unquote(v []byte) (string, error) {
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), nil
	}
	var text string
	err := json.Unmarshal(v, &text)
	return text, err
}

// next skips blanks and returns the byte after them without using it up.
func (s *splitter) next() (byte, error) {
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; c {
			case ' ', '\n', '\r', '\t':
				s.pos++
			default:
				return c, nil
			}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// must is next where the answer can't end.
func (s *splitter) must() (byte, error) {
	c, err := s.next()
	if err != nil {
		return 0, cut(err)
	}
	return c, nil
}

// cut names an end that came too early.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill reads more into a buffer that is used up.
func (s *splitter) fill() error {
	s.base += int64(s.end)
	s.pos, s.end = 0, 0
	return s.more()
}

// more reads behind what the buffer holds.
func (s *splitter) more() error {
	if s.err != nil {
		return s.err
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		s.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// skipMark skips a byte order mark.
func (s *splitter) skipMark() error {
	const mark = "\xef\xbb\xbf"
	for s.end < len(mark) {
		if err := s.more(); err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return err
		}
		if s.buf[0] != mark[0] {
			break
		}
	}
	if bytes.HasPrefix(s.buf[:s.end], []byte(mark)) {
		s.pos = len(mark)
	}
	return nil
}

func (s *splitter) fail(reason string) error {
	return &syntaxError{Offset: s.base + int64(s.pos), Reason: reason}
}
