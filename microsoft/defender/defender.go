// Package defender reads Microsoft's alert APIs: the SIEM REST API, Defender
// for Endpoint and Microsoft Graph, each as a [tributary.Reader].
//
// An answer is split into its alerts while it comes off the wire, so a page
// costs the memory of one alert. From each alert only the envelope is read
// (its id, its times, its severity, its link); the bytes go on as they came.
// A window that holds more than a page is read to its end without losing an
// alert that changes meanwhile: see the walk.
//
// An alert without an id is named after a hash of its bytes; one without any
// time is given the time of the answer. Both are logged, none is lost.
package defender

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tributary"
)

// Config is what a reader needs.
type Config struct {
	Tenant tributary.Tenant
	Source tributary.Source
	Cloud  tributary.Cloud
	Tokens tributary.Tokens
	// Client carries the requests; nil means one with Go's defaults. Several
	// readers may share one, and then its connections. Its redirect policy,
	// cookies and timeout are not used: readers have limits of their own for an
	// answer to begin (two minutes) and to go on (one minute).
	Client *http.Client
	// Now is our clock; nil means time.Now. Windows follow Microsoft's.
	Now func() time.Time
	// UserAgent names us to Microsoft. Empty means "tributary". Microsoft asks
	// partners for MdePartner-{Company}-{Product}/{Version}.
	UserAgent string
	// MaxAlert is the size in bytes above which an alert is an error. Zero
	// means [DefaultMaxAlert].
	MaxAlert int
	// Log may be nil.
	Log *slog.Logger

	patience patience // zero: the usual one
}

// New returns the reader of one source of one tenant.
func New(cfg Config) (tributary.Reader, error) {
	if err := tributary.CheckTenantID(cfg.Tenant.ID); err != nil {
		return nil, fmt.Errorf("tenant %s: %w", cfg.Tenant.Slug, err)
	}
	if cfg.Tokens == nil {
		return nil, errors.New("a reader needs Tokens")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "tributary"
	}
	if cfg.MaxAlert <= 0 {
		cfg.MaxAlert = DefaultMaxAlert
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.patience == (patience{}) {
		cfg.patience = usual
	}
	switch cfg.Source {
	case tributary.SourceGraph:
		return newOData(cfg, cfg.Cloud.Graph, &graph)
	case tributary.SourceEndpoint:
		return newOData(cfg, cfg.Cloud.Endpoint, &endpoint)
	case tributary.SourceSIEM:
		return newSIEM(cfg)
	}
	return nil, fmt.Errorf("tenant %s: no reader for source %q", cfg.Tenant.Slug, cfg.Source)
}

// address is where a source's alerts are.
func address(cfg Config, service, path string) (*url.URL, error) {
	u, err := url.Parse(service)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("cloud %s: the address of source %s is not usable: %q", cfg.Cloud.Name, cfg.Source, service)
	}
	if u.Scheme != "https" {
		return nil, fmt.Errorf("cloud %s: the address of source %s must begin with https://, because a token goes there: %q", cfg.Cloud.Name, cfg.Source, service)
	}
	u.Path = strings.TrimRight(u.Path, "/") + path
	u.RawPath = ""
	return u, nil
}
