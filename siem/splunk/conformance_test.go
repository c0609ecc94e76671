package splunk

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"tributary"
	"tributary/sendertest"
	"tributary/siem/splunk/receiver"
)

// poisoned marks a record that the collector refuses.
func poisoned() tributary.Record {
	r := sendertest.Records(9999, 1)[0]
	r.Body = []byte(`{"poison":true}`)
	return r
}

func refusePoison(code int) func(receiver.Event) int {
	return func(e receiver.Event) int {
		if bytes.Contains(e.Body, []byte(`"poison"`)) {
			return code
		}
		return 0
	}
}

// Every sender's suite, with and without indexer acknowledgement, for each
// code that blames one event, with bodies of about seven events.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, ack := range []bool{false, true} {
		for _, code := range []int{6, 12, 13, 15} {
			t.Run(fmt.Sprintf("ack %t code %d", ack, code), func(t *testing.T) {
				t.Parallel()
				sendertest.Run(t, func(t *testing.T) sendertest.Target { return target(t, ack, code) })
			})
		}
	}
}

func target(t *testing.T, ack bool, code int) sendertest.Target {
	b := setup(t, receiver.Options{Ack: ack, AckAfter: 3 * time.Second}, Options{MaxBatchBytes: 4000, AckTimeout: time.Minute})
	b.receiver.Refuse(refusePoison(code))
	fault := func(name string, kind tributary.SendKind, faults ...receiver.Fault) sendertest.Fault {
		return sendertest.Fault{Name: name, Kind: kind, Break: func() { b.receiver.Inject(faults...) }}
	}
	retry, person := tributary.SendRetry, tributary.SendMisconfigured
	faults := []sendertest.Fault{
		fault("busy", retry, receiver.Code(9, 0)),
		fault("busy after two requests", retry, receiver.Pass(), receiver.Pass(), receiver.Code(26, 2*time.Second)),
		fault("shutting down", retry, receiver.Pass(), receiver.Code(23, 0)),
		fault("token disabled meanwhile", person, receiver.Pass(), receiver.Code(1, 0)),
		fault("dropped in the body", retry, receiver.Pass(), receiver.Drop()),
		fault("a proxy's page", retry, receiver.Pass(), receiver.Answer(502, "text/html", "<html><title>Bad gateway</title></html>")),
		fault("a page that says 200", person, receiver.Pass(), receiver.Answer(200, "text/html", "<html><title>Sign in</title>"+testToken+"</html>")),
	}
	lost := fault("the answer is lost", retry, receiver.Pass(), receiver.DropAnswer())
	lost.Repeats = true
	faults = append(faults, lost)
	if ack {
		faults = append(faults,
			sendertest.Fault{
				Name: "never acknowledged", Kind: retry, Repeats: true,
				Break: func() { b.receiver.HangAcks(true) }, Mend: func() { b.receiver.HangAcks(false) },
			},
			sendertest.Fault{
				Name: "acknowledgements forgotten", Kind: retry, Repeats: true,
				Break: func() { b.receiver.Inject(receiver.Pass(), receiver.Pass(), b.receiver.Restart()) },
			})
	}
	return sendertest.Target{
		Sender: b.Sender, Received: b.bodies, Unacceptable: poisoned, Faults: faults, Secrets: []string{testToken},
		Hang: func() <-chan struct{} {
			held := make(chan struct{})
			var once sync.Once
			b.receiver.Inject(receiver.Hang(func() { once.Do(func() { close(held) }) }))
			return held
		},
	}
}
