package setup

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// properties writes a Java .properties file, as java.util.Properties reads it
// from a stream: ISO 8859-1, so everything beyond ASCII is written \uXXXX.
type properties struct{ strings.Builder }

func (p *properties) comment(lines ...string) {
	for _, line := range lines {
		p.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
}

func (p *properties) gap() { p.WriteByte('\n') }

func (p *properties) set(key, value string) {
	escapeProperty(&p.Builder, key, true)
	p.WriteByte('=')
	escapeProperty(&p.Builder, value, false)
	p.WriteByte('\n')
}

// escapeProperty escapes what Properties.store does. Blanks end a key wherever
// they are, and are dropped at the beginning of a value.
func escapeProperty(b *strings.Builder, text string, key bool) {
	for i, r := range text {
		switch r {
		case ' ':
			if key || i == 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(' ')
		case '\t':
			b.WriteString(`\t`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\f':
			b.WriteString(`\f`)
		case '\\', '=', ':', '#', '!':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			if r >= 0x20 && r <= 0x7e {
				b.WriteRune(r)
				continue
			}
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(b, `\u%04X`, unit)
			}
		}
	}
}
