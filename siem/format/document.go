package format

import "strconv"

// document writes a JSON object member by member, in the order of the calls.
// What is empty leaves no trace: an empty text, an empty list, an object in
// which nothing was written.
type document struct{ buf []byte }

func (d *document) name(name string) {
	if last := d.buf[len(d.buf)-1]; last != '{' {
		d.buf = append(d.buf, ',')
	}
	d.buf = append(append(append(d.buf, '"'), name...), `":`...)
}

// object writes what fill writes as a member of its own.
func (d *document) object(name string, fill func()) {
	before := len(d.buf)
	d.name(name)
	d.buf = append(d.buf, '{')
	inside := len(d.buf)
	fill()
	if len(d.buf) == inside {
		d.buf = d.buf[:before]
		return
	}
	d.buf = append(d.buf, '}')
}

func (d *document) text(name, text string) {
	if text == "" {
		return
	}
	d.name(name)
	d.buf = appendText(d.buf, text)
}

func (d *document) texts(name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	d.name(name)
	separator := byte('[')
	for _, text := range texts {
		d.buf = appendText(append(d.buf, separator), text)
		separator = ','
	}
	d.buf = append(d.buf, ']')
}

// integer writes the number that p points to.
func (d *document) integer(name string, p *int64) {
	if p == nil {
		return
	}
	d.name(name)
	d.buf = strconv.AppendInt(d.buf, *p, 10)
}
