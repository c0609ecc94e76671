package connect

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// parseLabels reads key=value;key=value. A backslash takes the meaning from the
// sign after it.
func parseLabels(cell string) (map[string]string, error) {
	var labels map[string]string
	var key, text strings.Builder
	inValue := false
	end := func() error {
		k, v := strings.TrimSpace(key.String()), text.String()
		switch {
		case !inValue && k == "":
			return nil // a ; too many
		case !inValue:
			return fmt.Errorf("%.60q has no =", k)
		case k == "":
			return errors.New("a label has no key")
		}
		if _, twice := labels[k]; twice {
			return fmt.Errorf("%.60q stands twice", k)
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[k] = v
		key.Reset()
		text.Reset()
		inValue = false
		return nil
	}
	escaped := false
	for _, c := range cell {
		switch {
		case !escaped && c == '\\':
			escaped = true
			continue
		case !escaped && c == ';':
			if err := end(); err != nil {
				return nil, err
			}
			continue
		case !escaped && c == '=' && !inValue:
			inValue = true
			continue
		}
		escaped = false
		if inValue {
			text.WriteRune(c)
		} else {
			key.WriteRune(c)
		}
	}
	if escaped {
		return nil, errors.New(`a \ stands at the end`)
	}
	return labels, end()
}

// formatLabels writes what parseLabels reads.
func formatLabels(labels map[string]string) string {
	escapeKey := strings.NewReplacer(`\`, `\\`, `;`, `\;`, `=`, `\=`)
	escapeValue := strings.NewReplacer(`\`, `\\`, `;`, `\;`)
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, escapeKey.Replace(key)+"="+escapeValue.Replace(labels[key]))
	}
	return strings.Join(parts, ";")
}
