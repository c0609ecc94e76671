package alerts

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// tick is the resolution of Microsoft's times: seven decimals of a second.
const tick = 100 * time.Nanosecond

// timeForm prints as .NET does: up to seven decimals, without zeros at the end.
const timeForm = "2006-01-02T15:04:05.9999999Z"

// jsonText builds one JSON document. The order of members is the order of the
// calls; commas come by themselves.
type jsonText struct {
	b    []byte
	from int
	// ascii writes letters outside ASCII as \u escapes, as the Defender APIs do.
	ascii bool
}

func newJSONText(dst []byte, ascii bool) *jsonText {
	return &jsonText{b: dst, from: len(dst), ascii: ascii}
}

func (j *jsonText) comma() {
	if n := len(j.b); n > j.from {
		switch j.b[n-1] {
		case '{', '[', ':':
		default:
			j.b = append(j.b, ',')
		}
	}
}

func (j *jsonText) key(name string) {
	j.comma()
	j.b = append(j.b, '"')
	j.b = append(j.b, name...)
	j.b = append(j.b, '"', ':')
}

// object, array and end open and close; name is empty for an element.
func (j *jsonText) object(name string) { j.open(name, '{') }
func (j *jsonText) array(name string)  { j.open(name, '[') }
func (j *jsonText) end(c byte)         { j.b = append(j.b, c) }

func (j *jsonText) open(name string, c byte) {
	if name != "" {
		j.key(name)
	} else {
		j.comma()
	}
	j.b = append(j.b, c)
}

func (j *jsonText) text(name, value string) {
	j.key(name)
	j.quote(value)
}

// textOrNull writes null for an empty text.
func (j *jsonText) textOrNull(name, value string) {
	if value == "" {
		j.null(name)
		return
	}
	j.text(name, value)
}

func (j *jsonText) texts(name string, values []string) {
	j.array(name)
	for _, v := range values {
		j.comma()
		j.quote(v)
	}
	j.end(']')
}

func (j *jsonText) number(name string, v int64) {
	j.key(name)
	j.b = strconv.AppendInt(j.b, v, 10)
}

func (j *jsonText) decimal(name string, v float64) {
	j.key(name)
	j.b = strconv.AppendFloat(j.b, v, 'f', -1, 64)
}

func (j *jsonText) boolean(name string, v bool) {
	j.key(name)
	j.b = strconv.AppendBool(j.b, v)
}

func (j *jsonText) null(name string) {
	j.key(name)
	j.b = append(j.b, "null"...)
}

func (j *jsonText) nulls(names ...string) {
	for _, n := range names {
		j.null(n)
	}
}

// time writes a moment given in Unix nanoseconds; zero writes null.
func (j *jsonText) time(name string, ns int64) {
	if ns == 0 {
		j.null(name)
		return
	}
	j.key(name)
	j.b = append(j.b, '"')
	j.b = time.Unix(0, ns).UTC().AppendFormat(j.b, timeForm)
	j.b = append(j.b, '"')
}

const hexDigits = "0123456789abcdef"

func (j *jsonText) quote(s string) {
	j.b = append(j.b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			j.b = append(j.b, s[start:i]...)
			switch c {
			case '"', '\\':
				j.b = append(j.b, '\\', c)
			case '\n':
				j.b = append(j.b, '\\', 'n')
			case '\t':
				j.b = append(j.b, '\\', 't')
			default:
				j.unit(rune(c))
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if j.ascii {
			j.b = append(j.b, s[start:i]...)
			if r >= 0x10000 {
				r -= 0x10000
				j.unit(0xd800 + r>>10)
				j.unit(0xdc00 + r&0x3ff)
			} else {
				j.unit(r)
			}
			start = i + size
		}
		i += size
	}
	j.b = append(j.b, s[start:]...)
	j.b = append(j.b, '"')
}

// unit writes one UTF-16 unit as an escape.
func (j *jsonText) unit(u rune) {
	j.b = append(j.b, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}
