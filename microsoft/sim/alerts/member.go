package alerts

import (
	"bytes"
	"encoding/json"
)

// editMember copies a JSON object and lets edit change or (with nil) drop each
// of its members; what edit returns as it came keeps its bytes. The object must
// be compact and valid.
func editMember(raw []byte, edit func(name string, value []byte) []byte) []byte {
	out := make([]byte, 0, len(raw))
	out = append(out, '{')
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return raw
	}
	for dec.More() {
		start := dec.InputOffset()
		token, err := dec.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return raw
		}
		key := bytes.TrimLeft(raw[start:dec.InputOffset()], ", ")
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return raw
		}
		edited := edit(name, value)
		if edited == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, key...)
		out = append(out, ':')
		out = append(out, edited...)
	}
	return append(out, '}')
}
