package splunk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/sendertest"
	"tributary/siem/splunk/receiver"
)

// Three requests, indexed three seconds later: nothing is settled before, and
// the first question comes soon, the later ones less and less often.
func TestWaitsForTheIndexers(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{Ack: true, AckAfter: 3 * time.Second}, Options{MaxBatchBytes: 1})
	start := b.clock.now()
	result, err := b.Send(t.Context(), sendertest.Records(0, 3))
	if err != nil || result.Settled != 3 {
		t.Fatalf("%+v, %v", result, err)
	}
	if !strings.Contains(result.Answer, "acknowledged by the indexers") || !strings.Contains(result.Answer, "3 requests") {
		t.Errorf("answer %q", result.Answer)
	}
	const ms = time.Millisecond
	if want := []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms}; !slices.Equal(b.clock.waits, want) {
		t.Errorf("waits %v, want %v", b.clock.waits, want)
	}
	if took := b.clock.now().Sub(start); took < 3*time.Second {
		t.Errorf("settled after %v, before it was indexed", took)
	}
	if n := b.receiver.Stats().Acks; n != 3 {
		t.Errorf("%d acknowledgements were told", n)
	}
}

func TestNeverAcknowledged(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{Ack: true}, Options{AckTimeout: 2 * time.Minute})
	b.receiver.HangAcks(true)
	result, err := b.Send(t.Context(), sendertest.Records(0, 3))
	e := tributary.AsSendError(err)
	if err == nil || e.Kind != tributary.SendRetry || result.Settled != 0 || !strings.Contains(err.Error(), "twice") || !strings.Contains(e.Next, "load balancer") {
		t.Fatalf("%+v, %v", result, err)
	}
	longest := slices.Max(b.clock.waits)
	var sum time.Duration
	for _, w := range b.clock.waits {
		sum += w
	}
	if longest != maxAckPoll || sum != 2*time.Minute {
		t.Errorf("waited %v in steps of up to %v", sum, longest)
	}
}

// What the first requests brought in is settled, although a later one failed.
func TestAcksOfEarlierRequestsCount(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{Ack: true, AckAfter: time.Second}, Options{MaxBatchBytes: 1})
	b.receiver.Inject(receiver.Pass(), receiver.Pass(), receiver.Code(9, 5*time.Second))
	result, err := b.Send(t.Context(), sendertest.Records(0, 5))
	if e := tributary.AsSendError(err); err == nil || result.Settled != 2 || e.After != 5*time.Second {
		t.Fatalf("%+v, %v", result, err)
	}
	// When they are not acknowledged either, the operator hears of it soon.
	b.receiver.HangAcks(true)
	b.receiver.Inject(receiver.Pass(), receiver.Code(9, 0))
	before := b.clock.now()
	result, err = b.Send(t.Context(), sendertest.Records(10, 5))
	if err == nil || result.Settled != 0 || !strings.Contains(err.Error(), "busy") {
		t.Fatalf("%+v, %v", result, err)
	}
	if took := b.clock.now().Sub(before); took != ackGrace {
		t.Errorf("told after %v, want %v", took, ackGrace)
	}
}

// A record that is not settled keeps the ones behind it unsettled, even those
// that were refused: they come again together.
func TestSettledIsAPrefix(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{Ack: true}, Options{})
	b.receiver.HangAcks(true)
	records := sendertest.Records(0, 4)
	records[2].Body = []byte(`{"x":"` + strings.Repeat("y", MaxEventBytes) + `"}`)
	result, err := b.Send(t.Context(), records)
	if err == nil || result.Settled != 0 || len(result.Refused) != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
}

