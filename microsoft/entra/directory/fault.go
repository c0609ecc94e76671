package directory

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// fault is what an API says about a failure: Graph's error object, Partner
// Center's, an identity service's, or a gateway's plain text.
type fault struct {
	code      string
	details   []string // the codes of error.details
	message   string
	requestID string
}

func (f fault) sentence() string {
	switch {
	case f.code == "":
		return f.message
	case f.message == "":
		return f.code
	}
	return f.code + ": " + f.message
}

// is reports whether the failure has one of these codes.
func (f fault) is(codes ...string) bool {
	return slices.ContainsFunc(codes, func(code string) bool {
		return strings.EqualFold(f.code, code) || slices.ContainsFunc(f.details, func(d string) bool { return strings.EqualFold(d, code) })
	})
}

// says reports whether the words of a failure hold one of these. Some of
// Graph's failures differ in nothing else.
func (f fault) says(words ...string) bool {
	text := strings.ToLower(f.message)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, strings.ToLower(w)) })
}

// readFault reads the body of an error, whatever it is.
func readFault(body []byte) fault {
	text := strings.TrimSpace(strings.TrimPrefix(string(body), "\ufeff"))
	var top map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &top) != nil {
		if strings.HasPrefix(text, "<") {
			return fault{message: "the answer is a web page"}
		}
		return fault{message: text}
	}
	object := top
	if inner := member(top, "error"); inner != nil {
		object = nil
		if json.Unmarshal(inner, &object) != nil { // {"error":"…","error_description":"…"}
			return fault{code: word(inner), message: word(member(top, "error_description"))}
		}
	}
	f := fault{code: word(member(object, "code")), message: word(member(object, "message"))}
	if f.message == "" {
		f.message = word(member(object, "description")) // Partner Center
	}
	var details []map[string]json.RawMessage
	if json.Unmarshal(member(object, "details"), &details) == nil {
		for _, d := range details[:min(len(details), 20)] {
			f.details = append(f.details, word(member(d, "code")))
		}
	}
	// innerError has the id, may be nested, and is spelt in two ways.
	for deeper, depth := object, 0; deeper != nil && depth < 10; depth++ {
		if id := word(member(deeper, "request-id")); id != "" {
			f.requestID = id
		}
		next := member(deeper, "innererror")
		deeper = nil
		if json.Unmarshal(next, &deeper) != nil {
			break
		}
	}
	return f
}

// member finds a member whatever the case of its name.
func member(object map[string]json.RawMessage, name string) json.RawMessage {
	if value, ok := object[name]; ok && string(value) != "null" {
		return value
	}
	for key, value := range object {
		if strings.EqualFold(key, name) && string(value) != "null" {
			return value
		}
	}
	return nil
}

// word is a text, or a number as it stands; nothing else.
func word(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(value, &number) == nil {
		return number.String()
	}
	return ""
}

// clean makes foreign text fit for one line of at most limit bytes.
func clean(text string, limit int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == utf8.RuneError
	}), " ")
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

// retryAfter is how long a service asks us to wait: seconds, or a date by its
// own clock.
func retryAfter(h http.Header, served time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait)
	}
	if date, err := http.ParseTime(value); err == nil && !served.IsZero() {
		return min(max(date.Sub(served), 0), maxWait)
	}
	return 0
}

// maxWait bounds what a service may ask for.
const maxWait = time.Hour

// serverTime is the service's clock, or zero.
func serverTime(h http.Header) time.Time {
	t, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}
