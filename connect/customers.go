package connect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tributary"
)

// Customer is one line of a file of customers.
type Customer struct {
	Line   int
	Domain string           // to look the tenant id up by; empty where the file gives the id alone
	Tenant tributary.Tenant // its ID is empty where the file gives the domain alone
	given  []string         // the columns that are not empty
}

// The columns of a file of customers, in the order in which they are written.
const (
	columnSlug     = "slug"
	columnDomain   = "domain"
	columnTenantID = "tenant_id"
	columnName     = "name"
	columnAuth     = "auth"
	columnSources  = "sources"
	columnCloud    = "cloud"
	columnApp      = "app"
	columnRegion   = "region"
	columnLabels   = "labels"
)

var columns = []string{
	columnSlug, columnDomain, columnTenantID, columnName, columnAuth, columnSources, columnCloud, columnApp, columnRegion, columnLabels,
}

// Rules are what a file of customers is held against.
type Rules struct {
	// File is its name, for what is wrong in it.
	File string
	// Check reports what keeps a tenant from working with the configuration.
	// The tenant's id may be a stand-in.
	Check func(tributary.Tenant) error
	// Nearest is the known word that somebody most likely meant, or "".
	Nearest func(word string, known []string) string
	// Regions lists where the SIEM API keeps data.
	Regions []string
}

// Mistake is one thing that is wrong in a file of customers.
type Mistake struct {
	File   string
	Line   int // from 1
	Column string
	Text   string
	Next   string // what to do about it, without a full stop
}

func (m Mistake) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", m.File, m.Line)
	if m.Column != "" {
		b.WriteString(m.Column + ": ")
	}
	b.WriteString(m.Text)
	if m.Next != "" {
		b.WriteString("\n    " + m.Next)
	}
	return b.String()
}

// Mistakes is everything that is wrong in a file of customers, by line.
type Mistakes []Mistake

func (m Mistakes) Error() string {
	text := fmt.Sprintf("%d mistakes", len(m))
	if len(m) == 1 {
		text = "1 mistake"
	}
	for _, one := range m {
		text += "\n" + one.String()
	}
	return text
}

// CodeCustomers is the code of the [tributary.Error] that a bad file of
// customers gives. Its Err is a [Mistakes].
const CodeCustomers = "customers-invalid"

// reading is a file of customers on its way to a list.
type reading struct {
	Rules
	mistakes Mistakes
	list     []Customer
	slugs    map[string]int // lines, by what must not come twice
	domains  map[string]int
	ids      map[string]int
}

func (r *reading) wrong(line int, column, text, next string) {
	r.mistakes = append(r.mistakes, Mistake{File: r.File, Line: line, Column: column, Text: text, Next: next})
}

// standIn is the id of a tenant whose own is not known yet.
const standIn = "00000000-0000-0000-0000-000000000000"

// add reads one line, whose cells go by column.
func (r *reading) add(line int, cells map[string]string) {
	before := len(r.mistakes)
	c := Customer{Line: line, Domain: strings.ToLower(cells[columnDomain]), Tenant: tributary.Tenant{
		Slug: cells[columnSlug], ID: strings.ToLower(cells[columnTenantID]), Name: cells[columnName],
		Cloud: cells[columnCloud], App: cells[columnApp],
	}}
	for _, name := range columns {
		if cells[name] != "" {
			c.given = append(c.given, name)
		}
	}
	t := &c.Tenant
	switch {
	case t.ID == "" && c.Domain == "":
		r.wrong(line, "", "there is neither a domain nor a tenant_id", "give one of the customer's domains")
	case t.ID != "" && tributary.CheckTenantID(t.ID) != nil:
		r.wrong(line, columnTenantID, fmt.Sprintf("%.60q is not a GUID such as 11111111-2222-3333-4444-555555555555", t.ID),
			"copy Tenant ID from the overview in the customer's Entra admin center, or give a domain instead")
	}
	t.Auth = tributary.AuthMethod(r.word(line, columnAuth, cells[columnAuth], string(tributary.AuthAppOnly), []string{string(tributary.AuthAppOnly), string(tributary.AuthDelegated)}))
	t.Region = r.word(line, columnRegion, cells[columnRegion], "", r.Regions)
	t.Sources = r.sources(line, cells[columnSources])
	t.Labels = r.labels(line, cells[columnLabels])
	r.name(&c)
	// A line that stands twice is one mistake, though the name comes twice too.
	once := r.once(r.ids, line, columnTenantID, t.ID) && r.once(r.domains, line, columnDomain, c.Domain) && r.once(r.slugs, line, columnSlug, t.Slug)
	if once && len(r.mistakes) == before && r.Check != nil {
		checked := *t
		if checked.ID == "" {
			checked.ID = standIn
		}
		if err := r.Check(checked); err != nil {
			r.refused(line, err)
		}
	}
	r.list = append(r.list, c)
}

