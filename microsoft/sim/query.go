package sim

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query are the OData options of a request, in their order.
type query []option

type option struct{ name, value string }

// queryOf reads the options of a request. Names that begin with a dollar sign
// must be among the supported ones; others mean nothing and are ignored, as
// OData says.
func queryOf(r *http.Request, supported []string) (query, error) {
	var q query
	for _, pair := range strings.Split(r.URL.RawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !strings.HasPrefix(name, "$") {
			continue
		}
		value, err := url.QueryUnescape(rawValue)
		switch {
		case err != nil:
			return nil, fmt.Errorf("the value of the query option '%s' is not well encoded", name)
		case !slices.Contains(supported, name):
			return nil, fmt.Errorf("the query option '%s' is not supported", name)
		case q.has(name):
			return nil, fmt.Errorf("the query option '%s' was specified more than once", name)
		}
		q = append(q, option{name, value})
	}
	return q, nil
}

func (q query) has(name string) bool {
	return slices.ContainsFunc(q, func(o option) bool { return o.name == name })
}

// Get is the value of an option, or "".
func (q query) Get(name string) string {
	for _, o := range q {
		if o.name == name {
			return o.value
		}
	}
	return ""
}

func (q query) without(name string) query {
	return slices.DeleteFunc(slices.Clone(q), func(o option) bool { return o.name == name })
}

func (q query) with(name, value string) query {
	return append(q.without(name), option{name, value})
}

// String writes the names as Microsoft's links do, with a bare dollar sign.
func (q query) String() string {
	var b strings.Builder
	for i, o := range q {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(o.name + "=" + strings.ReplaceAll(url.QueryEscape(o.value), "+", "%20"))
	}
	return b.String()
}

var errNumber = errors.New("not a whole number that is zero or greater")

// number is the value of an option, or otherwise if it isn't there.
func (q query) number(name string, otherwise int) (int, error) {
	if !q.has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(q.Get(name), 10, 31)
	if err != nil {
		return 0, errNumber
	}
	return int(n), nil
}
