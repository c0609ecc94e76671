package format

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
)

// value is one JSON value as it stands in a body. It has been through
// [json.Compact]: it is valid, and there is no white space between its tokens.
// That is what makes the walk below short and safe. A nil value is an absent one.
type value []byte

// member is one member of an object.
type member struct {
	key   []byte // the name's literal, with its quotes
	value value
}

// name is the member's name without quotes and escapes.
func (m member) name() []byte {
	if bytes.IndexByte(m.key, '\\') >= 0 {
		return []byte(value(m.key).text())
	}
	return m.key[1 : len(m.key)-1]
}

// members walks an object. Anything else has none.
func (v value) members() iter.Seq[member] {
	return func(yield func(member) bool) {
		if len(v) < 2 || v[0] != '{' {
			return
		}
		for at := 1; v[at] != '}'; {
			if v[at] == ',' {
				at++
			}
			colon := end(v, at)
			stop := end(v, colon+1)
			if !yield(member{key: v[at:colon], value: v[colon+1 : stop]}) {
				return
			}
			at = stop
		}
	}
}

// items walks an array. Anything else has none.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		if len(v) < 2 || v[0] != '[' {
			return
		}
		for at := 1; v[at] != ']'; {
			if v[at] == ',' {
				at++
			}
			stop := end(v, at)
			if !yield(v[at:stop]) {
				return
			}
			at = stop
		}
	}
}

// list walks an array; a lone object, which saved bodies have where the API
// has an array of one, counts as that.
func (v value) list() iter.Seq[value] {
	if len(v) > 0 && v[0] == '{' {
		return func(yield func(value) bool) { yield(v) }
	}
	return v.items()
}

// end returns where the value that begins at i ends.
func end(v []byte, i int) int {
	switch v[i] {
	case '"':
		return endOfString(v, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch v[i] {
			case '"':
				i = endOfString(v, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for ; i < len(v); i++ {
		switch v[i] {
		case ',', ':', '}', ']':
			return i
		}
	}
	return i
}

func endOfString(v []byte, i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// text is the string; "" for anything else.
func (v value) text() string {
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// integer is the number, where it is a whole one that an int64 holds.
func (v value) integer() (int64, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil
}

// texts lists the strings of an array; of a lone string, that one.
func (v value) texts() []string {
	if s := v.text(); s != "" {
		return []string{s}
	}
	var list []string
	for item := range v.items() {
		if s := item.text(); s != "" {
			list = append(list, s)
		}
	}
	return list
}

func (v value) isString() bool { return len(v) > 0 && v[0] == '"' }
func (v value) isNumber() bool {
	return len(v) > 0 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9')
}

// object is an object's members, read once so that they can be asked for by
// name. Where a name stands twice the last one counts, as in most readers.
type object []member

func (v value) object() object {
	if len(v) < 3 || v[0] != '{' {
		return nil
	}
	return v.appendMembers(make(object, 0, 16))
}

// appendMembers appends the object's members to o.
func (v value) appendMembers(o object) object {
	for m := range v.members() {
		if bytes.IndexByte(m.key, '\\') >= 0 {
			m.key = appendText(nil, string(m.name()))
		}
		o = append(o, m)
	}
	return o
}

// get returns the member of that name, or nil.
func (o object) get(name string) value {
	for i := len(o) - 1; i >= 0; i-- {
		key := o[i].key
		if len(key) == len(name)+2 && string(key[1:len(key)-1]) == name {
			return o[i].value
		}
	}
	return nil
}
