package defender

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ownLink returns the query of a next link if the link leads to the very
// address that we ask anyway: same scheme, host, port and path, nobody's name
// in front of the host. The token goes nowhere else; and because only the query
// is kept, it couldn't.
func ownLink(own *url.URL, link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		// The error's text would repeat the whole link.
		return "", errors.New("the next link is not an address")
	}
	switch {
	case !strings.EqualFold(u.Scheme, own.Scheme):
		return "", fmt.Errorf("the next link has the scheme %q", u.Scheme)
	case u.User != nil:
		return "", errors.New("the next link has a user name")
	case !strings.EqualFold(u.Hostname(), own.Hostname()) || port(u) != port(own):
		return "", fmt.Errorf("the next link leads to the host %q instead of %q", u.Host, own.Host)
	case u.EscapedPath() != own.EscapedPath():
		return "", fmt.Errorf("the next link leads to the path %q instead of %q", u.EscapedPath(), own.EscapedPath())
	case u.RawQuery == "":
		return "", errors.New("the next link has no query")
	}
	return escapeRest(u.RawQuery), nil
}

// escapeRest escapes what a service left as it was: blanks in a filter, letters
// outside ASCII.
func escapeRest(query string) string {
	if isQuery(query) {
		return query
	}
	var b strings.Builder
	for i := range len(query) {
		if isQuery(query[i : i+1]) {
			b.WriteByte(query[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", query[i])
		}
	}
	return b.String()
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "443" // only https is spoken
}
