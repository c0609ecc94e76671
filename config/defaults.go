package config

import (
	"path/filepath"
	"time"
)

// What a file that doesn't say otherwise gets. The JSON Schema and
// docs/configuration.md name the same values; tests compare them.
const (
	DefaultCloud = "global"

	// DefaultInterval is how long a feed waits between two polls. Defender for
	// Endpoint, the tightest API, allows 25 calls a minute for hours on end.
	DefaultInterval = 60 * time.Second
	// DefaultOverlap is how far behind its watermark a poll looks again, for
	// alerts that Microsoft showed late.
	DefaultOverlap = 10 * time.Minute
	// DefaultBackfill is how far back a new feed begins.
	DefaultBackfill = 24 * time.Hour
	// DefaultLateness is how far behind Microsoft's clock a watermark stays
	// when a poll brought nothing.
	DefaultLateness = 30 * time.Second

	DefaultStoreDir  = "data"
	DefaultRetention = 7 * 24 * time.Hour
	DefaultMaxBytes  = 10 << 30
	// DefaultKeyFile is the name of the key file inside the store's folder.
	DefaultKeyFile = "key"

	// DefaultListen is a loopback address: whoever may look at customers'
	// alerts is to be decided before anybody else can reach the console.
	DefaultListen = "127.0.0.1:8480"

	// DefaultFormat is Microsoft's JSON with our envelope: nothing is lost in it.
	DefaultFormat = "raw"

	// DefaultAck waits for Splunk's indexers where the token asks for it.
	DefaultAck = "auto"

	DefaultFileMaxBytes = 256 << 20
	DefaultFileMaxAge   = 24 * time.Hour
)

// Limits of what the file may ask for.
const (
	MinInterval  = time.Second
	MaxInterval  = 24 * time.Hour
	MaxOverlap   = 24 * time.Hour
	MaxBackfill  = 7300 * 24 * time.Hour // recordings may be older than what Microsoft keeps
	MaxLateness  = time.Hour
	MinRetention = time.Minute
	MaxRetention = 3650 * 24 * time.Hour
	MinMaxBytes  = 16 << 20 // room for a few of the largest alerts
	MinFileBytes = 64 << 10
	MinFileAge   = time.Second
	MaxFileAge   = 365 * 24 * time.Hour
)

// Default is the configuration where there is no file: Microsoft's global
// cloud, no application, no tenant and no destination.
func Default() *Config {
	return &Config{
		Clouds:  map[string]Cloud{"": {Cloud: microsoftClouds[DefaultCloud]}},
		Apps:    map[string]App{},
		Collect: defaultCollect(),
		Store: Store{
			Dir:       DefaultStoreDir,
			Retention: DefaultRetention,
			MaxBytes:  DefaultMaxBytes,
			KeyFile:   filepath.Join(DefaultStoreDir, DefaultKeyFile),
		},
		Listen: DefaultListen,
	}
}

func defaultCollect() Collect {
	return Collect{
		Interval: DefaultInterval,
		Overlap:  DefaultOverlap,
		Backfill: DefaultBackfill,
		Lateness: DefaultLateness,
	}
}
