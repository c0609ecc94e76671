package defender

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"tributary"
)

// maxToken bounds a page token: a next link's query and a little more.
const maxToken = maxMember + 4<<10

// token is the text of Page.Next and Request.Page. It may have lain in a store
// or a log meanwhile, so nothing in it is trusted: it can name a place in the
// window that it is used with, and the query of an address, never a host.
type token struct {
	Source tributary.Source `json:"source"`
	walk
}

func (t token) String() string {
	text, err := json.Marshal(t)
	if err != nil { // a time outside the years that JSON knows; moment reads no such time
		panic(err)
	}
	return string(text)
}

// begin is where a request's walk stands.
func begin(req tributary.Request, source tributary.Source) (walk, error) {
	if w := req.Window; !w.Open() && w.To.Before(w.From) {
		return walk{}, errors.New("the window ends before it begins")
	}
	if req.Page == "" {
		return walk{}, nil
	}
	return parseToken(req.Page, source, req.Window)
}

// parseToken reads a page token that is to be used with a window.
func parseToken(text string, source tributary.Source, window tributary.Window) (walk, error) {
	if len(text) > maxToken {
		return walk{}, fmt.Errorf("the page token has %d bytes", len(text))
	}
	var t token
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return walk{}, fmt.Errorf("the page token is not one of ours: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return walk{}, errors.New("the page token is not one of ours: something follows it")
	}
	if t.Source != source {
		return walk{}, fmt.Errorf("the page token belongs to source %q", t.Source)
	}
	w := t.walk
	for _, bound := range []time.Time{w.Lo, w.Hi, w.Cut} {
		if !bound.IsZero() && (bound.Before(window.From) || !window.Open() && bound.After(window.To)) {
			return walk{}, errors.New("the page token belongs to another window")
		}
	}
	switch {
	case w.Skip < 0, w.Pages < 0, w.Seen < 0, w.Readings < 0, w.Pages > maxPages, w.Readings > maxReadings:
		return walk{}, errors.New("the page token is not one of ours: a number is out of range")
	case w.Order != level && w.Order != rising && w.Order != falling && w.Order != mixed:
		return walk{}, fmt.Errorf("the page token is not one of ours: order %q", w.Order)
	case !isQuery(w.Link):
		return walk{}, errors.New("the page token is not one of ours: its query has bytes that an address can't have")
	}
	return w, nil
}

// isQuery reports whether text may stand behind the question mark of an address.
func isQuery(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}
