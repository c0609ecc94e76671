package receiver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// events takes the events of a request: all of them, or those before the first
// bad one.
func (r *Receiver) events(w http.ResponseWriter, req *http.Request) {
	if !r.authorized(w, req) {
		return
	}
	id, ok := r.channelOf(w, req)
	if !ok {
		return
	}
	fault := r.nextFault()
	if fault.before != nil && !fault.before(w, req) {
		return
	}
	body, ok := r.read(w, req)
	if !ok {
		return
	}
	if r.options.CloudLimit > 0 && int64(len(body)) > r.options.CloudLimit {
		write(w, reply{Code: 6, Invalid: new(int)})
		return
	}
	answer := r.take(body, id)
	if fault.after != nil && !fault.after(w, &answer) {
		return
	}
	write(w, answer)
}

// read returns the body, uncompressed.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request) ([]byte, bool) {
	var from io.Reader = req.Body
	switch encoding := req.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		buffered := bufio.NewReader(from)
		if _, err := buffered.Peek(1); err == io.EOF {
			write(w, reply{Code: 5})
			return nil, false
		}
		unzip, err := gzip.NewReader(buffered)
		if err != nil {
			write(w, reply{Code: 6, Invalid: new(int)})
			return nil, false
		}
		from = unzip
	default:
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return nil, false
	}
	body, err := io.ReadAll(io.LimitReader(from, r.options.MaxContentLength+1))
	if err != nil {
		// A body that was cut off, or damaged: nothing of it counts.
		write(w, reply{Code: 6, Invalid: new(int)})
		return nil, false
	}
	if int64(len(body)) > r.options.MaxContentLength {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return nil, false
	}
	return body, true
}

// take reads the events one after the other, takes the good ones, and stops at
// the first bad one, as Splunk does.
func (r *Receiver) take(body []byte, channelID string) reply {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Requests++
	d := json.NewDecoder(bytes.NewReader(body))
	n := 0
	for ; ; n++ {
		var object json.RawMessage
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		code := 6
		var event Event
		if err == nil {
			event, code = r.parse(object)
		}
		if code == 0 && r.refuse != nil {
			code = r.refuse(event)
		}
		if code != 0 {
			number := n
			if code == 7 {
				number++ // Splunk names the event after the bad one
			}
			return reply{Code: code, Invalid: &number}
		}
		event.Channel = channelID
		r.stats.Events++
		if r.options.OnEvent != nil {
			r.options.OnEvent(event)
		}
	}
	if n == 0 {
		return reply{Code: 5}
	}
	answer := reply{Code: 0}
	if r.options.Ack {
		c := r.channel(channelID)
		ackID := c.next
		c.next++
		c.ready[ackID] = r.options.Now().Add(r.options.AckAfter)
		answer.AckID = &ackID
	}
	return answer
}

// parse reads one event; the code is 0 where it is good. The order of the
// checks is Splunk's: the event first, then what goes with it.
func (r *Receiver) parse(object []byte) (Event, int) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(object, &m); err != nil || m == nil {
		return Event{}, 6 // an array, a text, a number
	}
	body, ok := m["event"]
	switch {
	case !ok:
		return Event{}, 12
	case string(body) == "null" || string(body) == `""` || string(body) == "{}" || string(body) == "[]":
		return Event{}, 13
	}
	e := Event{Body: bytes.Clone(body)}
	for name, to := range map[string]*string{"host": &e.Host, "source": &e.Source, "sourcetype": &e.SourceType, "index": &e.Index} {
		if v, ok := m[name]; ok && json.Unmarshal(v, to) != nil {
			return Event{}, 6
		}
	}
	if v, ok := m["time"]; ok {
		text := strings.Trim(string(v), `"`)
		if !plainSeconds(text) {
			return Event{}, 15
		}
		e.Time = json.Number(text)
	}
	if v, ok := m["fields"]; ok {
		if json.Unmarshal(v, &e.Fields) != nil || !flat(e.Fields) {
			return Event{}, 15
		}
	}
	if e.Index != "" && len(r.options.Indexes) > 0 && !slices.Contains(r.options.Indexes, e.Index) {
		return Event{}, 7
	}
	return e, 0
}

// plainSeconds: digits with an optional part after the point, and no exponent.
func plainSeconds(text string) bool {
	whole, decimals, point := strings.Cut(text, ".")
	digits := func(s string) bool {
		return s != "" && strings.Trim(s, "0123456789") == ""
	}
	return digits(strings.TrimPrefix(whole, "-")) && (!point || digits(decimals))
}

// flat: every field is a text or a list of texts.
func flat(fields map[string]json.RawMessage) bool {
	for _, v := range fields {
		var text string
		var list []string
		if json.Unmarshal(v, &text) != nil && json.Unmarshal(v, &list) != nil {
			return false
		}
	}
	return true
}

func (r *Receiver) channel(id string) *channel {
	c := r.acks[id]
	if c == nil {
		c = &channel{ready: map[uint64]time.Time{}}
		r.acks[id] = c
	}
	return c
}
