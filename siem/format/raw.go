package format

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tributary"
)

// Raw is Microsoft's JSON object, every member byte for byte as it came, with
// one more member at its end:
//
//	"tributary":{"tenant":"contoso","tenant_id":"…","source":"graph",
//	  "event_id":"32 hex digits","updated":"…","fetched":"…","portal_url":"…"}
//
// Times are RFC 3339 in UTC with all the digits that they have. White space
// between tokens is left out, so that the record is one line. Numbers, escapes
// and the order of members stay as they are: the body is never decoded and
// written again.
//
// A member of Microsoft's that is itself called "tributary" gives way to ours:
// a reader must be able to trust who the customer is, and two members of one
// name would leave that to the reader's parser. One further down is untouched.
//
// The error says why the body is not one JSON object.
func Raw(a *tributary.Alert) ([]byte, error) {
	out, err := compact(a, 256+len(a.PortalURL))
	if err != nil {
		return nil, err
	}
	if mayHoldEnvelope(out) {
		out = dropMember(out, envelopeName)
	}
	out = out[:len(out)-1] // the closing brace
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = append(out, `"tributary":{`...)
	out = appendEnvelope(out, a)
	return append(out, "}}"...), nil
}

// compact returns the alert's body without white space between tokens, in a
// buffer of its own with room for more at its end.
func compact(a *tributary.Alert, room int) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(len(a.Raw) + room)
	if err := json.Compact(&buf, a.Raw); err != nil {
		return nil, fmt.Errorf("%s: alert %s of source %s is not JSON: %w", a.Tenant, a.ID, a.Source, err)
	}
	out := buf.Bytes()
	if out[0] != '{' {
		return nil, fmt.Errorf("%s: alert %s of source %s is not a JSON object: it begins with %q", a.Tenant, a.ID, a.Source, out[0])
	}
	return out, nil
}

// mayHoldEnvelope spares most bodies the walk through their members. A name
// can also be written with \u escapes.
func mayHoldEnvelope(compact []byte) bool {
	return bytes.Contains(compact, []byte(envelopeName)) || bytes.Contains(compact, []byte(`\u`))
}

// dropMember returns the object without the members of that name. It works in
// place.
func dropMember(object []byte, name string) []byte {
	out := object[:1]
	for m := range value(object).members() {
		if string(m.name()) == name {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		// What is written never overtakes what is read: members only move left.
		out = append(out, m.key...)
		out = append(append(out, ':'), m.value...)
	}
	return append(out, '}')
}
