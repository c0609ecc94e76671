package receiver

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// tellAcks answers which requests of a channel have been indexed. True is told
// once: then the id is forgotten. Another channel's ids are false.
func (r *Receiver) tellAcks(w http.ResponseWriter, req *http.Request) {
	if !r.authorized(w, req) {
		return
	}
	if !r.options.Ack {
		write(w, reply{Code: 14})
		return
	}
	id, ok := r.channelOf(w, req)
	if !ok {
		return
	}
	var query struct {
		Acks []uint64 `json:"acks"`
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil || json.Unmarshal(body, &query) != nil || query.Acks == nil {
		write(w, reply{Code: 6})
		return
	}
	acks := map[string]bool{}
	r.mu.Lock()
	c := r.channel(id)
	for _, ack := range query.Acks {
		ready, known := c.ready[ack]
		indexed := known && !r.hung && !r.options.Now().Before(ready)
		if indexed {
			delete(c.ready, ack)
			r.stats.Acks++
		}
		acks[strconv.FormatUint(ack, 10)] = indexed
	}
	r.mu.Unlock()
	answer, err := json.Marshal(map[string]any{"acks": acks})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, _ = w.Write(answer) // the client may have gone
}
