package stream

import (
	"context"
	"fmt"
	"strings"
)

// Invitations lie among the settings: a bucket of their own would be missing
// in stores that were made before there were any, and a store that has been
// used never gets one created.
const invitePrefix = "invite."

// SealedInvite returns an invitation and its revision, or
// [tributary.ErrNotFound].
func (s *Store) SealedInvite(ctx context.Context, id string) ([]byte, uint64, error) {
	sealed, revision, err := s.get(ctx, bucketSettings, invitePrefix+id)
	if err != nil {
		return nil, 0, fmt.Errorf("read the invitation %s: %w", id, err)
	}
	return sealed, revision, nil
}

// PutSealedInvite stores an invitation that the vault has sealed; revision is
// what SealedInvite returned, 0 for a new one. [tributary.ErrConflict]: somebody
// else changed it meanwhile.
func (s *Store) PutSealedInvite(ctx context.Context, id string, sealed []byte, revision uint64) (uint64, error) {
	next, err := s.put(ctx, bucketSettings, invitePrefix+id, sealed, revision)
	if err != nil {
		return 0, fmt.Errorf("store the invitation %s: %w", id, err)
	}
	return next, nil
}

// SealedInvites returns every invitation by its id.
func (s *Store) SealedInvites(ctx context.Context) (map[string][]byte, error) {
	all := map[string][]byte{}
	err := s.list(ctx, bucketSettings, invitePrefix+"*", func(key string, sealed []byte) error {
		all[strings.TrimPrefix(key, invitePrefix)] = sealed
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the invitations: %w", err)
	}
	return all, nil
}

// RemoveInvite forgets an invitation.
func (s *Store) RemoveInvite(ctx context.Context, id string) error {
	kv, err := s.js.KeyValue(ctx, bucketSettings)
	if err == nil {
		err = kv.Purge(ctx, invitePrefix+id)
	}
	if err != nil {
		return fmt.Errorf("remove the invitation %s: %w", id, err)
	}
	return nil
}
