package receiver

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Fault is one way to fail, once. See [Receiver.Inject].
type Fault struct {
	// before runs before the body is read, and after when the events are taken
	// and before the answer; false means that it has answered.
	before func(http.ResponseWriter, *http.Request) bool
	after  func(http.ResponseWriter, *reply) bool
}

// Code answers with one of Splunk's codes and takes nothing: 9 is busy, 26 is
// full. A wait of a second or more goes into Retry-After.
func Code(code int, wait time.Duration) Fault {
	return Fault{before: func(w http.ResponseWriter, req *http.Request) bool {
		_, _ = io.Copy(io.Discard, req.Body) // read, as Splunk does
		if wait >= time.Second {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		}
		write(w, reply{Code: code})
		return false
	}}
}

// Answer answers with any status and body, as something before Splunk would,
// and takes nothing.
func Answer(status int, contentType, body string) Fault {
	return Fault{before: func(w http.ResponseWriter, req *http.Request) bool {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return false
	}}
}

// Warn takes the events and answers with code 24 or 25: nearly full.
func Warn(code int) Fault {
	return Fault{after: func(_ http.ResponseWriter, r *reply) bool {
		if r.Code == 0 {
			r.Code = code
		}
		return true
	}}
}

// Drop reads some of the body, closes the connection and takes nothing.
func Drop() Fault {
	return Fault{before: func(w http.ResponseWriter, req *http.Request) bool {
		_, _ = io.CopyN(io.Discard, req.Body, 100)
		panic(http.ErrAbortHandler)
	}}
}

// DropAnswer takes the events and closes the connection in the middle of the
// answer: the sender can't know.
func DropAnswer() Fault {
	return Fault{after: func(w http.ResponseWriter, _ *reply) bool {
		w.Header().Set("Content-Length", "30")
		_, _ = io.WriteString(w, `{"text":"Succ`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}}
}

// Slow waits before it takes the events, but not longer than the client does.
func Slow(d time.Duration) Fault {
	return Fault{before: func(_ http.ResponseWriter, req *http.Request) bool {
		// Read first: only then does the server notice that a client goes.
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return true
		case <-req.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}}
}

// Hang reads the body, calls entered and never answers.
func Hang(entered func()) Fault {
	return Fault{before: func(_ http.ResponseWriter, req *http.Request) bool {
		_, _ = io.Copy(io.Discard, req.Body) // or the server doesn't notice that the client goes
		entered()
		<-req.Context().Done()
		panic(http.ErrAbortHandler)
	}}
}

// Restart forgets every acknowledgement, as Splunk does when it starts again,
// and takes the request that brings it.
func (r *Receiver) Restart() Fault {
	return Fault{before: func(http.ResponseWriter, *http.Request) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		clear(r.acks)
		return true
	}}
}

// Pass serves a request as it should be.
func Pass() Fault { return Fault{} }

// Inject queues faults: each next request with events and a good token gets
// one, in this order; after them all is well again.
func (r *Receiver) Inject(faults ...Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, faults...)
}

func (r *Receiver) nextFault() Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) == 0 {
		return Fault{}
	}
	f := r.faults[0]
	r.faults = r.faults[1:]
	return f
}

// Refuse decides which events are bad from now on: it returns the code for an
// event (6, 7, 12, 13 or 15), or 0 to take it. Nil ends that.
func (r *Receiver) Refuse(code func(Event) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = code
}

// HangAcks stops indexing: no acknowledgement becomes true until it is called
// with false.
func (r *Receiver) HangAcks(hang bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hung = hang
}
