package receiver

import (
	"encoding/json"
	"net/http"
)

// reply is an answer of the collector.
type reply struct {
	Text    string          `json:"text"`
	Code    int             `json:"code"`
	Invalid *int            `json:"invalid-event-number,omitempty"`
	AckID   *uint64         `json:"ackId,omitempty"`
	Acks    map[string]bool `json:"-"`
}

// replies has Splunk's text and status for each code that is used.
var replies = map[int]struct {
	text   string
	status int
}{
	0:  {"Success", 200},
	1:  {"Token disabled", 403},
	2:  {"Token is required", 401},
	3:  {"Invalid authorization", 401},
	4:  {"Invalid token", 403},
	5:  {"No data", 400},
	6:  {"Invalid data format", 400},
	7:  {"Incorrect index", 400},
	8:  {"Internal server error", 500},
	9:  {"Server is busy", 503},
	10: {"Data channel is missing", 400},
	11: {"Invalid data channel", 400},
	12: {"Event field is required", 400},
	13: {"Event field cannot be blank", 400},
	14: {"ACK is disabled", 400},
	15: {"Error in handling indexed fields", 400},
	16: {"Query string authorization is not enabled", 400},
	17: {"HEC is healthy", 200},
	18: {"HEC is unhealthy, queues are full", 503},
	19: {"HEC is unhealthy, ack service unavailable", 503},
	20: {"HEC is unhealthy, queues are full, ack service unavailable", 503},
	21: {"Invalid token", 400},
	22: {"Token disabled", 400},
	23: {"Server is shutting down", 503},
	24: {"HEC queue is approaching its capacity limit", 200},
	25: {"HEC ACK is approaching its capacity limit", 200},
	26: {"HEC queue is at capacity and cannot process any more requests", 429},
	27: {"HEC ACK channel is at capacity and cannot process any more requests", 429},
	28: {"Data channel is missing. If you have multiple indexers, sticky session load balancers must be provisioned and client requests must be routed accordingly.", 400},
}

func write(w http.ResponseWriter, r reply) {
	known := replies[r.Code]
	r.Text = known.text
	body, err := json.Marshal(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(known.status)
	_, _ = w.Write(body) // the client may have gone
}
