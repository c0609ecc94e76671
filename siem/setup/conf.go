package setup

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// conf writes a Splunk .conf file. The format has no escapes: a value is what
// stands on the line, without the blanks around it. So what it can't say is
// refused.
type conf struct {
	strings.Builder
	err error // the first value that can't be written
}

func (c *conf) comment(lines ...string) {
	for _, line := range lines {
		c.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
}

// stanza begins the part of one modular input.
func (c *conf) stanza(kind, name string) {
	c.WriteString("\n[" + kind + "://" + stanzaName(name) + "]\n")
}

func (c *conf) set(key, value string) {
	if err := checkConfValue(value); err != nil && c.err == nil {
		c.err = errors.New(key + " " + err.Error()) // never the value
	}
	c.WriteString(strings.TrimRight(key+" = "+value, " ") + "\n")
}

// checkConfValue says why a value can't be written.
func checkConfValue(value string) error {
	switch {
	case !utf8.ValidString(value):
		return errors.New("is not text")
	case strings.ContainsFunc(value, breaks):
		return errors.New("holds a line break or another control character, which a Splunk file can't")
	case strings.TrimSpace(value) != value:
		return errors.New("begins or ends with a blank, which Splunk would drop")
	case strings.HasSuffix(value, `\`):
		return errors.New("ends with a backslash, with which Splunk would join the next line")
	case strings.Contains(value, "{encrypted:"):
		return errors.New("holds {encrypted:, which the add-on would replace")
	}
	return nil
}

// breaks reports what ends a line somewhere, or can't be seen in one.
func breaks(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

// stanzaName makes any text the name of a stanza: brackets and line breaks
// would end the header, a slash the path under which the add-on keeps its
// state. It is the event's source in Splunk too, so what is plain stays.
func stanzaName(text string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
