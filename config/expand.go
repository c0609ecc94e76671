package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// expand fills the references of a text in: ${env:NAME} with a variable of the
// environment, ${file:path} with a file's content less the line ends at its
// end. $${ stands for ${.
func (p *parse) expand(t *text) {
	rest := t.raw
	var out strings.Builder
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			break
		}
		if i > 0 && rest[i-1] == '$' {
			out.WriteString(rest[:i] + "{")
			rest = rest[i+2:]
			continue
		}
		out.WriteString(rest[:i])
		rest = rest[i+2:]
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			p.spoil(t, "a ${ has no } after it", "write ${env:NAME} or ${file:path}, or $${ for a plain ${")
			return
		}
		value, ok := p.reference(t, rest[:end])
		if !ok {
			return
		}
		t.foreign = true
		out.WriteString(value)
		rest = rest[end+1:]
	}
	out.WriteString(rest)
	t.value = out.String()
}

func (p *parse) spoil(t *text, what, next string) {
	t.bad = true
	p.report(t.place, what, next)
}

// reference is what stands between the braces.
func (p *parse) reference(t *text, ref string) (string, bool) {
	kind, name, _ := strings.Cut(ref, ":")
	switch {
	case kind == "env" && name != "":
		value, ok := p.env(name)
		if !ok {
			p.spoil(t, fmt.Sprintf("the environment has no variable %q", name), "set it for this process, such as with: export "+name+"=…")
			return "", false
		}
		return value, true
	case kind == "file" && name != "":
		data, err := p.readFile(p.resolvePath(name))
		if err != nil {
			p.spoil(t, fmt.Sprintf("%q can't be read: %s", name, fileReason(err)), p.findHint(name, false))
			return "", false
		}
		return strings.TrimRight(string(data), "\r\n"), true
	}
	p.spoil(t, "a ${…} names neither env: nor file:", "write ${env:NAME} or ${file:path}, or $${ for a plain ${")
	return "", false
}

// fileReason is why a file can't be read, without its path, which the sentence
// around has already.
func fileReason(err error) string {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err.Error()
	}
	return err.Error()
}

// findHint says where a file was looked for, unless the path must not be shown.
func (p *parse) findHint(path string, foreign bool) string {
	if foreign {
		return "check the path, and who may read the file"
	}
	return "it is looked for at " + filepath.ToSlash(p.resolvePath(path)) + "; check the path, and who may read the file"
}
