package splunk

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"tributary"
)

// batch is what Send works on: the events of its records, and what became of
// each.
type batch struct {
	objects  [][]byte // an event each
	record   []int    // the record that an object was made of
	settled  []bool   // by record
	refused  map[int]string
	promises []promise
	requests int
	words    string // the collector's, from the last request that it accepted
}

// Send posts the records in order and returns when they are confirmed: by the
// indexers, where the token has indexer acknowledgement, else by the
// collector's answer (see [AckMode]).
func (s *Sender) Send(ctx context.Context, records []tributary.Record) (tributary.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return tributary.Result{}, s.cancelled(ctx)
	}
	if s.closed {
		return tributary.Result{}, s.sendError(tributary.SendRetry, "", "%w", errClosed)
	}
	if len(records) == 0 {
		return tributary.Result{}, nil
	}
	if err := s.proveAck(ctx); err != nil {
		return tributary.Result{}, err
	}
	b := s.encode(records)
	err := s.post(ctx, b)
	if len(b.promises) > 0 && ctx.Err() == nil {
		patience := s.ackTimeout
		if err != nil {
			patience = min(patience, ackGrace) // the operator should hear of it
		}
		if ackErr := s.awaitAcks(ctx, b.promises, patience); err == nil {
			err = ackErr
		}
		b.keepPromises()
	}
	return b.result(), err
}

// encode makes an event of each record. One that is too large is refused here:
// no collector takes it.
func (s *Sender) encode(records []tributary.Record) *batch {
	b := &batch{settled: make([]bool, len(records)), refused: map[int]string{}}
	size := 0
	for _, r := range records {
		size += len(r.Body) + 400
	}
	buf := make([]byte, 0, size)
	for i, r := range records {
		if len(r.Body) == 0 {
			b.refuse(i, "the record is empty")
			continue
		}
		from := len(buf)
		buf = s.envelope.appendEvent(buf, r)
		if n := len(buf) - from; n > MaxEventBytes {
			b.refuse(i, fmt.Sprintf("the event has %d bytes, and a collector takes %d", n, MaxEventBytes))
			buf = buf[:from]
			continue
		}
		b.objects = append(b.objects, buf[from:len(buf):len(buf)])
		b.record = append(b.record, i)
	}
	return b
}

// post sends all objects, in as many requests as it takes.
func (s *Sender) post(ctx context.Context, b *batch) error {
	most := len(b.objects) // objects in the next request
	halved := 0            // size of the body that was cut in two because it may be too large
	for at := 0; at < len(b.objects); {
		n, size := s.fit(b.objects[at:], most)
		a, err := s.postEvents(ctx, b.objects[at:at+n])
		if err != nil {
			return s.noAnswer(ctx, "post events", err)
		}
		b.requests++
		switch v := a.verdict(n); v {
		case accepted:
			b.words = s.redact(a.words())
			if limit := max(size, leastBatchBytes); halved > size && limit < s.limit {
				// Half of what was refused is taken whole: the size was the
				// fault, and no event. Remember it.
				s.limit = limit
				s.log.Warn("the collector takes smaller requests than it should", "host", s.host, "bytes", limit)
			}
			halved = 0
			b.accept(at, at+n, a, s.ack)
			at += n
			most = max(2*most, 1)
		case poison:
			halved = 0
			bad := max(a.invalid, 0)
			if n == 1 {
				bad = 0
			}
			b.settle(at, at+bad)
			b.refuse(b.record[at+bad], fmt.Sprintf("%s; the event has %d bytes", s.redact(a.words()), len(b.objects[at+bad])))
			at += bad + 1
			most = len(b.objects)
		case tooLarge:
			switch {
			case n > 1:
				most = n / 2
				if a.status == http.StatusRequestEntityTooLarge || a.invalid == 0 {
					halved = size
				}
			case size < leastBatchBytes:
				e := s.refusedRequest("post events", a, misconfigured)
				e.Next = fmt.Sprintf("an event of %d bytes alone is too large for the collector or for what stands before it: raise its limit for request bodies to 5 MiB", size)
				return e
			default:
				b.refuse(b.record[at], fmt.Sprintf("%s; the event has %d bytes", s.redact(a.words()), len(b.objects[at])))
				at++
				most = len(b.objects)
			}
		case wrongIndex:
			// The number is that of the event after the bad one.
			b.settle(at, at+min(max(a.invalid-1, 0), n-1))
			return s.refusedRequest("post events", a, v)
		default:
			return s.refusedRequest("post events", a, v)
		}
	}
	return nil
}

// fit tells how many of the objects, one at least, go into a request, and the
// size of that.
func (s *Sender) fit(objects [][]byte, most int) (n, size int) {
	for n < len(objects) && n < max(most, 1) {
		next := len(objects[n]) + 1
		if n > 0 && size+next > s.limit {
			break
		}
		size += next
		n++
	}
	return n, size
}

// accept notes that objects are in: for good, or as soon as the indexers
// acknowledge them.
func (b *batch) accept(from, to int, a answer, mode AckMode) {
	if a.ackID != nil && mode != AckOff {
		for i := range b.promises {
			// Ids count up. One that was given before means that the server
			// was started again and has forgotten the older ones, or that a
			// load balancer spreads the channel: nobody can tell any more
			// which request an acknowledgement is for.
			b.promises[i].void = b.promises[i].void || b.promises[i].ackID >= *a.ackID
		}
		b.promises = append(b.promises, promise{from: from, to: to, ackID: *a.ackID})
		return
	}
	b.settle(from, to)
}

func (b *batch) settle(from, to int) {
	for i := from; i < to; i++ {
		b.settled[b.record[i]] = true
	}
}

func (b *batch) refuse(record int, reason string) {
	b.settled[record] = true
	b.refused[record] = reason
}

func (b *batch) keepPromises() {
	for _, p := range b.promises {
		if p.kept {
			b.settle(p.from, p.to)
		}
	}
}

// result counts the settled records from the first one on. What is settled
// behind one that is not comes again with it.
func (b *batch) result() tributary.Result {
	r := tributary.Result{}
	for r.Settled < len(b.settled) && b.settled[r.Settled] {
		if reason, ok := b.refused[r.Settled]; ok {
			r.Refused = append(r.Refused, tributary.Refusal{Index: r.Settled, Reason: reason})
		}
		r.Settled++
	}
	r.Answer = b.words
	if len(b.promises) > 0 && !slices.ContainsFunc(b.promises, func(p promise) bool { return !p.kept }) {
		r.Answer += ", acknowledged by the indexers"
	}
	if b.requests > 1 {
		r.Answer += fmt.Sprintf(", %d requests", b.requests)
	}
	return r
}
