package config

import (
	"slices"
	"strings"
)

// Nearest returns the known word that somebody most likely meant, or "" when
// none is near. At most a third of the letters may differ, and two at least.
func Nearest(word string, known []string) string {
	word = strings.ToLower(strings.ReplaceAll(word, "-", "_"))
	best, at := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, strings.ReplaceAll(k, "-", "_")); d < at && d < len(word) {
			best, at = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, changes and swaps of neighbours
// that turn a into b (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64 // no key is so long; don't spend time on it
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// choose is the next step for a word that is none of known.
func choose(word string, known []string) string {
	list := strings.Join(known, ", ")
	if near := Nearest(word, known); near != "" {
		return "did you mean " + near + "? choose from " + list
	}
	return "choose from " + list
}

// shownKey is a key as an error may show it. A key such as client_secret:x is
// a value that lost its blank: nothing from the colon on is shown.
func shownKey(key string) (shown string, cut bool) {
	if i := strings.IndexFunc(key, func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}); i >= 0 {
		key, cut = key[:i], true
	}
	if len(key) > 40 {
		key, cut = key[:40], true
	}
	if cut {
		return key + "…", true
	}
	return key, false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
