package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tributary"
)

// get reads one record of a bucket, or tributary.ErrNotFound.
func (s *Store) get(ctx context.Context, bucket, key string) ([]byte, uint64, error) {
	kv, err := s.js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, 0, err
	}
	entry, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, tributary.ErrNotFound
	}
	if err != nil {
		return nil, 0, err
	}
	return entry.Value(), entry.Revision(), nil
}

// put changes one record if it still has the revision; 0 makes a new one.
func (s *Store) put(ctx context.Context, bucket, key string, value []byte, revision uint64) (uint64, error) {
	if s.disk != nil {
		if err := s.disk.check(); err != nil {
			return 0, err
		}
	}
	kv, err := s.js.KeyValue(ctx, bucket)
	if err != nil {
		return 0, err
	}
	var next uint64
	if revision == 0 {
		next, err = kv.Create(ctx, key, value)
	} else {
		next, err = kv.Update(ctx, key, value, revision)
	}
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return 0, tributary.ErrConflict
	}
	s.doubt(err)
	return next, err
}

// Tenant returns a tenant and its revision, or [tributary.ErrNotFound].
func (s *Store) Tenant(ctx context.Context, slug string) (tributary.Tenant, uint64, error) {
	var t tributary.Tenant
	text, revision, err := s.get(ctx, bucketTenants, slug)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return t, 0, fmt.Errorf("read tenant %s: %w", slug, err)
	}
	return t, revision, nil
}

// PutTenant stores a tenant; revision is what Tenant returned, 0 for a new one.
func (s *Store) PutTenant(ctx context.Context, t tributary.Tenant, revision uint64) (uint64, error) {
	if err := t.Check(); err != nil {
		return 0, err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return 0, fmt.Errorf("store tenant %s: %w", t.Slug, err)
	}
	next, err := s.put(ctx, bucketTenants, t.Slug, text, revision)
	if err != nil {
		return 0, fmt.Errorf("store tenant %s: %w", t.Slug, err)
	}
	return next, nil
}

// RemoveTenant forgets a tenant. Its alerts stay.
func (s *Store) RemoveTenant(ctx context.Context, slug string) error {
	kv, err := s.js.KeyValue(ctx, bucketTenants)
	if err == nil {
		err = kv.Delete(ctx, slug)
	}
	if err != nil {
		return fmt.Errorf("remove tenant %s: %w", slug, err)
	}
	return nil
}

// Tenants lists every tenant, by slug.
func (s *Store) Tenants(ctx context.Context) ([]tributary.Tenant, error) {
	var tenants []tributary.Tenant
	err := s.list(ctx, bucketTenants, jetstream.AllKeys, func(_ string, text []byte) error {
		var t tributary.Tenant
		err := json.Unmarshal(text, &t)
		tenants = append(tenants, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the tenants: %w", err)
	}
	slices.SortFunc(tenants, func(a, b tributary.Tenant) int { return strings.Compare(a.Slug, b.Slug) })
	return tenants, nil
}

// listPatience bounds the reading of a list.
const listPatience = 10 * time.Second

var errWatchEnded = errors.New("the stream ended the watch")

// list hands every record of a bucket under the keys to yield. Without an
// error none is missing.
func (s *Store) list(ctx context.Context, bucket, keys string, yield func(key string, value []byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, listPatience)
	defer cancel()
	kv, err := s.js.KeyValue(ctx, bucket)
	if err != nil {
		return err
	}
	watcher, err := kv.Watch(ctx, keys, jetstream.IgnoreDeletes())
	if err != nil {
		return err
	}
	defer unwatch(watcher)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, open := <-watcher.Updates():
			if !open {
				return errors.Join(errWatchEnded, ctx.Err())
			}
			if entry == nil { // everything that was there has been told
				return nil
			}
			if err := yield(entry.Key(), entry.Value()); err != nil {
				return fmt.Errorf("%s: %w", entry.Key(), err)
			}
		}
	}
}

// unwatch ends a watch, and takes what it still has to say: the client waits
// for that.
func unwatch(watcher jetstream.KeyWatcher) {
	_ = watcher.Stop() // nothing depends on it
	go func() {
		for range watcher.Updates() { //nolint:revive // until it is closed
		}
	}()
}

// WatchTenants calls changed once at the beginning and after every change of
// a tenant, until ctx ends. Changes that come close together may be one call.
func (s *Store) WatchTenants(ctx context.Context, changed func()) error {
	kv, err := s.js.KeyValue(ctx, bucketTenants)
	if err != nil {
		return fmt.Errorf("watch the tenants: %w", err)
	}
	watcher, err := kv.WatchAll(ctx, jetstream.MetaOnly())
	if err != nil {
		return fmt.Errorf("watch the tenants: %w", err)
	}
	defer unwatch(watcher)
	settled := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, open := <-watcher.Updates():
			if !open {
				return fmt.Errorf("watch the tenants: %w", errWatchEnded)
			}
			settled = settled || entry == nil
			// Wait for the end of a burst.
			if settled && len(watcher.Updates()) == 0 {
				changed()
			}
		}
	}
}

// SealedGrant returns a tenant's sealed grant and its revision, or
// [tributary.ErrNotFound].
func (s *Store) SealedGrant(ctx context.Context, tenant string) ([]byte, uint64, error) {
	sealed, revision, err := s.get(ctx, bucketGrants, tenant)
	if err != nil {
		return nil, 0, fmt.Errorf("read the grant of %s: %w", tenant, err)
	}
	return sealed, revision, nil
}

// PutSealedGrant stores a grant that the vault has sealed. It is durable when
// it returns. [tributary.ErrConflict]: somebody else changed it meanwhile.
func (s *Store) PutSealedGrant(ctx context.Context, tenant string, sealed []byte, revision uint64) (uint64, error) {
	next, err := s.put(ctx, bucketGrants, tenant, sealed, revision)
	if err != nil {
		return 0, fmt.Errorf("store the grant of %s: %w", tenant, err)
	}
	return next, nil
}

// RemoveGrant forgets a tenant's grant, earlier versions included.
func (s *Store) RemoveGrant(ctx context.Context, tenant string) error {
	kv, err := s.js.KeyValue(ctx, bucketGrants)
	if err == nil {
		err = kv.Purge(ctx, tenant)
	}
	if err != nil {
		return fmt.Errorf("remove the grant of %s: %w", tenant, err)
	}
	return nil
}
