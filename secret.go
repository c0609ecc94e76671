package tributary

import (
	"encoding/json"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a text that must not be shown: a client secret, a token, a private
// key. It prints as [redacted] in every form (fmt, slog, JSON, YAML, errors);
// [Secret.Reveal] is the one way to its text. The zero Secret is empty.
type Secret struct {
	text *string // a pointer, so that %v of a struct that holds a Secret can't reach the text
}

// NewSecret wraps a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text. Every call is a place to review.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// String returns [redacted], or nothing for no secret.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return redacted
}

// GoString is what %#v prints.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue is what slog prints.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is what YAML and other text encoders print.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is what JSON prints.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
