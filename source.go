package tributary

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Source names one of Microsoft's alert APIs.
type Source string

// The sources, by the name that configuration, subjects and documents use.
const (
	SourceSIEM           Source = "siem"            // SIEM REST API: detections, immutable
	SourceEndpoint       Source = "endpoint"        // Defender for Endpoint, GET /api/alerts
	SourceXDR            Source = "xdr"             // Defender XDR, GET /api/incidents
	SourceGraph          Source = "graph"           // Microsoft Graph, GET /v1.0/security/alerts_v2
	SourceGraphIncidents Source = "graph-incidents" // Microsoft Graph, GET /v1.0/security/incidents
)

// Sources lists the sources that this version can read, the recommended one first.
func Sources() []Source {
	return []Source{SourceGraph, SourceEndpoint, SourceSIEM}
}

// ParseSource returns the source of that name. The error lists the names that
// exist.
func ParseSource(name string) (Source, error) {
	s := Source(name)
	if slices.Contains(Sources(), s) {
		return s, nil
	}
	names := make([]string, 0, len(Sources()))
	for _, s := range Sources() {
		names = append(names, string(s))
	}
	return "", fmt.Errorf("unknown source %q: use one of %s", name, strings.Join(names, ", "))
}

// Feed is the unit of polling: one tenant read through one source.
type Feed struct {
	Tenant string // slug
	Source Source
}

func (f Feed) String() string { return f.Tenant + "/" + string(f.Source) }

// Window is a span of update times, From included. A zero To means that the
// window is open: up to whatever the API holds when it is asked. A To that is
// set is included too: two windows that meet share their common instant,
// because repeating it is harmless and skipping it is not.
type Window struct {
	From, To time.Time
}

// Open reports whether the window has no upper bound.
func (w Window) Open() bool { return w.To.IsZero() }

// Request asks a [Reader] for one page.
type Request struct {
	Window Window
	// Page continues an earlier read of the same window: the Next of the page
	// before it. Empty asks for the first page.
	Page string
	// Limit is how many alerts the page may hold. Zero means the largest page
	// that the API documents.
	Limit int
}

// Page tells how one page ended.
type Page struct {
	// Next is what to put into Request.Page to go on; empty when the window
	// has been read to its end.
	Next string
	// Through is set where everything in the window whose update time lies
	// before it has been read, whether or not Next is empty. A cursor may move
	// there at once. It is zero where the page proves no such thing (an API
	// that answers newest first).
	Through time.Time
	// Served is Microsoft's clock when it answered: the Date header.
	Served time.Time
	// Count is how many alerts the page held.
	Count int
}

// Reader reads one source of one tenant. It is safe for use by one goroutine
// at a time.
//
// An error is a *[Error] that says who can mend it. An error from yield is
// returned as it is and ends the read. Alerts that were yielded before an
// error are good: the page was cut, not they.
type Reader interface {
	Source() Source
	// Read fetches one page and hands its alerts to yield, one by one and in
	// the order of the answer, as they come off the wire: a page is never held
	// in memory whole.
	Read(ctx context.Context, req Request, yield func(Alert) error) (Page, error)
	// MaxWindow is the longest window that one read should ask for; zero where
	// a window of any length can be paged without loss.
	MaxWindow() time.Duration
}
