package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tributary"
)

// Problem is a condition as it is shown: what is wrong, who can mend it, what
// to do next.
type Problem struct {
	Code  string          `json:"code"`
	Text  string          `json:"text"`
	Fix   tributary.Fixer `json:"fix"`
	Next  string          `json:"next,omitempty"`
	Since time.Time       `json:"since"`
}

// FeedStatus is how a feed does.
type FeedStatus struct {
	Tenant    string           `json:"tenant"`
	Source    tributary.Source `json:"source"`
	LastPoll  time.Time        `json:"last_poll,omitzero"`
	NextPoll  time.Time        `json:"next_poll,omitzero"`
	Watermark time.Time        `json:"watermark,omitzero"`
	Fetched   uint64           `json:"fetched"` // versions committed since this instance started
	Problem   *Problem         `json:"problem,omitempty"`
}

// LaneStatus is how a destination does.
type LaneStatus struct {
	Destination string    `json:"destination"`
	Delivered   uint64    `json:"delivered"` // records confirmed since this instance started
	Refused     uint64    `json:"refused"`
	Pending     uint64    `json:"pending"`
	LastReceipt time.Time `json:"last_receipt,omitzero"`
	Lag         string    `json:"lag,omitempty"` // how long the newest delivered alert had waited
	Problem     *Problem  `json:"problem,omitempty"`
}

// PutFeedStatus tells how a feed does. It lies in memory only.
func (s *Store) PutFeedStatus(ctx context.Context, st FeedStatus) error {
	return s.putStatus(ctx, statusKey(tributary.Feed{Tenant: st.Tenant, Source: st.Source}), st)
}

// ForgetFeedStatus takes back what was told of a feed that is polled no more:
// its last problem is nobody's any longer.
func (s *Store) ForgetFeedStatus(ctx context.Context, feed tributary.Feed) error {
	kv, err := s.js.KeyValue(ctx, bucketStatus)
	if err == nil {
		err = kv.Purge(ctx, statusKey(feed))
	}
	if err != nil {
		return fmt.Errorf("take back the status of %s: %w", feed, err)
	}
	return nil
}

func statusKey(feed tributary.Feed) string { return feedSubject(feed) }

// PutLaneStatus tells how a destination does. It lies in memory only.
func (s *Store) PutLaneStatus(ctx context.Context, st LaneStatus) error {
	return s.putStatus(ctx, "lane."+token(st.Destination), st)
}

func (s *Store) putStatus(ctx context.Context, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("store the status: %w", err)
	}
	kv, err := s.js.KeyValue(ctx, bucketStatus)
	if err == nil {
		_, err = kv.Put(ctx, key, text)
	}
	if err != nil {
		return fmt.Errorf("store the status: %w", err)
	}
	return nil
}

// FeedStatuses lists how the feeds do; those that have not been polled since
// the instance started are not in it.
func (s *Store) FeedStatuses(ctx context.Context) ([]FeedStatus, error) {
	return statuses[FeedStatus](ctx, s, "feed.>")
}

// LaneStatuses lists how the destinations do.
func (s *Store) LaneStatuses(ctx context.Context) ([]LaneStatus, error) {
	return statuses[LaneStatus](ctx, s, "lane.>")
}

func statuses[T any](ctx context.Context, s *Store, keys string) ([]T, error) {
	var all []T
	err := s.list(ctx, bucketStatus, keys, func(_ string, text []byte) error {
		var st T
		err := json.Unmarshal(text, &st)
		all = append(all, st)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the status: %w", err)
	}
	return all, nil
}