func TestAckModes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token   bool // the token has indexer acknowledgement
		mode    AckMode
		settled int
		events  int
	}{
		"auto with":        {true, AckAuto, 0, 3},
		"auto without":     {false, AckAuto, 3, 3},
		"required with":    {true, AckRequired, 0, 3},
		"required without": {false, AckRequired, 0, 0},
		"off with":         {true, AckOff, 3, 3},
		"off without":      {false, AckOff, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, receiver.Options{Ack: c.token}, Options{Ack: c.mode})
			b.receiver.HangAcks(true)
			result, err := b.Send(t.Context(), sendertest.Records(0, 3))
			if result.Settled != c.settled || (err == nil) != (c.settled == 3) || len(b.taken()) != c.events {
				t.Errorf("settled %d, %d events, %v", result.Settled, len(b.taken()), err)
			}
			if c.mode == AckRequired && !c.token && tributary.AsSendError(err).Kind != tributary.SendMisconfigured {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Behind a balancer that spreads a channel, two machines give the same id. An
// acknowledgement then says nothing about the older request.
func TestSameAckIDTwice(t *testing.T) {
	t.Parallel()
	posts := 0
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ack") {
			fmt.Fprint(w, `{"acks":{"0":true}}`)
			return
		}
		posts++
		fmt.Fprint(w, `{"text":"Success","code":0,"ackId":0}`)
	})
	s.limit = 1
	result, err := s.Send(t.Context(), sendertest.Records(0, 2))
	if err == nil || result.Settled != 0 || posts != 2 || !strings.Contains(err.Error(), "anew") {
		t.Fatalf("%+v after %d requests, %v", result, posts, err)
	}
}

// Asking may fail for a while: what was accepted isn't sent again for that.
// It ends when no asking can help.
func TestAskingFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asks []string // the answers, then all is acknowledged
		want tributary.SendKind
		says string
	}{
		"busy, then well":     {[]string{`{"text":"Server is busy","code":9}`, "<html>", "drop"}, "", ""},
		"ack is disabled":     {[]string{`{"text":"ACK is disabled","code":14}`}, tributary.SendMisconfigured, "ACK is disabled"},
		"not acknowledged":    {[]string{`{"acks":{}}`, `{"acks":{"0":false,"1":true}}`}, "", ""},
		"never a good answer": {slices.Repeat([]string{"drop"}, 1000), tributary.SendRetry, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asks := c.asks
			s := against(t, func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/ack") {
					fmt.Fprint(w, `{"text":"Success","code":0,"ackId":0}`)
					return
				}
				if len(asks) == 0 {
					fmt.Fprint(w, `{"acks":{"0":true}}`)
					return
				}
				ask := asks[0]
				asks = asks[1:]
				if ask == "drop" {
					panic(http.ErrAbortHandler)
				}
				if strings.Contains(ask, "busy") || strings.HasPrefix(ask, "<") {
					w.WriteHeader(http.StatusServiceUnavailable)
				} else if strings.Contains(ask, "code") {
					w.WriteHeader(http.StatusBadRequest)
				}
				fmt.Fprint(w, ask)
			})
			result, err := s.Send(t.Context(), sendertest.Records(0, 1))
			if c.want == "" {
				if err != nil || result.Settled != 1 {
					t.Fatalf("%+v, %v", result, err)
				}
				return
			}
			if e := tributary.AsSendError(err); err == nil || e.Kind != c.want || result.Settled != 0 || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%+v, %v", result, err)
			}
		})
	}
}

// The server's own wish counts, once.
func TestAskingWaitsAsTheServerWants(t *testing.T) {
	t.Parallel()
	asks := 0
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/ack") {
			fmt.Fprint(w, `{"text":"Success","code":0,"ackId":0}`)
			return
		}
		if asks++; asks == 1 {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"text":"Server is busy","code":9}`)
			return
		}
		fmt.Fprintf(w, `{"acks":{"0":%t}}`, asks == 3)
	})
	c := newClock()
	s.wait, s.now = c.wait, c.now
	if _, err := s.Send(t.Context(), sendertest.Records(0, 1)); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{250 * time.Millisecond, 30 * time.Second, time.Second}; !slices.Equal(c.waits, want) {
		t.Errorf("waits %v, want %v", c.waits, want)
	}
}

func TestCancelledWhileWaitingForTheIndexers(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{Ack: true}, Options{})
	b.receiver.HangAcks(true)
	ctx, cancel := context.WithCancel(t.Context())
	waits := 0
	b.wait = func(ctx context.Context, _ time.Duration) error {
		if waits++; waits == 3 {
			cancel()
		}
		return ctx.Err()
	}
	result, err := b.Send(ctx, sendertest.Records(0, 3))
	if !errors.Is(err, context.Canceled) || result.Settled != 0 || waits != 3 {
		t.Fatalf("%+v after %d waits, %v", result, waits, err)
	}
}
