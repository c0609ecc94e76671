package splunk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"tributary"
	"tributary/sendertest"
	"tributary/siem/splunk/receiver"
)

// Several bad events in one body, of each code that blames an event: each is
// refused, each other one arrives once and in order, in the same Send.
func TestPoisonIsCutOut(t *testing.T) {
	t.Parallel()
	for _, code := range []int{6, 12, 13, 15} {
		for _, bad := range [][]int{{0}, {9}, {0, 1, 2}, {4, 5, 9}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
			b := setup(t, receiver.Options{}, Options{})
			b.receiver.Refuse(refusePoison(code))
			records := sendertest.Records(0, 10)
			var want [][]byte
			for i := range records {
				if slices.Contains(bad, i) {
					records[i].Body = fmt.Appendf(nil, `{"poison":%d}`, i)
				} else {
					want = append(want, records[i].Body)
				}
			}
			result, err := b.Send(t.Context(), records)
			if err != nil || result.Settled != 10 {
				t.Fatalf("code %d, bad %v: %+v, %v", code, bad, result, err)
			}
			var refused []int
			for _, r := range result.Refused {
				refused = append(refused, r.Index)
				if !strings.Contains(r.Reason, fmt.Sprintf("code %d", code)) {
					t.Errorf("reason %q doesn't name code %d", r.Reason, code)
				}
			}
			if !slices.Equal(refused, bad) {
				t.Errorf("code %d: refused %v, want %v", code, refused, bad)
			}
			if got := b.bodies(); !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("code %d, bad %v: %d events arrived, want %d", code, bad, len(got), len(want))
			}
		}
	}
}

// Splunk Cloud blames event 0 for a body that is too large. No event is lost
// for that, and the next batch is small from the start.
func TestTooLargeBodyIsNotBlamedOnAnEvent(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]receiver.Options{
		"status 413":     {MaxContentLength: 120_000},
		"code 6 event 0": {CloudLimit: 120_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, o, Options{})
			records := sendertest.Records(0, 1000) // about half a megabyte
			result, err := b.Send(t.Context(), records)
			if err != nil || len(result.Refused) > 0 {
				t.Fatalf("%+v, %v", result, err)
			}
			before := b.receiver.Stats().Requests
			more := sendertest.Records(5000, 1000)
			if _, err := b.Send(t.Context(), more); err != nil {
				t.Fatal(err)
			}
			if got := b.bodies(); len(got) != 2000 || !bytes.Equal(got[1999], more[999].Body) {
				t.Fatalf("%d events arrived", len(got))
			}
			if s := b.receiver.Stats(); s.Events != 2000 || s.Requests-before > 10 || b.limit > 120_000 {
				t.Errorf("%d requests for the second batch, limit %d: the size was not learned", s.Requests-before, b.limit)
			}
		})
	}
}

func TestSingleEventTooLargeForTheServer(t *testing.T) {
	t.Parallel()
	large := sendertest.Records(0, 3)
	large[1].Body = []byte(`{"x":"` + strings.Repeat("y", 200_000) + `"}`)
	b := setup(t, receiver.Options{MaxContentLength: 120_000}, Options{})
	result, err := b.Send(t.Context(), large)
	if err != nil || len(result.Refused) != 1 || result.Refused[0].Index != 1 || !strings.Contains(result.Refused[0].Reason, "413") {
		t.Fatalf("%+v, %v: want record 1 refused", result, err)
	}
	// A limit below any alert's size is a mistake: nothing is buried for it.
	b = setup(t, receiver.Options{MaxContentLength: 100}, Options{})
	result, err = b.Send(t.Context(), sendertest.Records(0, 3))
	if e := tributary.AsSendError(err); err == nil || e.Kind != tributary.SendMisconfigured || result.Settled != 0 || !strings.Contains(e.Next, "limit") {
		t.Fatalf("%+v, %v", result, err)
	}
}

