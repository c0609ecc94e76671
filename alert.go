package tributary

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Version identifies one state of one alert.
type Version struct {
	TenantID string // GUID
	Source   Source
	ID       string    // Microsoft's id, as it came
	Updated  time.Time // Microsoft's update time, which moves with every change
	// Fingerprint tells states apart only where Microsoft is known to change a
	// thing without moving its time (incidents). It is never a hash of the
	// body: a poorer shape of the same request would repeat everything.
	Fingerprint string
}

// EventID is the stable identity of a version: the same for every run, node
// and request shape. It goes into every payload, so that a reader can drop a
// repeat.
type EventID [16]byte

// String is 32 hexadecimal digits.
func (id EventID) String() string { return hex.EncodeToString(id[:]) }

// EventID derives the identity from the version's fields.
func (v Version) EventID() EventID {
	h := sha256.New()
	var n [8]byte
	for _, s := range []string{v.TenantID, string(v.Source), v.ID, v.Fingerprint} {
		// The length first: no two lists of fields give the same bytes.
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	binary.BigEndian.PutUint64(n[:], uint64(v.Updated.UnixNano()))
	h.Write(n[:])
	return EventID(h.Sum(nil)[:16])
}

// Alert is one version of one alert: the envelope that we read from it, and
// Microsoft's JSON untouched.
type Alert struct {
	Version
	Tenant    string // slug
	Severity  Severity
	Created   time.Time // when Microsoft made the alert; zero where it doesn't say
	Fetched   time.Time // when we read it, by our clock
	PortalURL string    // the alert in the customer's portal, with ?tid=
	Raw       []byte    // one JSON object, byte for byte as Microsoft sent it
}

// Feed is the feed that the alert came from.
func (a *Alert) Feed() Feed { return Feed{Tenant: a.Tenant, Source: a.Source} }

// Severity is how bad an alert is, on Microsoft's scale. The order of the
// constants is the order of badness.
type Severity uint8

const (
	SeverityUnknown Severity = iota
	SeverityInformational
	SeverityLow
	SeverityMedium
	SeverityHigh
)

var severityNames = [...]string{"unknown", "informational", "low", "medium", "high"}

// String is the lower-case word, as Graph writes it.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return severityNames[SeverityUnknown]
}

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word and refuses an unknown one: it serves
// configuration. Use [SeverityOf] for what Microsoft sends.
func (s *Severity) UnmarshalText(text []byte) error {
	got := SeverityOf(string(text))
	if got == SeverityUnknown && !strings.EqualFold(string(text), "unknown") {
		return fmt.Errorf("severity %q: use one of %s", text, strings.Join(severityNames[:], ", "))
	}
	*s = got
	return nil
}

// SeverityOf reads Microsoft's word in any of its spellings ("high", "High",
// "UnSpecified"). A word that is not known is SeverityUnknown, never an error.
func SeverityOf(word string) Severity {
	for i, name := range severityNames {
		if strings.EqualFold(word, name) {
			return Severity(i)
		}
	}
	return SeverityUnknown
}
