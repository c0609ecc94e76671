package format

import (
	"bytes"
	"net/url"
	"strconv"
)

// naming says how Microsoft's members stand in a vendor namespace. The zero
// naming keeps every name and value.
type naming struct {
	// rename gives members another name; a group is an object that the member
	// moves into.
	rename map[string]rename
	// snake writes all other names in lower case with underscores.
	snake bool
	// open lists the members whose own members are data and not schema: names
	// and values below stay as they are.
	open map[string]bool
	// asText lists the numbers that are identifiers, to be written as strings:
	// readers turn numbers into floating point.
	asText map[string]bool
	// urls lists the links to be split.
	urls map[string]bool
	// cutTimes cuts the members named …DateTime to milliseconds.
	cutTimes bool
}

type rename struct{ group, name string }

// vendor appends Microsoft's object under the names of the namespace and shows
// every member at every depth to seen. It leaves out what says nothing in a
// document: null, "", [], {} and what holds only those. Of two members with
// one name the last counts, because Elasticsearch refuses a document that has
// both; where a new name meets another member's, the later one keeps its own.
func (n *naming) vendor(dst []byte, v value, seen func(name []byte, v value)) []byte {
	w := &vendorWriter{naming: n, seen: seen, scratch: make(object, 0, 64)}
	return w.object(dst, v, false)
}

type vendorWriter struct {
	*naming
	seen    func(name []byte, v value)
	scratch object // the members of the objects that are being written, one after the other
}

func (w *vendorWriter) object(dst []byte, v value, open bool) []byte {
	top := len(w.scratch)
	w.scratch = v.appendMembers(w.scratch)
	members := unique(w.scratch[top:len(w.scratch):len(w.scratch)])
	defer func() { w.scratch = w.scratch[:top] }()
	dst = append(dst, '{')
	inside := len(dst)
	var names [][]byte // of the members written so far
	for i, m := range members {
		if m.value == nil {
			continue // written with its group
		}
		key := m.key[1 : len(m.key)-1]
		before := len(dst)
		if before > inside {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		at := len(dst)
		group := ""
		if open {
			dst = append(dst, key...)
		} else {
			r, ok := w.rename[string(key)]
			switch {
			case ok && r.group != "":
				group = r.group
				dst = append(dst, group...)
			case ok:
				dst = append(dst, r.name...)
			case w.snake:
				dst = appendSnake(dst, key)
			default:
				dst = append(dst, key...)
			}
		}
		dst = settleName(dst, at, key, names)
		name := dst[at:len(dst):len(dst)]
		dst = append(dst, `":`...)
		filled := false
		if group != "" {
			dst, filled = w.group(dst, members[i:], group)
		} else {
			w.seen(key, m.value)
			dst, filled = w.value(dst, key, m.value, open)
		}
		if !filled {
			dst = dst[:before]
			continue
		}
		names = append(names, name)
	}
	return append(dst, '}')
}

// group writes the members of one group as an object and takes them out of the
// list.
func (w *vendorWriter) group(dst []byte, members object, group string) ([]byte, bool) {
	dst = append(dst, '{')
	inside := len(dst)
	for i, m := range members {
		if m.value == nil {
			continue
		}
		key := m.key[1 : len(m.key)-1]
		r := w.rename[string(key)]
		if r.group != group {
			continue
		}
		before := len(dst)
		if before > inside {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), r.name...), `":`...)
		w.seen(key, m.value)
		var filled bool
		if dst, filled = w.value(dst, key, m.value, false); !filled {
			dst = dst[:before]
		}
		members[i].value = nil
	}
	return append(dst, '}'), len(dst) > inside
}

// value writes a member's value and reports whether there is anything in it.
func (w *vendorWriter) value(dst, key []byte, v value, open bool) ([]byte, bool) {
	switch {
	case v[0] == '{':
		before := len(dst)
		dst = w.object(dst, v, open || w.open[string(key)])
		return dst, len(dst) > before+2
	case v[0] == '[':
		dst = append(dst, '[')
		inside := len(dst)
		for item := range v.items() {
			before := len(dst)
			if before > inside {
				dst = append(dst, ',')
			}
			var filled bool
			if dst, filled = w.value(dst, key, item, open); !filled {
				dst = dst[:before]
			}
		}
		return append(dst, ']'), len(dst) > inside
	case string(v) == `""` || string(v) == "null":
		return dst, false
	case open:
	case v.isNumber() && w.asText[string(key)]:
		return append(append(append(dst, '"'), v...), '"'), true
	case w.urls[string(key)] && v.isString():
		return appendSplitURL(dst, v.text()), true
	case w.cutTimes && bytes.HasSuffix(key, []byte("DateTime")):
		if t := millis(v); t != "" {
			return appendText(dst, string(t)), true
		}
	}
	return append(dst, v...), true
}

// unique drops the earlier of two members with one name, in place.
func unique(o object) object {
	var index map[string]int
	if len(o) > 64 {
		index = make(map[string]int, len(o))
	}
	out := o[:0]
	for _, m := range o {
		at := -1
		if index != nil {
			if i, ok := index[string(m.key)]; ok {
				at = i
			} else {
				index[string(m.key)] = len(out)
			}
		} else {
			for i := range out {
				if bytes.Equal(out[i].key, m.key) {
					at = i
					break
				}
			}
		}
		if at < 0 {
			out = append(out, m)
		} else {
			out[at].value = m.value
		}
	}
	return out
}

// settleName keeps the name that stands at the end of dst from at on, unless
// it is taken: then the member keeps Microsoft's, with as many underscores as
// make it its own.
func settleName(dst []byte, at int, key []byte, taken [][]byte) []byte {
	isTaken := func() bool {
		for _, name := range taken {
			if bytes.Equal(name, dst[at:]) {
				return true
			}
		}
		return false
	}
	if !isTaken() {
		return dst
	}
	for dst = append(dst[:at], key...); isTaken(); dst = append(dst, '_') {
	}
	return dst
}

// appendSnake writes azureAdDeviceId as azure_ad_device_id, @odata.type as
// odata_type and createdDateTime as created_datetime.
func appendSnake(dst, name []byte) []byte {
	const dateTime = "DateTime"
	isUpper := func(i int) bool { return i >= 0 && i < len(name) && name[i] >= 'A' && name[i] <= 'Z' }
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '@':
			continue
		case c == '.':
			c = '_'
		case isUpper(i):
			follows := i > 0 && !isUpper(i-1) && name[i-1] != '@' && name[i-1] != '_' && name[i-1] != '.'
			begins := isUpper(i-1) && i+1 < len(name) && !isUpper(i+1) && name[i+1] != '_'
			if follows || begins {
				dst = append(dst, '_')
			}
			if bytes.HasPrefix(name[i:], []byte(dateTime)) {
				dst = append(dst, "datetime"...)
				i += len(dateTime) - 1
				continue
			}
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendSplitURL writes a link as Elastic's integration stores it.
func appendSplitURL(dst []byte, link string) []byte {
	d := &document{buf: append(dst, '{')}
	u, err := url.Parse(link)
	if err != nil {
		u = &url.URL{}
	}
	d.text("domain", u.Hostname())
	d.text("fragment", u.Fragment)
	d.text("original", link)
	d.text("path", u.Path)
	if port, err := strconv.ParseInt(u.Port(), 10, 64); err == nil {
		d.integer("port", &port)
	}
	d.text("query", u.RawQuery)
	d.text("scheme", u.Scheme)
	return append(d.buf, '}')
}
