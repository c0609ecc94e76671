package stream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// SealedRecord is a record that the vault has sealed, wherever it is kept.
type SealedRecord struct {
	Bucket, Key string
	Value       []byte
	Revision    uint64
}

// SealedRecords lists, over all buckets, the records whose value a function
// takes for sealed: a change of the vault's key must not miss one.
func (s *Store) SealedRecords(ctx context.Context, sealed func(value []byte) bool) ([]SealedRecord, error) {
	var list []SealedRecord
	for _, cfg := range buckets() {
		kv, err := s.js.KeyValue(ctx, cfg.Bucket)
		if err != nil {
			return nil, fmt.Errorf("list the sealed records of %s: %w", cfg.Bucket, err)
		}
		watcher, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
		if err != nil {
			return nil, fmt.Errorf("list the sealed records of %s: %w", cfg.Bucket, err)
		}
		for entry := range watcher.Updates() {
			if entry == nil { // everything that was there has been told
				break
			}
			if sealed(entry.Value()) {
				list = append(list, SealedRecord{cfg.Bucket, entry.Key(), entry.Value(), entry.Revision()})
			}
		}
		if err := watcher.Stop(); err != nil {
			return nil, fmt.Errorf("list the sealed records of %s: %w", cfg.Bucket, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// PutSealedRecord replaces a record by the same sealed anew. It is durable when
// it returns. [tributary.ErrConflict]: somebody else changed it meanwhile.
func (s *Store) PutSealedRecord(ctx context.Context, r SealedRecord, value []byte) error {
	if _, err := s.put(ctx, r.Bucket, r.Key, value, r.Revision); err != nil {
		return fmt.Errorf("store %s of %s: %w", r.Key, r.Bucket, err)
	}
	return nil
}
