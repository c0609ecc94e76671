package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"tributary"
)

// longestToken bounds an encoded token: NATS allows a subject of a few
// kilobytes, and every node keeps subjects in memory.
const longestToken = 200

// token makes any text a legal token of a subject: letters, digits, "_" and
// "-" stay, every other byte becomes "=" and two hexadecimal digits. A very
// long text becomes its hash; the text itself stands in the envelope.
func token(text string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte('=')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	if b.Len() == 0 {
		return "="
	}
	if b.Len() > longestToken {
		sum := sha256.Sum256([]byte(text))
		return "=h" + hex.EncodeToString(sum[:])
	}
	return b.String()
}

func alertSubject(a *tributary.Alert) string {
	return "alert." + token(a.Tenant) + "." + token(string(a.Source)) + "." + a.Severity.String() + "." + token(a.ID)
}

// alertVersions is where every version of one alert lies, whatever its severity was.
func alertVersions(a *tributary.Alert) string {
	return "alert." + token(a.Tenant) + "." + token(string(a.Source)) + ".*." + token(a.ID)
}

func feedAlerts(f tributary.Feed) string {
	return "alert." + token(f.Tenant) + "." + token(string(f.Source)) + ".>"
}

func cursorSubject(f tributary.Feed) string {
	return "cursor." + token(f.Tenant) + "." + token(string(f.Source))
}

func feedSubject(f tributary.Feed) string {
	return "feed." + token(f.Tenant) + "." + token(string(f.Source))
}

// mostFilters is how many subjects a lane is filtered by at the server. Above
// it the lane reads more widely and drops what it doesn't want itself.
const mostFilters = 64

// filterSubjects turns a filter into subjects that don't overlap.
func filterSubjects(f tributary.Filter) []string {
	any := []string{"*"}
	tenants, sources, severities := any, any, any
	if len(f.Tenants) > 0 {
		tenants = tokens(f.Tenants)
	}
	if len(f.Sources) > 0 {
		sources = tokens(f.Sources)
	}
	if f.MinSeverity > tributary.SeverityUnknown {
		severities = nil
		for s := f.MinSeverity; s <= tributary.SeverityHigh; s++ {
			severities = append(severities, s.String())
		}
	}
	if len(tenants)*len(sources)*len(severities) > mostFilters {
		tenants = any
	}
	if len(sources)*len(severities) > mostFilters {
		sources, severities = any, any
	}
	var subjects []string
	for _, t := range tenants {
		for _, s := range sources {
			for _, v := range severities {
				subjects = append(subjects, "alert."+t+"."+s+"."+v+".>")
			}
		}
	}
	return subjects
}

// tokens are the tokens of texts, each once: JetStream refuses a filter twice.
func tokens[T ~string](texts []T) []string {
	var list []string
	for _, text := range texts {
		list = append(list, token(string(text)))
	}
	slices.Sort(list)
	return slices.Compact(list)
}
