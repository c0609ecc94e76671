package defender

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"tributary"
)

// envelope is what is read from an alert. The texts are JSON as they stand in
// the alert, quotes included; nil where a member is missing or null.
type envelope struct {
	id       []byte
	severity []byte
	link     []byte
	updated  time.Time
	created  time.Time

	// The SIEM API's identity is made of several members.
	fullID, part, ioc []byte
}

// layout is how a source writes an envelope.
type layout struct {
	// take keeps one member's value, and reports whether it is one that the
	// envelope has and was still missing.
	take func(e *envelope, name, value []byte) bool
	// want is how many members take can keep; when it has them all, the rest of
	// the alert isn't looked at.
	want int
	// identify makes the id where it isn't simply the member "id".
	identify func(e *envelope) string
}

// read fills e from the outermost members of an alert, which is one valid JSON
// object.
func (l layout) read(e *envelope, alert []byte) {
	*e = envelope{}
	m := memberScan{b: alert}
	for left := l.want; left > 0; {
		name, value, ok := m.next()
		if !ok {
			return
		}
		if string(value) != "null" && l.take(e, name, value) {
			left--
		}
	}
}

// setText keeps the first of a member's values, so that a repeated name can't
// change what was read.
func setText(to *[]byte, value []byte) bool {
	if *to == nil {
		*to = value
		return true
	}
	return false
}

func setTime(to *time.Time, value []byte) bool {
	if len(value) < 2 || value[0] != '"' || !to.IsZero() {
		return false
	}
	t, ok := moment(value[1 : len(value)-1])
	*to = t
	return ok
}

// plainText is a JSON string's text, or the bytes of a number or a word as
// they stand; empty for an object, an array or nothing.
func plainText(value []byte) string {
	switch {
	case len(value) == 0, value[0] == '{', value[0] == '[':
		return ""
	case value[0] != '"':
		return string(value)
	}
	text, err := unquote(value)
	if err != nil {
		return ""
	}
	return text
}

// severityOf reads the word without keeping it.
func severityOf(value []byte) tributary.Severity {
	if len(value) < 2 || len(value) > 32 {
		return tributary.SeverityUnknown
	}
	return tributary.SeverityOf(string(value[1 : len(value)-1]))
}

// hashID names an alert that has no id of its own: the same bytes give the
// same name.
func hashID(alert []byte) string {
	sum := sha256.Sum256(alert)
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// portalURL is the alert's own link, made to open in the customer's tenant; or
// the portal's page of the alert where the link isn't a usable https address.
func portalURL(cloud tributary.Cloud, tenantID string, link []byte, alertID string) string {
	if text := plainText(link); isHTTPS(text) {
		if strings.Contains(text, "?tid=") || strings.Contains(text, "&tid=") {
			return text
		}
		if u, err := url.Parse(text); err == nil {
			if u.RawQuery != "" {
				u.RawQuery += "&"
			}
			u.RawQuery += "tid=" + url.QueryEscape(tenantID)
			return u.String()
		}
	}
	if alertID == "" {
		return ""
	}
	return cloud.AlertURL(tenantID, alertID)
}

// isHTTPS reports whether text is an https address with a host, without a user
// name in front of it and without bytes that an address can't have.
func isHTTPS(text string) bool {
	rest, ok := strings.CutPrefix(text, "https://")
	if !ok {
		return false
	}
	for i := range len(rest) {
		if c := rest[i]; c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' {
			return false
		}
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return end > 0 && !strings.Contains(rest[:end], "@")
}

// memberScan walks over the outermost members of a valid JSON object, or of the
// beginning of one.
type memberScan struct {
	b []byte
	i int
}

// next returns a member's name, without its quotes and with its escapes, and
// its value as it stands.
func (m *memberScan) next() (name, value []byte, ok bool) {
	// A name begins at the next quote: only an opening brace, a comma and
	// blanks can stand before it.
	q := bytes.IndexByte(m.b[m.i:], '"')
	if q < 0 {
		return nil, nil, false
	}
	start := m.i + q
	m.i = overString(m.b, start)
	name = m.b[start+1 : max(m.i-1, start+1)]
	colon := bytes.IndexByte(m.b[m.i:], ':')
	if colon < 0 {
		return nil, nil, false
	}
	m.i += colon + 1
	for m.i < len(m.b) && m.b[m.i] <= ' ' {
		m.i++
	}
	start = m.i
	m.i = overValue(m.b, start)
	value = m.b[start:m.i]
	if len(value) == 0 || value[0] == '"' && (len(value) == 1 || value[len(value)-1] != '"') {
		return nil, nil, false // an object that was cut
	}
	return name, value, true
}

// overString returns the index behind the string that begins at i.
func overString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		for i < len(b) && plain[b[i]] {
			i++
		}
		if i == len(b) {
			break
		}
		if b[i] == '"' {
			return i + 1
		}
		i++ // a backslash and what it escapes
	}
	return len(b)
}

// still are the bytes inside an object or array that neither open nor close anything.
var still = func() (t [256]bool) {
	for c := range t {
		t[c] = !strings.ContainsRune(`"{}[]`, rune(c))
	}
	return t
}()

// overValue returns the index behind the value that begins at i.
func overValue(b []byte, i int) int {
	if i == len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return overString(b, i)
	case '{', '[':
		for depth := 0; i < len(b); {
			switch c := b[i]; {
			case still[c]:
				i++
			case c == '"':
				i = overString(b, i)
			case c == '{' || c == '[':
				depth++
				i++
			default:
				i++
				if depth--; depth == 0 {
					return i
				}
			}
		}
		return i
	}
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] > ' ' {
		i++
	}
	return i
}
