package defender

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fault is what an API says about a failure: Graph's and Defender's error
// object, an identity service's, or a gateway's plain text.
type fault struct {
	code      string
	message   string
	requestID string
}

// sentence is the code and the message in one line.
func (f fault) sentence() string {
	switch {
	case f.code == "":
		return f.message
	case f.message == "":
		return f.code
	}
	return f.code + ": " + f.message
}

// readFault reads the body of an error, whatever it is.
func readFault(body []byte) fault {
	text := strings.TrimSpace(strings.TrimPrefix(string(body), "\ufeff"))
	var top map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &top) != nil {
		if strings.HasPrefix(text, "<") {
			return fault{message: "the body is a web page"}
		}
		return fault{message: text}
	}
	var f fault
	inner := member(top, "error")
	var object map[string]json.RawMessage
	switch {
	case inner == nil: // the object inside, alone, or {"Message": …}
		object = top
	case json.Unmarshal(inner, &object) != nil: // {"error":"…","error_description":"…"}
		f.code, f.message = word(inner), word(member(top, "error_description"))
		return f
	}
	f.code, f.message = word(member(object, "code")), word(member(object, "message"))
	// innerError has the id, may be nested, and is spelt in two ways. Defender
	// for Endpoint has a tracking id in target.
	f.requestID = word(member(object, "target"))
	for deeper := object; deeper != nil; {
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
	for key, value := range object {
		if strings.EqualFold(key, name) && string(value) != "null" {
			return value
		}
	}
	return nil
}

// word is a text, or a number as it stands.
func word(value json.RawMessage) string { return plainText(value) }

// requestID is the id by which Microsoft finds an answer.
func requestID(h http.Header) string {
	for _, name := range []string{"request-id", "x-ms-request-id"} {
		if id := h.Get(name); id != "" {
			return clean(id, 100)
		}
	}
	return ""
}

// text makes a service's words fit for an error: one line, bounded, without a
// full stop, and without our token should somebody echo it.
func (c *client) text(resp *http.Response, said string) string {
	if resp.Request != nil {
		if _, token, ok := strings.Cut(resp.Request.Header.Get("Authorization"), " "); ok && token != "" {
			said = strings.ReplaceAll(said, token, "[redacted]")
		}
	}
	return strings.TrimRight(clean(said, 500), ". ")
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
