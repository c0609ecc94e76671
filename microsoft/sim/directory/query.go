package directory

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tributary/microsoft/sim/odata"
)

// kind describes the objects of a call's answer.
type kind struct {
	set, name string                // as in @odata.context and in errors: applications, application
	filter    map[string]odata.Type // properties that can be filtered by
}

// maxTop is the largest page (Graph: paging).
const maxTop = 999

// selected reads $select; nil means all. The names are checked against an
// object of the kind.
func (c *call) selected(k kind, sample object) ([]string, error) {
	text := c.r.URL.Query().Get("$select")
	if text == "" {
		return nil, nil
	}
	names := strings.Split(strings.ReplaceAll(text, " ", ""), ",")
	for _, name := range names {
		if _, ok := sample.get(name); !ok {
			return nil, fmt.Errorf("could not find a property named '%s' on type 'microsoft.graph.%s'", name, k.name)
		}
	}
	return names, nil
}

// options refuses query options that the call doesn't know.
func (c *call) options(known ...string) error {
	for name, values := range c.r.URL.Query() {
		if !strings.HasPrefix(name, "$") {
			continue
		}
		if !slices.Contains(known, name) {
			return fmt.Errorf("the query option '%s' is not supported", name)
		}
		if len(values) > 1 {
			return fmt.Errorf("query option '%s' was specified more than once, but it must be specified at most once", name)
		}
	}
	return nil
}

// one answers with a single object.
func (c *call) one(status int, k kind, o object) {
	names, err := c.selected(k, o)
	if err == nil {
		err = c.options("$select")
	}
	if err != nil {
		c.badQuery(err)
		return
	}
	context := k.set
	if names != nil {
		context += "(" + strings.Join(names, ",") + ")"
	}
	c.answer(status, append(object{{"@odata.context", c.base + "/$metadata#" + context + "/$entity"}}, o.choose(names)...))
}

// list answers with a page of objects: filtered, selected, and with a link to
// the next page if there is one.
func (c *call) list(k kind, path string, all []object) {
	if err := c.options("$select", "$filter", "$top", "$skiptoken", "$count"); err != nil {
		c.badQuery(err)
		return
	}
	in := c.r.URL.Query()
	if filter := in.Get("$filter"); filter != "" {
		f, err := odata.Parse(filter, k.filter)
		if err != nil {
			c.badQuery(fmt.Errorf("invalid filter clause: %w", err))
			return
		}
		all = slices.DeleteFunc(slices.Clone(all), func(o object) bool {
			return !f.Match(func(property string) any { return o.at(property) })
		})
	}
	var names []string
	if len(all) > 0 {
		var err error
		if names, err = c.selected(k, all[0]); err != nil {
			c.badQuery(err)
			return
		}
	}
	top, skip, err := c.page(in)
	if err != nil {
		c.badQuery(err)
		return
	}
	page := all[min(skip, len(all)):min(skip+top, len(all))]
	context := k.set
	if names != nil {
		context += "(" + strings.Join(names, ",") + ")"
	}
	body := object{{"@odata.context", c.base + "/$metadata#" + context}}
	if in.Get("$count") == "true" {
		body = append(body, member{"@odata.count", len(all)})
	}
	if skip+top < len(all) {
		body = append(body, member{"@odata.nextLink", c.base + "/" + path + "?" + next(in, skip+top)})
	}
	value := make([]object, len(page))
	for i, o := range page {
		value[i] = o.choose(names)
	}
	c.answer(http.StatusOK, append(body, member{"value", value}))
}

// at reads a property for a filter, also inside another one: customer/tenantId.
func (o object) at(property string) any {
	name, rest, nested := strings.Cut(property, "/")
	v, _ := o.get(name)
	if inner, ok := v.(object); ok && nested {
		return inner.at(rest)
	}
	return v
}

var errToken = errors.New("the skip token is not valid")

const tokenForm = "offset:"

func (c *call) page(in url.Values) (top, skip int, err error) {
	top = c.Page
	if text := in.Get("$top"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxTop {
			return 0, 0, fmt.Errorf("invalid page size specified: '%s'. Must be between 1 and %d inclusive", text, maxTop)
		}
		top = n
	}
	if text := in.Get("$skiptoken"); text != "" {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return 0, 0, errToken
		}
		number, ok := strings.CutPrefix(string(b), tokenForm)
		skip, err = strconv.Atoi(number)
		if !ok || err != nil || skip < 0 || skip > 1<<30 {
			return 0, 0, errToken
		}
	}
	return top, skip, nil
}

// next is the query of the following page.
func next(in url.Values, skip int) string {
	out := url.Values{}
	for name, values := range in {
		out[name] = values
	}
	out.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(tokenForm+strconv.Itoa(skip))))
	return strings.ReplaceAll(out.Encode(), "%24", "$")
}
