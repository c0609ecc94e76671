package directory

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// fields are the members of a JSON object in a request.
type fields map[string]json.RawMessage

// read reads the request's body, which may have only the known members. Where
// it returns false it has answered.
func (c *call) read(known ...string) (fields, bool) {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		c.refuse(http.StatusBadRequest, "RequestBodyRead", "Write requests (excluding DELETE) must contain the Content-Type header declaration application/json.")
		return nil, false
	}
	text, err := io.ReadAll(c.r.Body)
	if err != nil {
		c.refuse(http.StatusBadRequest, "BadRequest", "The request's body can't be read or is too large.")
		return nil, false
	}
	var f fields
	if json.Unmarshal(text, &f) != nil || f == nil {
		c.refuse(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
		return nil, false
	}
	if err := f.check(known...); err != nil {
		c.badBody(err)
		return nil, false
	}
	return f, true
}

// check refuses members that aren't known. Names are compared letter by letter,
// because Microsoft Graph does.
func (f fields) check(known ...string) error {
	for name := range f {
		if !strings.HasPrefix(name, "@odata.") && !slices.Contains(known, name) {
			return fmt.Errorf("invalid property '%s'", name)
		}
	}
	return nil
}

func (f fields) has(name string) bool { _, ok := f[name]; return ok }

// to reads a member if it is there. The error is Microsoft's sentence.
func (f fields) to(name string, v any) error {
	raw, ok := f[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return invalid(name)
	}
	return nil
}

func invalid(property string) error {
	return fmt.Errorf("invalid value specified for property '%s'", property)
}

// object reads a member that is an object with known members of its own; nil
// if it isn't there.
func (f fields) object(name string, known ...string) (fields, error) {
	var inner fields
	if err := f.to(name, &inner); err != nil {
		return nil, err
	}
	return inner, inner.check(known...)
}

// guid reads a member that must be a GUID.
func (f fields) guid(name string) (string, error) {
	var text string
	if err := f.to(name, &text); err != nil {
		return "", err
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return "", invalid(name)
	}
	return id.String(), nil
}

// moment reads a time; zero if it isn't there or null.
func (f fields) moment(name string) (time.Time, error) {
	var text *string
	if err := f.to(name, &text); err != nil || text == nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, *text)
	if err != nil {
		return time.Time{}, invalid(name)
	}
	return t.UTC(), nil
}

// required refuses a body that lacks a member.
func (f fields) required(resource string, names ...string) error {
	for _, name := range names {
		if raw, ok := f[name]; !ok || string(raw) == "null" {
			return fmt.Errorf("a value is required for property '%s' of resource '%s'", name, resource)
		}
	}
	return nil
}
