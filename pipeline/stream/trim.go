package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tributary"
)

// Trim removes alerts that every lane has settled: those older than the
// retention always, and also younger ones above 80 % of the stream's size or
// when the disk gets short, so that delivered alerts never stop the collecting.
//
// Floor is the sequence up to which every lane is done. A version that one of
// the feeds still needs to recognise a repeat stays, whatever its age. Feeds
// that are not named are polled no more.
func (s *Store) Trim(ctx context.Context, floor uint64, retention time.Duration, feeds []tributary.Feed) error {
	const op = "trim the stream"
	st, err := s.js.Stream(ctx, streamAlerts)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	info := st.CachedInfo()
	upTo := floor + 1 // the first sequence that stays
	if !s.crowded(info) {
		old, err := s.firstSince(ctx, streamAlerts, time.Now().Add(-retention), info.State.LastSeq)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		upTo = min(upTo, old)
	}
	if upTo <= info.State.FirstSeq {
		return nil
	}
	// Said before it is done: a sweep that reads it too early only reaches
	// less far.
	if err := s.noteTrimmed(ctx, st, upTo); err != nil {
		return err
	}
	pinned := map[string]uint64{} // by the subject of the cursor
	for _, feed := range feeds {
		cursor, err := s.Cursor(ctx, feed)
		if err != nil {
			return err
		}
		if cursor.Revision > 0 && cursor.SeenFrom < upTo {
			pinned[cursorSubject(feed)] = cursor.SeenFrom
		}
	}
	if len(pinned) == 0 {
		return s.purge(ctx, st, "alert.>", upTo)
	}
	// Some feed still needs older versions: go feed by feed, so that one that
	// has stood still does not hold the others. Feeds nobody polls any more are
	// among them; they need nothing.
	info, err = st.Info(ctx, jetstream.WithSubjectFilter("cursor.>"))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	var errs []error
	for subject := range info.State.Subjects {
		to := upTo
		if from, ok := pinned[subject]; ok {
			to = min(to, from)
		}
		errs = append(errs, s.purge(ctx, st, "alert"+strings.TrimPrefix(subject, "cursor")+".>", to))
	}
	return errors.Join(errs...)
}

const trimmedKey = "trimmed-to"

// noteTrimmed keeps when the first message that stays was stored. What was
// trimmed once stays trimmed: the time never goes back.
func (s *Store) noteTrimmed(ctx context.Context, st jetstream.Stream, upTo uint64) error {
	at := time.Now() // if nothing stays
	msg, err := st.GetMsg(ctx, upTo, jetstream.WithGetMsgSubject(">"))
	switch {
	case err == nil:
		at = msg.Time
	case !errors.Is(err, jetstream.ErrMsgNotFound):
		return fmt.Errorf("trim the stream: %w", err)
	}
	before, err := s.TrimmedTo(ctx)
	if err != nil || !at.After(before) {
		return err
	}
	kv, err := s.js.KeyValue(ctx, bucketSettings)
	if err == nil {
		_, err = kv.PutString(ctx, trimmedKey, at.UTC().Format(time.RFC3339Nano))
	}
	if err != nil {
		return fmt.Errorf("trim the stream: %w", err)
	}
	return nil
}

// TrimmedTo is the time up to which stored alerts may have been trimmed, by
// our clock; zero if none ever was.
func (s *Store) TrimmedTo(ctx context.Context) (time.Time, error) {
	text, _, err := s.get(ctx, bucketSettings, trimmedKey)
	if errors.Is(err, tributary.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read how far the stream has been trimmed: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return time.Time{}, fmt.Errorf("read how far the stream has been trimmed: %w", err)
	}
	return at, nil
}

// crowded reports whether room is short: in the stream, or on the disk, which
// may be smaller than the stream is allowed to become.
func (s *Store) crowded(info *jetstream.StreamInfo) bool {
	limit := info.Config.MaxBytes
	return limit > 0 && info.State.Bytes > uint64(limit)/5*4 || s.disk != nil && s.disk.short()
}

// purge removes the alerts before a sequence. Cursors lie under other subjects.
func (s *Store) purge(ctx context.Context, st jetstream.Stream, subject string, before uint64) error {
	if before <= 1 {
		return nil
	}
	if err := st.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(before)); err != nil {
		return fmt.Errorf("trim the stream: %w", err)
	}
	return nil
}

// Usage is how full the stream is.
type Usage struct {
	Bytes, MaxBytes uint64
	Alerts          uint64 // cursors counted with them
}

// Usage reports how full the stream is.
func (s *Store) Usage(ctx context.Context) (Usage, error) {
	st, err := s.js.Stream(ctx, streamAlerts)
	if err != nil {
		return Usage{}, fmt.Errorf("read the state of the stream: %w", err)
	}
	info := st.CachedInfo()
	return Usage{Bytes: info.State.Bytes, MaxBytes: uint64(max(info.Config.MaxBytes, 0)), Alerts: info.State.Msgs}, nil
}
