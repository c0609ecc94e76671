package sim

import (
	"bufio"
	"encoding/json"
	"io"
	"iter"
	"time"

	"tributary"
	"tributary/microsoft/sim/alerts"
)

// Version is an alert version that an API has shown.
type Version struct {
	tributary.Version
	Tenant  string    // the suggested slug
	Visible time.Time // since when
	// Replaced is when a newer version took its place; zero while it is the
	// newest. A reader that asks less often than versions change can miss one
	// whose span was short.
	Replaced time.Time
}

// Scope chooses a part of the truth. Its zero value is all of it.
type Scope struct {
	Tenants []string // slugs or ids
	Sources []tributary.Source
}

// Truth lists every alert version, by tenant and API, that was visible at some
// moment between the start and now. Unknown tenants hold nothing.
func (s *Server) Truth(scope Scope) iter.Seq[Version] {
	var numbers []int
	if scope.Tenants != nil {
		numbers = s.numbers(scope.Tenants)
	}
	return func(yield func(Version) bool) {
		for v := range s.alerts.Truth(s.opts.Now(), numbers, scope.Sources) {
			if !yield(s.named(v)) {
				return
			}
		}
	}
}

func (s *Server) named(v alerts.Version) Version {
	return Version{Version: v.Version, Tenant: s.tenants[v.Company].Slug, Visible: v.Visible, Replaced: v.Replaced}
}

// numbers are the tenants of those names; never nil, because that means all.
func (s *Server) numbers(names []string) []int {
	list := make([]int, 0, len(names))
	for _, name := range names {
		if i, ok := s.find(name); ok {
			list = append(list, i)
		}
	}
	return list
}

// MarshalJSON writes the version as one line of the truth: tenant, tenant_id,
// source, id, updated, event_id, visible and, if it was, replaced. Times are
// RFC 3339 in UTC with as many decimals as they have.
func (v Version) MarshalJSON() ([]byte, error) {
	line := struct {
		Tenant   string           `json:"tenant"`
		TenantID string           `json:"tenant_id"`
		Source   tributary.Source `json:"source"`
		ID       string           `json:"id"`
		Updated  string           `json:"updated"`
		EventID  string           `json:"event_id"`
		Visible  string           `json:"visible"`
		Replaced string           `json:"replaced,omitempty"`
	}{
		v.Tenant, v.TenantID, v.Source, v.ID, v.Updated.UTC().Format(time.RFC3339Nano), v.EventID().String(),
		v.Visible.UTC().Format(time.RFC3339Nano), "",
	}
	if !v.Replaced.IsZero() {
		line.Replaced = v.Replaced.UTC().Format(time.RFC3339Nano)
	}
	return json.Marshal(line)
}

// WriteTruth writes the truth as NDJSON, one line for each version.
func (s *Server) WriteTruth(w io.Writer, scope Scope) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	for v := range s.Truth(scope) {
		if err := e.Encode(v); err != nil {
			return err
		}
	}
	return b.Flush()
}
