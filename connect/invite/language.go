package invite

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed text/*.yaml
var textFiles embed.FS

const defaultLanguage = "en"

// language is one message catalogue: text/<code>.yaml. Another language is
// another file with the same keys.
type language struct {
	code  string
	texts map[string]string
}

type catalogue struct {
	codes  []string // the default first, then by code
	byCode map[string]*language
}

func loadCatalogue() (*catalogue, error) {
	c := &catalogue{byCode: map[string]*language{}}
	entries, err := textFiles.ReadDir("text")
	if err != nil {
		return nil, fmt.Errorf("read the texts of invitations: %w", err)
	}
	for _, e := range entries {
		data, err := textFiles.ReadFile(path.Join("text", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the texts of invitations: %w", err)
		}
		l := &language{code: strings.TrimSuffix(e.Name(), ".yaml"), texts: map[string]string{}}
		if err := yaml.Unmarshal(data, &l.texts); err != nil {
			return nil, fmt.Errorf("read the texts of invitations in %s: %w", l.code, err)
		}
		c.byCode[l.code] = l
		if l.code == defaultLanguage {
			c.codes = slices.Insert(c.codes, 0, l.code)
		} else {
			c.codes = append(c.codes, l.code)
		}
	}
	return c, nil
}

// choose picks the language that the person chose, otherwise the one that
// their browser likes best.
func (c *catalogue) choose(chosen, accept string) *language {
	if l := c.byCode[chosen]; l != nil {
		return l
	}
	best, weight := c.byCode[defaultLanguage], 0.0
	if len(accept) > 1000 {
		return best
	}
	for part := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(part, ";")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil || q != q || q > 1 {
				continue
			}
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if l := c.byCode[primary]; l != nil && q > weight {
			best, weight = l, q
		}
	}
	return best
}

// words fills the names into a language's texts.
type words struct {
	*language
	names *strings.Replacer
}

func (l *language) with(names map[string]string) words {
	var pairs []string
	for name, value := range names {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return words{l, strings.NewReplacer(pairs...)}
}

// T is a text of one line or paragraph.
func (w words) T(key string) string {
	return w.names.Replace(strings.TrimSpace(w.texts[key]))
}

// Paragraphs are the parts of a text between empty lines.
func (w words) Paragraphs(key string) []string {
	var list []string
	for p := range strings.SplitSeq(w.T(key), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}