// name gives a customer without a slug one, from the domain or the name.
func (r *reading) name(c *Customer) {
	t := &c.Tenant
	if t.Slug == "" {
		from := c.Domain
		if from == "" {
			t.Slug = slugOf(t.Name)
		} else {
			t.Slug = SlugFromDomain(from)
		}
		if t.Slug == "" && (t.ID != "" || from != "") {
			r.wrong(c.Line, columnSlug, "there is none, and neither a domain nor a name to make one from", "give the customer a short name; it never changes")
		}
		return
	}
	if err := tributary.CheckSlug(t.Slug); err != nil {
		r.wrong(c.Line, columnSlug, strings.TrimPrefix(err.Error(), "slug "), "")
		t.Slug = ""
	}
}

// once reports a value that stands on another line too.
func (r *reading) once(seen map[string]int, line int, column, value string) bool {
	if value == "" {
		return true
	}
	if first, twice := seen[value]; twice {
		next := "remove one of the two lines"
		if column == columnSlug {
			next = "give one of the two another name in the column slug"
		}
		r.wrong(line, column, fmt.Sprintf("%s stands on line %d already", value, first), next)
		return false
	}
	seen[value] = line
	return true
}

// refused says what the configuration has against a tenant.
func (r *reading) refused(line int, err error) {
	var next string
	if e := tributary.AsError(err); e != nil {
		next = e.Next
		if e.Err != nil {
			err = e.Err
		}
	}
	r.wrong(line, "", err.Error(), next)
}

// word reads a word of a fixed list.
func (r *reading) word(line int, column, text, otherwise string, known []string) string {
	if text == "" {
		return otherwise
	}
	if lower := strings.ToLower(text); slices.Contains(known, lower) {
		return lower
	}
	r.wrong(line, column, fmt.Sprintf("%.60q is not known", text), r.choose(text, known))
	return otherwise
}

func (r *reading) choose(word string, known []string) string {
	list := strings.Join(known, ", ")
	if r.Nearest != nil {
		if near := r.Nearest(strings.ToLower(word), known); near != "" {
			return "did you mean " + near + "? choose from " + list
		}
	}
	return "choose from " + list
}

var listSeparator = regexp.MustCompile(`[\s,;|+]+`)

// sources reads a list of sources, set apart by blanks or any usual sign.
func (r *reading) sources(line int, cell string) []tributary.Source {
	if cell == "" {
		return []tributary.Source{tributary.SourceGraph}
	}
	var known []string
	for _, s := range tributary.Sources() {
		known = append(known, string(s))
	}
	var list []tributary.Source
	for _, name := range listSeparator.Split(cell, -1) {
		s := tributary.Source(r.word(line, columnSources, name, "", known))
		if s != "" && slices.Contains(list, s) {
			r.wrong(line, columnSources, string(s)+" is named twice", "remove one")
		} else if s != "" {
			list = append(list, s)
		}
	}
	return list
}

func (r *reading) labels(line int, cell string) map[string]string {
	labels, err := parseLabels(cell)
	if err != nil {
		r.wrong(line, columnLabels, err.Error(), `write key=value, with ; between two: tier=gold;desk=north`)
	}
	return labels
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// SlugFromDomain makes a name out of a domain: contoso.com becomes contoso. It
// is empty where the domain has no letter that a slug can have.
func SlugFromDomain(domain string) string {
	label, _, _ := strings.Cut(domain, ".")
	return slugOf(label)
}

func slugOf(text string) string {
	slug := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(text), "-"), "-")
	return strings.TrimRight(slug[:min(len(slug), 63)], "-")
}
