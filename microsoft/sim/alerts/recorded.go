package alerts

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Recorded is one alert version that was saved from a real API.
type Recorded struct {
	Source  tributary.Source
	ID      string    // as [tributary.Version] has it
	Updated time.Time // as the body says
	Raw     json.RawMessage
}

// Record puts recorded versions on a company's shelf. All versions of an alert
// show at once: a recording has no clock of its own, and serving only the
// newest would hide what was recorded.
func (s *Set) Record(tenant int, now time.Time, list []Recorded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := &s.shelves[tenant]
	for _, r := range list {
		w := showsOf[r.Source]
		n := math.MinInt32 + int32(len(s.recorded))
		s.recorded = append(s.recorded, r)
		to := sh.of(w)
		*to = insert(*to, entry{updated: r.Updated.UnixNano(), visible: now.UnixNano(), hidden: never, alert: n, shows: w})
	}
}

// updateNames are the members that hold an alert's update time, the first one
// that is there being the one that counts; the last is its creation time. The
// SIEM API's early documents misspell theirs.
var updateNames = map[tributary.Source][]string{
	tributary.SourceGraph:    {"lastUpdateDateTime", "createdDateTime"},
	tributary.SourceEndpoint: {"lastUpdateTime", "alertCreationTime"},
	tributary.SourceSIEM:     {"LastProcessedTimeUtc", "LastProccesedTimeUtc", "AlertTime"},
}

// UpdateTime finds the update time among an alert's members; the SIEM API's
// names are compared without regard to case. It reports false if there is none
// that can be read.
func UpdateTime(source tributary.Source, members map[string]json.RawMessage) (name string, at time.Time, ok bool) {
	for _, want := range updateNames[source] {
		for have, value := range members {
			if have != want && (source != tributary.SourceSIEM || !strings.EqualFold(have, want)) {
				continue
			}
			var text string
			if json.Unmarshal(value, &text) != nil {
				continue
			}
			if at, ok := moment(text); ok {
				return have, at, true
			}
		}
	}
	return "", time.Time{}, false
}

// moment reads a time with Z, with an offset, or with neither, which means UTC.
// Years that .NET uses for "none" are none.
func moment(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05.999999999", text)
	}
	return t.UTC(), err == nil && t.Year() >= 1970 && t.Year() <= 2261
}

// Moved returns the version with another update time. Its other members keep
// their bytes.
func (r Recorded) Moved(to time.Time) Recorded {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Raw, &members) != nil {
		return r
	}
	name, _, ok := UpdateTime(r.Source, members)
	if !ok {
		return r
	}
	to = to.UTC().Truncate(tick)
	r.Updated = to
	r.Raw = editMember(r.Raw, func(have string, value []byte) []byte {
		if have == name {
			return []byte(`"` + to.Format(timeForm) + `"`)
		}
		return value
	})
	return r
}

// recording is the recorded version of an entry whose number is negative.
func (s *Set) recording(e entry) *Recorded { return &s.recorded[int(e.alert)-math.MinInt32] }

// withoutEvidence empties the evidence of a Defender alert, as the API does
// unless it is asked to expand it. All other bytes stay.
func withoutEvidence(raw []byte) []byte {
	return editMember(raw, func(name string, value []byte) []byte {
		if name == "evidence" {
			return []byte("[]")
		}
		return value
	})
}

// selectMembers keeps the named members of an object, in its own order.
func selectMembers(raw []byte, names []string) []byte {
	return editMember(raw, func(name string, value []byte) []byte {
		if slices.Contains(names, name) {
			return value
		}
		return nil
	})
}
