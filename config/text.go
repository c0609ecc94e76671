package config

// text is a scalar of the file.
type text struct {
	place
	raw     string // as it stands in the file
	value   string // with its references filled in
	set     bool   // the file has the key
	bad     bool   // it has been reported already
	foreign bool   // the value came through a reference, so no error may show it
}

// ok reports whether there is a value to work with.
func (t *text) ok() bool { return t.set && !t.bad }

// shown is the value as an error may show it.
func (t *text) shown() string { return `"` + t.raw + `"` }

// secretText is a scalar that no error shows, literal or not.
type secretText struct{ text }

// amountText is a duration or a size: a scalar that may also be a number.
type amountText struct{ text }
