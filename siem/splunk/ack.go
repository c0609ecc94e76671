package splunk

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"tributary"
)

// promise is a request that the collector accepted and whose events are
// confirmed when the indexers have acknowledged it.
type promise struct {
	from, to int // the objects
	ackID    uint64
	kept     bool
	void     bool // it can't be asked for any more
}

// proveAck finds out whether the token has indexer acknowledgement, where that
// is required, before anything is sent without it.
func (s *Sender) proveAck(ctx context.Context) error {
	if s.ack != AckRequired || s.ackProved {
		return nil
	}
	const what = "ask for indexer acknowledgement"
	a, err := s.exchange(ctx, ackPath, []byte(`{"acks":[0]}`), false)
	if err != nil {
		return s.noAnswer(ctx, what, err)
	}
	if a.acks == nil {
		return s.refusedRequest(what, a, a.verdict(0))
	}
	s.ackProved = true
	return nil
}

// awaitAcks asks until every promise is kept: soon at first, then less and
// less often. An acknowledgement is told once only, so each is noted at once.
func (s *Sender) awaitAcks(ctx context.Context, promises []promise, patience time.Duration) error {
	deadline := s.now().Add(patience)
	var trouble *tributary.SendError // the last reason why asking failed
	var asked time.Duration          // what the server wants us to wait
	for delay := firstAckPoll; ; delay = min(2*delay, maxAckPoll) {
		open := openAcks(promises)
		if len(open) == 0 {
			return s.voided(promises)
		}
		left := deadline.Sub(s.now())
		if left <= 0 {
			return s.unacknowledged(len(open), patience, trouble)
		}
		if err := s.wait(ctx, min(max(delay, asked), left)); err != nil {
			return s.cancelled(ctx)
		}
		asked = 0
		a, err := s.askAcks(ctx, open)
		if err != nil {
			if ctx.Err() != nil {
				return s.cancelled(ctx)
			}
			trouble = s.unreachable("ask the indexers", err)
			continue // what was accepted is safer with more patience than sent twice
		}
		if a.acks == nil {
			v := a.verdict(0)
			trouble = s.refusedRequest("ask the indexers", a, v)
			if v != later {
				return trouble
			}
			asked = a.after
			continue
		}
		trouble = nil
		for i := range promises {
			if p := &promises[i]; !p.void && a.acks[strconv.FormatUint(p.ackID, 10)] {
				p.kept = true
			}
		}
	}
}

func openAcks(promises []promise) []uint64 {
	var open []uint64
	for _, p := range promises {
		if !p.kept && !p.void {
			open = append(open, p.ackID)
		}
	}
	return open
}

func (s *Sender) askAcks(ctx context.Context, ids []uint64) (answer, error) {
	body, err := json.Marshal(map[string][]uint64{"acks": ids})
	if err != nil {
		return answer{}, err
	}
	return s.exchange(ctx, ackPath, body, false)
}

// voided is the error of promises that nobody can keep any more.
func (s *Sender) voided(promises []promise) error {
	n := 0
	for _, p := range promises {
		if p.void && !p.kept {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return s.sendError(tributary.SendRetry, "if this happens again and again: make the load balancer keep a channel (header X-Splunk-Request-Channel) on one machine",
		"the collector began to count its acknowledgements anew: the events of %d requests are sent again and may be there twice", n)
}

// unacknowledged is the end of the patience.
func (s *Sender) unacknowledged(requests int, patience time.Duration, trouble *tributary.SendError) error {
	const next = "see whether Splunk's indexing queues are blocked; behind a load balancer, keep a channel (header X-Splunk-Request-Channel) on one machine, or set ack to off"
	if trouble != nil {
		return s.sendError(tributary.SendRetry, next, "%d requests were accepted but not acknowledged by the indexers within %v: their events are sent again and may be there twice: %w", requests, patience, trouble)
	}
	return s.sendError(tributary.SendRetry, next, "%d requests were accepted but not acknowledged by the indexers within %v: their events are sent again and may be there twice", requests, patience)
}
