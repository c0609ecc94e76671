package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// reader configures a consumer that keeps nothing on disk and acknowledges
// nothing. Its name is unique: a consumer that an earlier reader left behind
// would be joined where it stands, and what it had handed out be lost.
func reader(purpose string, subjects ...string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Name:              purpose + "-" + nuid.Next(),
		FilterSubjects:    subjects,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		InactiveThreshold: 5 * time.Minute,
	}
}

func readerFrom(purpose string, from uint64, subjects ...string) jetstream.ConsumerConfig {
	cfg := reader(purpose, subjects...)
	cfg.DeliverPolicy = jetstream.DeliverByStartSequencePolicy
	cfg.OptStartSeq = max(from, 1)
	return cfg
}

// leave removes a reader from the server. One that can't be removed now goes
// by itself.
func (s *Store) leave(stream, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.js.DeleteConsumer(ctx, stream, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		s.log.Debug("remove a reader of the stream", "stream", stream, "reader", name, "err", err)
	}
}

const (
	// scanWait bounds one request of a scan.
	scanWait = 2 * time.Second
	// scanPatience is how many requests in a row may bring nothing though
	// messages are announced.
	scanPatience = 10
)

// scan hands every message that the reader finds to yield: all that the stream
// holds when scan begins and still holds when its turn comes, in order, each
// once. Without an error nothing is missing. What is erased meanwhile is not
// waited for.
func (s *Store) scan(ctx context.Context, stream string, cfg jetstream.ConsumerConfig, yield func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	consumer, err := s.js.CreateConsumer(ctx, stream, cfg)
	if err != nil {
		return err
	}
	defer s.leave(stream, cfg.Name)
	info := consumer.CachedInfo()
	var got uint64
	for misses := 0; ; {
		switch {
		case info.Delivered.Consumer != got:
			return fmt.Errorf("%d messages were sent, %d came", info.Delivered.Consumer, got)
		case info.NumPending == 0:
			return nil
		case misses == scanPatience:
			return fmt.Errorf("%d messages are announced and don't come", info.NumPending)
		}
		batch, err := consumer.Fetch(int(min(info.NumPending, 1000)), jetstream.FetchMaxWait(scanWait))
		if err != nil {
			return err
		}
		misses++
		for msg := range batch.Messages() {
			misses = 0
			meta, err := msg.Metadata()
			if err != nil {
				return err
			}
			if got++; meta.Sequence.Consumer != got {
				return fmt.Errorf("message %d came instead of message %d", meta.Sequence.Consumer, got)
			}
			if err := yield(msg, meta); err != nil {
				return err
			}
		}
		if err := batch.Error(); err != nil {
			return err
		}
		if info, err = consumer.Info(ctx); err != nil {
			return err
		}
	}
}

// count is exactly how many messages the stream holds for a reader. A reader
// counts them when it is made; later it only keeps its count up to date.
func (s *Store) count(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (uint64, error) {
	consumer, err := s.js.CreateConsumer(ctx, stream, cfg)
	if err != nil {
		return 0, err
	}
	defer s.leave(stream, cfg.Name)
	return consumer.CachedInfo().NumPending, nil
}

// firstSince is the first sequence of a stream that was stored at or after a
// time; last+1 if all are older.
func (s *Store) firstSince(ctx context.Context, stream string, at time.Time, last uint64) (uint64, error) {
	cfg := reader("since")
	cfg.DeliverPolicy, cfg.OptStartTime, cfg.HeadersOnly = jetstream.DeliverByStartTimePolicy, &at, true
	consumer, err := s.js.CreateConsumer(ctx, stream, cfg)
	if err != nil {
		return 0, err
	}
	defer s.leave(stream, cfg.Name)
	if consumer.CachedInfo().NumPending == 0 {
		return last + 1, nil
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(scanWait))
	if err != nil {
		return 0, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return 0, err
	}
	return meta.Sequence.Stream, nil
}
