package main

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"tributary"
	"tributary/siem/splunk/receiver"
)

// demoReceiver is the HTTP Event Collector inside the demo. It keeps of each
// event only which version it is.
type demoReceiver struct {
	url    string
	token  tributary.Secret
	server *http.Server

	mu      sync.Mutex
	times   map[tributary.EventID]int
	byOwner map[string]ownerCount
}

// ownerCount is what came for one customer.
type ownerCount struct {
	delivered int
	lag       time.Duration // of the newest event: from our reading it to its arrival
}

func startReceiver() (*demoReceiver, error) {
	r := &demoReceiver{
		token: tributary.NewSecret(uuid.NewString()),
		times: map[tributary.EventID]int{}, byOwner: map[string]ownerCount{},
	}
	listener, address, err := listenLoopback()
	if err != nil {
		return nil, err
	}
	r.url = address.String()
	r.server = &http.Server{
		Handler:           receiver.New(receiver.Options{Token: r.token, Ack: true, AckAfter: 100 * time.Millisecond, OnEvent: r.take}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { _ = r.server.Serve(listener) }() // ends with close
	return r, nil
}

func (r *demoReceiver) close() { _ = r.server.Close() }

func (r *demoReceiver) take(e receiver.Event) {
	var body struct {
		Tributary struct {
			Tenant  string    `json:"tenant"`
			EventID string    `json:"event_id"`
			Fetched time.Time `json:"fetched"`
		} `json:"tributary"`
	}
	var id tributary.EventID
	if json.Unmarshal(e.Body, &body) == nil {
		// An event without a good id counts as one that nobody sent: the
		// comparison shows it.
		_, _ = hex.Decode(id[:], []byte(body.Tributary.EventID))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times[id]++
	owner := r.byOwner[body.Tributary.Tenant]
	owner.delivered++
	owner.lag = time.Since(body.Tributary.Fetched)
	r.byOwner[body.Tributary.Tenant] = owner
}

// received is how often each version came.
func (r *demoReceiver) received() map[tributary.EventID]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.times)
}

// tenants is what came for each customer.
func (r *demoReceiver) tenants() map[string]ownerCount {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.byOwner)
}
