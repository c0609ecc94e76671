// Package recorded reads alerts that were saved from Microsoft's alert APIs, so
// that the simulator can serve them again with every member as it stands in the
// file.
package recorded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"tributary"
	"tributary/microsoft/sim/alerts"
)

// Recording is what was found in some files.
type Recording struct {
	// Alerts are the versions, each once, in the order of the files.
	Alerts []alerts.Recorded
	// Notes say what was left out and why, such as incidents, which are not
	// served.
	Notes []string
}

// Read reads files. Each holds JSON: a page of Graph or Defender for Endpoint
// ({"value":[…]}), a page of the SIEM API (an array), a single alert, or
// several of these one after the other (NDJSON). The API that an alert belongs
// to is recognised by its members.
//
// Alerts are taken byte for byte; only blanks between members are dropped. Of
// two records with the same id and update time the longer one is kept, because
// the shorter one lacks what its request didn't ask for.
func Read(files ...string) (*Recording, error) {
	r := &reader{seen: map[tributary.Version]int{}}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read recorded alerts: %w", err)
		}
		err = r.read(file, f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read recorded alerts from %s: %w", file, err)
		}
	}
	return &r.Recording, nil
}

type reader struct {
	Recording
	seen map[tributary.Version]int // number in Alerts
}

var (
	bomUTF8  = []byte{0xef, 0xbb, 0xbf}
	errUTF16 = errors.New("the file is UTF-16, as PowerShell's > writes it; save it as UTF-8")
)

func (r *reader) read(file string, in io.Reader) error {
	body, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	body = bytes.TrimPrefix(body, bomUTF8)
	if bytes.HasPrefix(body, []byte{0xff, 0xfe}) || bytes.HasPrefix(body, []byte{0xfe, 0xff}) {
		return errUTF16
	}
	before := len(r.Alerts) + len(r.Notes)
	dec := json.NewDecoder(bytes.NewReader(body))
	documents := 0
	for {
		var value json.RawMessage
		err := dec.Decode(&value)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", documents+1, err)
		}
		documents++
		if err := r.document(file, value); err != nil {
			return fmt.Errorf("document %d: %w", documents, err)
		}
	}
	if documents == 0 {
		return errors.New("the file is empty")
	}
	if len(r.Alerts)+len(r.Notes) == before {
		r.Notes = append(r.Notes, file+": no new alert in it")
	}
	return nil
}

// document takes a page or an alert.
func (r *reader) document(file string, value json.RawMessage) error {
	elements := []json.RawMessage{value}
	switch {
	case value[0] == '[':
		if err := json.Unmarshal(value, &elements); err != nil {
			return err
		}
	case value[0] == '{':
		var page struct {
			Value *[]json.RawMessage `json:"value"`
		}
		if json.Unmarshal(value, &page) == nil && page.Value != nil {
			elements = *page.Value
		}
	}
	for i, element := range elements {
		if err := r.alert(file, element); err != nil {
			return fmt.Errorf("alert %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *reader) alert(file string, raw json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return errors.New("an alert is a JSON object")
	}
	source, incident := recognise(members)
	if incident {
		r.Notes = append(r.Notes, file+": left out an incident; only alerts are served")
		return nil
	}
	if source == "" {
		return errors.New("no alert of Graph, Defender for Endpoint or the SIEM API has these members")
	}
	id := identify(source, members)
	if id == "" {
		return fmt.Errorf("an alert of %s without an id", source)
	}
	_, updated, ok := alerts.UpdateTime(source, members)
	if !ok {
		return fmt.Errorf("alert %s has neither an update time nor a creation time", id)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return err
	}
	alert := alerts.Recorded{Source: source, ID: id, Updated: updated, Raw: compact.Bytes()}
	version := tributary.Version{Source: source, ID: id, Updated: updated}
	if n, again := r.seen[version]; again {
		if len(alert.Raw) > len(r.Alerts[n].Raw) {
			r.Alerts[n] = alert
		}
		return nil
	}
	r.seen[version] = len(r.Alerts)
	r.Alerts = append(r.Alerts, alert)
	return nil
}

// recognise tells which API an object came from by members that only its
// alerts have.
func recognise(members map[string]json.RawMessage) (source tributary.Source, incident bool) {
	has := func(names ...string) bool {
		for _, n := range names {
			if _, ok := members[n]; ok {
				return true
			}
		}
		return false
	}
	folded := func(name string) bool { return fold(members, name) != nil }
	switch {
	case folded("FullId") || folded("AlertId") && (folded("AlertTime") || folded("LastProcessedTimeUtc") || folded("LastProccesedTimeUtc")):
		return tributary.SourceSIEM, false
	case strings.HasSuffix(text(members["@odata.type"]), ".security.incident"),
		has("incidentName", "redirectIncidentId"), has("displayName") && has("incidentWebUrl"):
		return "", true
	case has("alertCreationTime") || has("lastUpdateTime") && has("machineId", "aadTenantId"):
		return tributary.SourceEndpoint, false
	case has("lastUpdateDateTime", "createdDateTime") && has("serviceSource", "providerAlertId", "alertWebUrl", "title", "evidence"):
		return tributary.SourceGraph, false
	}
	return "", false
}

// identify makes the id as the collecting side does: for a detection its
// FullId (else AlertId and IocUniqueId) and its part.
func identify(source tributary.Source, members map[string]json.RawMessage) string {
	if source != tributary.SourceSIEM {
		return text(members["id"])
	}
	full := text(fold(members, "FullId"))
	if full == "" {
		full = text(fold(members, "AlertId"))
		if ioc := text(fold(members, "IocUniqueId")); full != "" && ioc != "" {
			full += ":" + ioc
		}
	}
	if full == "" {
		return ""
	}
	part := strings.Trim(string(fold(members, "AlertPart")), `"`)
	if part == "" || part == "null" {
		part = "0"
	}
	return alerts.DetectionID(full, part)
}

// fold finds a member whatever the case of its name.
func fold(members map[string]json.RawMessage, name string) json.RawMessage {
	if v, ok := members[name]; ok {
		return v
	}
	for have, v := range members {
		if strings.EqualFold(have, name) {
			return v
		}
	}
	return nil
}

func text(value json.RawMessage) string {
	var s string
	if value == nil || json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// Move puts the versions between two moments, in the order of their own update
// times: versions that shared a time share one again. Only the update time in
// the bodies changes.
func Move(list []alerts.Recorded, from, to time.Time) []alerts.Recorded {
	var times []time.Time
	for _, a := range list {
		times = append(times, a.Updated)
	}
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	out := make([]alerts.Recorded, len(list))
	for i, a := range list {
		n, _ := slices.BinarySearchFunc(times, a.Updated, time.Time.Compare)
		step := to.Sub(from) / time.Duration(len(times)+1)
		out[i] = a.Moved(from.Add(step * time.Duration(n+1)))
	}
	return out
}
