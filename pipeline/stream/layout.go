package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Names of the streams and buckets.
const (
	streamAlerts      = "ALERTS"
	streamFeeds       = "FEEDS"
	streamDeadLetters = "DEADLETTERS"
	streamReceipts    = "RECEIPTS"
	streamAudit       = "AUDIT"
	bucketTenants     = "TENANTS"
	bucketGrants      = "GRANTS"
	bucketSettings    = "SETTINGS"
	bucketStatus      = "STATUS"
)

// layout is every stream of a store.
func layout(maxBytes int64) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name:        streamAlerts,
			Description: "every alert version that was read, and each feed's cursor",
			Subjects:    []string{"alert.>", "cursor.>"},
			Storage:     jetstream.FileStorage,
			// No MaxAge: it would take the cursor of a quiet feed with it, and an
			// alert that no lane has delivered yet. We trim by receipts.
			MaxBytes: maxBytes,
			// A full stream refuses the whole batch: polling pauses, Microsoft
			// keeps the alerts.
			Discard:            jetstream.DiscardNew,
			AllowAtomicPublish: true,
			AllowRollup:        true,
			AllowDirect:        true,
			Compression:        jetstream.S2Compression,
		},
		{
			Name:        streamFeeds,
			Description: "one message a feed, for ever: schedule, lease and fail-over",
			Subjects:    []string{"feed.>"},
			Storage:     jetstream.FileStorage,
			Retention:   jetstream.WorkQueuePolicy,
			// A second message for the same feed is refused, so scheduling a feed
			// twice does nothing.
			MaxMsgsPerSubject:    1,
			Discard:              jetstream.DiscardNew,
			DiscardNewPerSubject: true,
		},
		{
			Name:        streamDeadLetters,
			Description: "what a destination refused for good, with the reason",
			Subjects:    []string{"dead.>"},
			Storage:     jetstream.FileStorage,
			MaxBytes:    max(maxBytes/10, 64<<20),
			Discard:     jetstream.DiscardNew,
			Compression: jetstream.S2Compression,
		},
		{
			Name:        streamReceipts,
			Description: "what each destination acknowledged; the last one is the lane's place",
			Subjects:    []string{"receipt.>"},
			Storage:     jetstream.FileStorage,
			Compression: jetstream.S2Compression,
			AllowDirect: true,
		},
		{
			Name:        streamAudit,
			Description: "who did what",
			Subjects:    []string{"audit.>"},
			Storage:     jetstream.FileStorage,
			Compression: jetstream.S2Compression,
		},
	}
}

func buckets() []jetstream.KeyValueConfig {
	return []jetstream.KeyValueConfig{
		{Bucket: bucketTenants, Storage: jetstream.FileStorage, History: 5},
		{Bucket: bucketGrants, Storage: jetstream.FileStorage},
		{Bucket: bucketSettings, Storage: jetstream.FileStorage},
	}
}

// create makes every stream and bucket of a new store. It may be repeated: a
// store whose making was cut short is made whole.
func (s *Store) create(ctx context.Context, maxBytes int64) error {
	for _, cfg := range layout(maxBytes) {
		if _, err := s.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("create stream %s: %w", cfg.Name, err)
		}
	}
	for _, cfg := range buckets() {
		if _, err := s.js.CreateOrUpdateKeyValue(ctx, cfg); err != nil {
			return fmt.Errorf("create bucket %s: %w", cfg.Bucket, err)
		}
	}
	return nil
}

// verify finds every stream and bucket of an existing store. It never creates
// one: where one is missing, something has damaged the store, and creating it
// would delete what is left of its files.
func (s *Store) verify(ctx context.Context, maxBytes int64) error {
	for _, cfg := range layout(maxBytes) {
		st, err := s.js.Stream(ctx, cfg.Name)
		if err != nil {
			return damaged("stream", cfg.Name, err)
		}
		if st.CachedInfo().Config.MaxBytes == cfg.MaxBytes || cfg.MaxBytes == 0 {
			continue
		}
		if _, err := s.js.UpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("change the size of stream %s to %d bytes: %w", cfg.Name, cfg.MaxBytes, err)
		}
	}
	for _, cfg := range buckets() {
		if _, err := s.js.KeyValue(ctx, cfg.Bucket); err != nil {
			return damaged("bucket", cfg.Bucket, err)
		}
	}
	return nil
}

func damaged(kind, name string, err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) {
		return fmt.Errorf("the store has been used before but its %s %s is missing: restore the store's directory from a backup, or move it away to begin anew", kind, name)
	}
	return fmt.Errorf("open %s %s: %w", kind, name, err)
}

// memory makes what lives in memory only and is rebuilt after each start.
func (s *Store) memory(ctx context.Context) error {
	_, err := s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucketStatus, Storage: jetstream.MemoryStorage})
	if err != nil {
		return fmt.Errorf("create bucket %s: %w", bucketStatus, err)
	}
	return nil
}
