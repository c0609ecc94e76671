package identity

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// page is what a person would see of a page: what it asks, and what it warns of.
type page struct {
	form  *form
	alert string
}

// form is an HTML form.
type form struct {
	id, action string
	fields     []field
	buttons    []field
}

type field struct {
	kind, name, value string
	checked           bool
}

// readPage finds the first form and the first alert of an HTML page.
func readPage(body []byte) (page, error) {
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return page{}, err
	}
	var p page
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch {
		case p.alert == "" && attr(n, "role") == "alert":
			p.alert = text(n)
		case p.form == nil && n.Data == "form":
			p.form = formOf(n)
		}
	}
	return p, nil
}

func formOf(n *html.Node) *form {
	f := &form{id: attr(n, "id"), action: attr(n, "action")}
	for c := range n.Descendants() {
		if c.Type != html.ElementNode {
			continue
		}
		x := field{kind: strings.ToLower(attr(c, "type")), name: attr(c, "name"), value: attr(c, "value")}
		switch c.Data {
		case "input":
			x.checked = slices.ContainsFunc(c.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
			f.fields = append(f.fields, x)
		case "button":
			f.buttons = append(f.buttons, x)
		}
	}
	return f
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// has reports whether the form has an input of that type.
func (f *form) has(kind string) bool {
	return slices.ContainsFunc(f.fields, func(x field) bool { return x.kind == kind })
}

// fill answers the form as the person would, and presses a button.
func (f *form) fill(b Browser) url.Values {
	v := url.Values{}
	for _, x := range f.fields {
		switch {
		case x.name == "":
			continue
		case x.kind == "password":
			x.value = b.Password
		case x.name == "loginfmt":
			x.value = b.User
		case x.name == "otc" && b.Code != "":
			x.value = b.Code
		case x.kind == "checkbox":
			if !x.checked {
				continue
			}
			if x.value == "" {
				x.value = "on"
			}
		}
		v.Add(x.name, x.value)
	}
	if press := f.button(b); press != nil && press.name != "" {
		v.Set(press.name, press.value)
	}
	return v
}

// button is the one to press: our own account's, or no or yes, or the only one.
func (f *form) button(b Browser) *field {
	find := func(fits func(field) bool) *field {
		if i := slices.IndexFunc(f.buttons, fits); i >= 0 {
			return &f.buttons[i]
		}
		return nil
	}
	want := "accept"
	if b.Decline {
		want = "cancel"
	}
	for _, fits := range []func(field) bool{
		func(x field) bool { return x.name == "account" && strings.EqualFold(x.value, b.User) },
		func(x field) bool { return x.value == "other" },
		func(x field) bool { return x.value == want },
	} {
		if x := find(fits); x != nil {
			return x
		}
	}
	return find(func(field) bool { return true })
}
