package connect

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"tributary"
)

// maxCustomers bounds a file of customers, in bytes.
const maxCustomers = 16 << 20

// ReadCustomers reads a file of customers: CSV with a header, its columns in any
// order (slug, domain, tenant_id, name, auth, sources, cloud, app, region,
// labels; domain or tenant_id is needed). Spreadsheets that set cells apart by
// semicolons or tabs are understood, lines that begin with # are left out.
//
// A file in which anything is wrong gives no customer: the error lists all of it
// (a [tributary.Error] with [Mistakes]).
func ReadCustomers(in io.Reader, rules Rules) ([]Customer, error) {
	fail := func(err error, next string) ([]Customer, error) {
		return nil, &tributary.Error{Code: CodeCustomers, Op: "read " + rules.File, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	text, err := io.ReadAll(io.LimitReader(in, maxCustomers+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", rules.File, err)
	case len(text) > maxCustomers:
		return fail(fmt.Errorf("it has more than %d MiB", maxCustomers>>20), "split the file")
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		return fail(errors.New("it is not text in UTF-8"), "save it again, as CSV UTF-8")
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF")) // spreadsheets write one
	r := &reading{Rules: rules, slugs: map[string]int{}, domains: map[string]int{}, ids: map[string]int{}}
	r.table(text)
	if len(r.mistakes) > 0 {
		slices.SortStableFunc(r.mistakes, func(a, b Mistake) int { return a.Line - b.Line })
		return fail(r.mistakes, "correct the file and repeat; nothing has been imported")
	}
	return r.list, nil
}

// table reads the header and the lines under it.
func (r *reading) table(text []byte) {
	lines := csv.NewReader(bytes.NewReader(text))
	lines.Comma, lines.Comment = comma(text), '#'
	lines.FieldsPerRecord, lines.TrimLeadingSpace = -1, lines.Comma != '\t'
	var header []string
	for {
		cells, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
			r.wrong(bad.StartLine, "", "the quotes are not right: "+bad.Err.Error(), `a cell with a quote in it stands in quotes, each of its own doubled: "the ""best"" customer"`)
			continue // the reader goes on with the next line
		}
		line, _ := lines.FieldPos(0)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if header == nil {
			header = r.header(line, cells)
			continue
		}
		if len(cells) > len(header) {
			r.wrong(line, "", fmt.Sprintf("there are %d cells and %d columns", len(cells), len(header)), "put a cell that holds the sign between cells into quotes")
			continue
		}
		row := map[string]string{}
		for i, cell := range cells {
			row[header[i]] = cell
		}
		if !empty(cells) {
			r.add(line, row)
		}
	}
	if header == nil {
		r.wrong(1, "", "there is no header", "begin with a line that names the columns, such as domain,name,sources")
	}
}

func empty(cells []string) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" })
}

// comma is what stands between cells: the sign that the header has most of.
func comma(text []byte) rune {
	best, most := ',', 0
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		for _, sign := range []rune{',', ';', '\t'} {
			if n := bytes.Count(line, []byte(string(sign))); n > most {
				best, most = sign, n
			}
		}
		break
	}
	return best
}

// header reads the names of the columns: their case, and blanks or hyphens for
// underscores, don't matter.
func (r *reading) header(line int, cells []string) []string {
	names := make([]string, len(cells))
	for i, cell := range cells {
		name := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(cell))
		switch {
		case !slices.Contains(columns, name):
			r.wrong(line, "", fmt.Sprintf("no column is called %.60q", cell), r.choose(name, columns))
		case slices.Contains(names[:i], name):
			r.wrong(line, "", fmt.Sprintf("the column %s stands twice", name), "remove one")
		}
		names[i] = name
	}
	if !slices.Contains(names, columnDomain) && !slices.Contains(names, columnTenantID) {
		r.wrong(line, "", "there is neither a column domain nor a column tenant_id", "name the columns in the first line; one of the two is needed")
	}
	return names
}

// WriteCustomers writes tenants as [ReadCustomers] reads them. Whether one is
// paused is not in it, nor any secret.
func WriteCustomers(out io.Writer, tenants []tributary.Tenant) error {
	w := csv.NewWriter(out)
	names := slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return name == columnDomain })
	if err := w.Write(names); err != nil {
		return fmt.Errorf("write the customers: %w", err)
	}
	for _, t := range tenants {
		sources := make([]string, len(t.Sources))
		for i, s := range t.Sources {
			sources[i] = string(s)
		}
		cells := []string{t.Slug, t.ID, t.Name, string(t.Auth), strings.Join(sources, " "), t.Cloud, t.App, t.Region, formatLabels(t.Labels)}
		if err := w.Write(cells); err != nil {
			return fmt.Errorf("write the customers: %w", err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write the customers: %w", err)
	}
	return nil
}