// The events before the one with the wrong index are in; the number that
// Splunk gives is that of the event behind it.
func TestWrongIndex(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{Indexes: []string{"main"}}, Options{Index: "security"})
	result, err := b.Send(t.Context(), sendertest.Records(0, 3))
	if e := tributary.AsSendError(err); err == nil || e.Kind != tributary.SendMisconfigured || result.Settled != 0 || !strings.Contains(e.Next, "index") {
		t.Errorf("%+v, %v", result, err)
	}
	b = setup(t, receiver.Options{}, Options{})
	b.receiver.Refuse(refusePoison(7))
	records := sendertest.Records(0, 5)
	records[3] = poisoned()
	result, err = b.Send(t.Context(), records)
	if err == nil || result.Settled != 3 || len(b.taken()) != 3 {
		t.Errorf("settled %d with %d taken, %v; want 3", result.Settled, len(b.taken()), err)
	}
}

// Numbers that can't be true: no event is blamed for another one's fault.
func TestNonsenseEventNumber(t *testing.T) {
	t.Parallel()
	for _, number := range []string{`,"invalid-event-number":99`, `,"invalid-event-number":-1`, ``} {
		s := against(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			if bytes.Contains(unzip(t, r), []byte("poison")) {
				fmt.Fprintf(w, `{"text":"Event field is required","code":12%s}`, number)
				return
			}
			fmt.Fprint(w, `{"text":"Success","code":0}`)
		})
		records := sendertest.Records(0, 9)
		records[6] = poisoned()
		result, err := s.Send(t.Context(), records)
		if err != nil || len(result.Refused) != 1 || result.Refused[0].Index != 6 {
			t.Errorf("number %q: %+v, %v", number, result, err)
		}
		if s.limit != DefaultMaxBatchBytes {
			t.Errorf("number %q: batches were made smaller", number)
		}
	}
}

func unzip(t *testing.T, r *http.Request) []byte {
	t.Helper()
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Error(err)
		return nil
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return body
}

// While the server's queues are nearly full there is a growing pause.
func TestSlowsDownWhenNearlyFull(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{}, Options{MaxBatchBytes: 1})
	b.receiver.Inject(receiver.Warn(24), receiver.Warn(25), receiver.Warn(24))
	if _, err := b.Send(t.Context(), sendertest.Records(0, 6)); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{time.Second / 2, time.Second, 2 * time.Second}; !slices.Equal(b.clock.waits, want) {
		t.Errorf("waits %v, want %v", b.clock.waits, want)
	}
	if n := len(b.taken()); n != 6 {
		t.Errorf("%d events", n)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		receiver receiver.Options
		options  Options
		next     string // empty: all well
	}{
		"good":          {receiver.Options{}, Options{}, ""},
		"good with ack": {receiver.Options{Ack: true}, Options{Ack: AckRequired}, ""},
		"wrong token":   {receiver.Options{}, Options{Token: tributary.NewSecret("0000")}, "token"},
		"disabled":      {receiver.Options{Disabled: true}, Options{}, "enable"},
		"ack required":  {receiver.Options{}, Options{Ack: AckRequired}, "acknowledgement"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.receiver, c.options)
			err := b.Check(t.Context())
			if e := tributary.AsSendError(err); (err == nil) != (c.next == "") || err != nil && !strings.Contains(e.Next, c.next) {
				t.Errorf("got %v (next %q), want %q", err, e.Next, c.next)
			}
			if n := len(b.taken()); n != 0 {
				t.Errorf("%d events were sent", n)
			}
		})
	}
}

// A balancer that keeps clients apart by a cookie gets it back.
func TestCookiesComeBack(t *testing.T) {
	t.Parallel()
	var came []string
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("node")
		came = append(came, fmt.Sprint(c != nil && c.Value == "7", err == nil))
		http.SetCookie(w, &http.Cookie{Name: "node", Value: "7"})
		fmt.Fprint(w, `{"text":"Success","code":0}`)
	})
	for range 2 {
		if _, err := s.Send(t.Context(), sendertest.Records(0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"false false", "true true"}; !slices.Equal(came, want) {
		t.Errorf("cookies %v, want %v", came, want)
	}
}

func TestCancelledBetweenRequests(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 3 {
			cancel()
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"text": "Success", "code": 0})
	})
	s.limit = 1
	result, err := s.Send(ctx, sendertest.Records(0, 10))
	if err == nil || result.Settled < 2 || result.Settled > 3 || n != 3 {
		t.Errorf("settled %d after %d requests, %v", result.Settled, n, err)
	}
}

func BenchmarkSend(b *testing.B) {
	bundle := setup(b, receiver.Options{}, Options{})
	records := sendertest.Records(0, 500)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bundle.Send(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
}
