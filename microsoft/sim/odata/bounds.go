package odata

import "time"

// Bounds are the least and the greatest moment that a property can have where
// the filter matches, both included; zero is no bound. It looks only at
// comparisons that must hold (joined by and at the top), so the filter itself
// still has to be asked.
func (f *Filter) Bounds(property string) (from, to time.Time) {
	if f == nil {
		return
	}
	tests, ok := f.root.(and)
	if !ok {
		tests = and{f.root}
	}
	for _, n := range tests {
		if inner, ok := n.(and); ok {
			lo, hi := (&Filter{inner}).Bounds(property)
			from, to = later(from, lo), earlier(to, hi)
			continue
		}
		t, ok := n.(test)
		if !ok || t.property != property {
			continue
		}
		m, ok := t.value.(time.Time)
		if !ok {
			continue
		}
		switch t.op {
		case "eq":
			from, to = later(from, m), earlier(to, m)
		case "gt", "ge":
			from = later(from, m)
		case "lt", "le":
			to = earlier(to, m)
		}
	}
	return from, to
}

func later(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}
