package directory

import (
	"regexp"
	"slices"
	"strings"
)

// keyForm is a segment with a key in parentheses: applications(appId='…').
var keyForm = regexp.MustCompile(`^(\w+)\((.*)\)$`)

// split takes a path apart. A key in parentheses becomes a segment of its own,
// so that it is found in the same place as one behind a slash.
func split(path string) []string {
	var list []string
	for _, segment := range strings.Split(strings.Trim(path, "/"), "/") {
		if m := keyForm.FindStringSubmatch(segment); m != nil {
			list = append(list, m[1], m[2])
			continue
		}
		list = append(list, segment)
	}
	return list
}

// match finds the routes of a path, whatever their methods.
func match(routes []route, segments []string) []route {
	var found []route
	for _, t := range routes {
		pattern := strings.Split(t.path, "/")
		if len(pattern) == len(segments) && !slices.ContainsFunc(zip(pattern, segments), func(p [2]string) bool {
			return p[0] != "{}" && p[0] != p[1] || p[1] == ""
		}) {
			found = append(found, t)
		}
	}
	return found
}

func zip(a, b []string) [][2]string {
	list := make([][2]string, len(a))
	for i := range a {
		list[i] = [2]string{a[i], b[i]}
	}
	return list
}

// keysOf lists what stands in the places of {}.
func keysOf(path string, segments []string) []string {
	var keys []string
	for i, part := range strings.Split(path, "/") {
		if part == "{}" {
			keys = append(keys, segments[i])
		}
	}
	return keys
}

// named reads a key that names its property, as in appId='…'. A quote in the
// value is doubled.
func named(key, property string) (string, bool) {
	name, value, ok := strings.Cut(key, "=")
	if !ok || strings.TrimSpace(name) != property {
		return "", false
	}
	value = strings.TrimSpace(value)
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return "", false
	}
	return strings.ReplaceAll(value[1:len(value)-1], "''", "'"), true
}
