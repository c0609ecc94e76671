package receiver

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
)

const (
	token     = "b7a1c9d2-0000-4000-8000-00000000beef"
	channelID = "11111111-2222-4333-8444-555555555555"
	path      = "/services/collector/event"
)

type call struct {
	method, path, body string
	header             map[string]string
}

func do(t *testing.T, r *Receiver, c call) (int, string) {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.path == "" {
		c.path = path
	}
	req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	req.Header.Set("Authorization", "Splunk "+token)
	for name, value := range c.header {
		req.Header.Set(name, value)
		if value == "" {
			req.Header.Del(name)
		}
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// What Splunk answers to each kind of request, and how many events it takes.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const good = `{"event":{"a":1}}`
	withChannel := map[string]string{"X-Splunk-Request-Channel": channelID}
	for name, c := range map[string]struct {
		options Options
		call    call
		status  int
		body    string
		taken   int
	}{
		"good":                    {call: call{body: good}, status: 200, body: `{"text":"Success","code":0}`, taken: 1},
		"several, no line breaks": {call: call{body: good + good + "\n" + good}, status: 200, body: `{"text":"Success","code":0}`, taken: 3},
		"older path":              {call: call{path: "/services/collector", body: good}, status: 200, body: `{"text":"Success","code":0}`, taken: 1},
		"newer path":              {call: call{path: "/services/collector/event/1.0", body: good}, status: 200, body: `{"text":"Success","code":0}`, taken: 1},
		"gzip":                    {call: call{body: zipped(good), header: map[string]string{"Content-Encoding": "gzip"}}, status: 200, body: `{"text":"Success","code":0}`, taken: 1},
		"gzip that is none":       {call: call{body: good, header: map[string]string{"Content-Encoding": "gzip"}}, status: 400, body: `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		"gzip that is cut":        {call: call{body: zipped(good)[:20], header: map[string]string{"Content-Encoding": "gzip"}}, status: 400, body: `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		"deflate":                 {call: call{body: good, header: map[string]string{"Content-Encoding": "deflate"}}, status: 415},
		"no token":                {call: call{body: good, header: map[string]string{"Authorization": ""}}, status: 401, body: `{"text":"Token is required","code":2}`},
		"bearer":                  {call: call{body: good, header: map[string]string{"Authorization": "Bearer " + token}}, status: 401, body: `{"text":"Invalid authorization","code":3}`},
		"other token":             {call: call{body: good, header: map[string]string{"Authorization": "Splunk x"}}, status: 403, body: `{"text":"Invalid token","code":4}`},
		"token in the query":      {call: call{path: path + "?token=" + token, body: good}, status: 400, body: `{"text":"Query string authorization is not enabled","code":16}`},
		"disabled":                {options: Options{Disabled: true}, call: call{body: good}, status: 403, body: `{"text":"Token disabled","code":1}`},
		"nothing":                 {call: call{}, status: 400, body: `{"text":"No data","code":5}`},
		"nothing, gzip":           {call: call{header: map[string]string{"Content-Encoding": "gzip"}}, status: 400, body: `{"text":"No data","code":5}`},
		"blanks":                  {call: call{body: " \n "}, status: 400, body: `{"text":"No data","code":5}`},
		"an array":                {call: call{body: "[" + good + "]"}, status: 400, body: `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		"commas":                  {call: call{body: good + "," + good}, status: 400, body: `{"text":"Invalid data format","code":6,"invalid-event-number":1}`, taken: 1},
		"cut":                     {call: call{body: good + good + `{"event":`}, status: 400, body: `{"text":"Invalid data format","code":6,"invalid-event-number":2}`, taken: 2},
		"no event":                {call: call{body: good + `{"time":1}`}, status: 400, body: `{"text":"Event field is required","code":12,"invalid-event-number":1}`, taken: 1},
		"blank event":             {call: call{body: good + `{"event":""}` + good}, status: 400, body: `{"text":"Event field cannot be blank","code":13,"invalid-event-number":1}`, taken: 1},
		"nested fields":           {call: call{body: `{"event":1,"fields":{"a":{"b":"c"}}}`}, status: 400, body: `{"text":"Error in handling indexed fields","code":15,"invalid-event-number":0}`},
		"fields of numbers":       {call: call{body: `{"event":1,"fields":{"a":1}}`}, status: 400, body: `{"text":"Error in handling indexed fields","code":15,"invalid-event-number":0}`},
		"fields of lists":         {call: call{body: `{"event":1,"fields":{"a":["b","c"],"d":"e"}}`}, status: 200, body: `{"text":"Success","code":0}`, taken: 1},
		"time with exponent":      {call: call{body: `{"event":1,"time":1.79E9}`}, status: 400, body: `{"text":"Error in handling indexed fields","code":15,"invalid-event-number":0}`},
		"time as text":            {call: call{body: `{"event":1,"time":"1790000000.5"}`}, status: 200, body: `{"text":"Success","code":0}`, taken: 1},
		"other index":             {options: Options{Indexes: []string{"main"}}, call: call{body: `{"event":1,"index":"main"}{"event":1,"index":"other"}`}, status: 400, body: `{"text":"Incorrect index","code":7,"invalid-event-number":2}`, taken: 1},
		"no channel, ack":         {options: Options{Ack: true}, call: call{body: good}, status: 400, body: `{"text":"Data channel is missing","code":10}`},
		"odd channel":             {call: call{body: good, header: map[string]string{"X-Splunk-Request-Channel": "x"}}, status: 400, body: `{"text":"Invalid data channel","code":11}`},
		"channel, ack":            {options: Options{Ack: true}, call: call{body: good, header: withChannel}, status: 200, body: `{"text":"Success","code":0,"ackId":0}`, taken: 1},
		"channel in the query":    {options: Options{Ack: true}, call: call{path: path + "?channel=" + channelID, body: good}, status: 200, body: `{"text":"Success","code":0,"ackId":0}`, taken: 1},
		"channel without ack":     {call: call{body: good, header: withChannel}, status: 200, body: `{"text":"Success","code":0}`, taken: 1},
		"acks without ack":        {call: call{path: "/services/collector/ack?channel=" + channelID, body: `{"acks":[0]}`}, status: 400, body: `{"text":"ACK is disabled","code":14}`},
		"acks of nothing":         {options: Options{Ack: true}, call: call{path: "/services/collector/ack?channel=" + channelID, body: `{}`}, status: 400, body: `{"text":"Invalid data format","code":6}`},
		"too long":                {options: Options{MaxContentLength: 10}, call: call{body: zipped(good), header: map[string]string{"Content-Encoding": "gzip"}}, status: 413},
		"too long in the cloud":   {options: Options{CloudLimit: 10}, call: call{body: good}, status: 400, body: `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		"health":                  {call: call{method: http.MethodGet, path: "/services/collector/health", header: map[string]string{"Authorization": ""}}, status: 200, body: `{"text":"HEC is healthy","code":17}`},
		"not a post":              {call: call{method: http.MethodGet}, status: 405, body: "Method Not Allowed"},
		"elsewhere":               {call: call{path: "/services/collector/raw", body: good}, status: 404, body: "404 page not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.Token = tributary.NewSecret(token)
			r := New(c.options)
			status, body := do(t, r, c.call)
			if status != c.status || body != c.body {
				t.Errorf("answer %d %s, want %d %s", status, body, c.status, c.body)
			}
			if n := r.Stats().Events; n != c.taken {
				t.Errorf("%d events taken, want %d", n, c.taken)
			}
		})
	}
}

func TestEventsAreWhatCame(t *testing.T) {
	t.Parallel()
	var events []Event
	r := New(Options{Token: tributary.NewSecret(token), OnEvent: func(e Event) { events = append(events, e) }})
	do(t, r, call{
		body:   `{"time":1790000000.250,"host":"h","source":"s","sourcetype":"st","index":"i","event":{ "n":1.50 },"fields":{"t":"x"}} {"event":"text"}`,
		header: map[string]string{"X-Splunk-Request-Channel": channelID},
	})
	if len(events) != 2 {
		t.Fatalf("%d events", len(events))
	}
	e := events[0]
	if e.Time != "1790000000.250" || e.Host != "h" || e.Source != "s" || e.SourceType != "st" || e.Index != "i" || string(e.Body) != `{ "n":1.50 }` || string(e.Fields["t"]) != `"x"` || e.Channel != channelID {
		t.Errorf("event %+v", e)
	}
	if string(events[1].Body) != `"text"` {
		t.Errorf("event %+v", events[1])
	}
}

// An acknowledgement is true once, after its time, and on its channel alone.
func TestAcks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := New(Options{Token: tributary.NewSecret(token), Ack: true, AckAfter: time.Second, Now: func() time.Time { return now }})
	ask := func(on string) string {
		_, body := do(t, r, call{path: "/services/collector/ack?channel=" + on, body: `{"acks":[0,1,7]}`})
		return body
	}
	post := func() { do(t, r, call{path: path + "?channel=" + channelID, body: `{"event":1}`}) }
	const none = `{"acks":{"0":false,"1":false,"7":false}}`
	const other = "99999999-2222-4333-8444-555555555555"
	var got []string
	post()
	got = append(got, ask(channelID))
	now = now.Add(time.Second)
	post()
	r.HangAcks(true)
	got = append(got, ask(channelID))
	r.HangAcks(false)
	got = append(got, ask(other), ask(channelID), ask(channelID))
	now = now.Add(time.Second)
	got = append(got, ask(channelID))
	want := []string{none, none, none, `{"acks":{"0":true,"1":false,"7":false}}`, none, `{"acks":{"0":false,"1":true,"7":false}}`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Faults come one to a request, in their order, and then all is well.
func TestFaults(t *testing.T) {
	t.Parallel()
	r := New(Options{Token: tributary.NewSecret(token)})
	server := httptest.NewServer(r)
	defer server.Close()
	post := func() (string, int) {
		req, err := http.NewRequest(http.MethodPost, server.URL+path, strings.NewReader(`{"event":"`+strings.Repeat("x", 1000)+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Splunk "+token)
		before := r.Stats().Events
		resp, err := server.Client().Do(req)
		if err != nil {
			return "no answer", r.Stats().Events - before
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return "cut answer", r.Stats().Events - before
		}
		return resp.Header.Get("Retry-After") + string(body), r.Stats().Events - before
	}
	r.Inject(Code(9, 7*time.Second), Drop(), Pass(), DropAnswer(), Warn(24), Slow(time.Millisecond), Answer(502, "text/html", "<html>"))
	for i, want := range []struct {
		answer string
		taken  int
	}{
		{`7{"text":"Server is busy","code":9}`, 0},
		{"no answer", 0},
		{`{"text":"Success","code":0}`, 1},
		{"cut answer", 1},
		{`{"text":"HEC queue is approaching its capacity limit","code":24}`, 1},
		{`{"text":"Success","code":0}`, 1},
		{"<html>", 0},
		{`{"text":"Success","code":0}`, 1},
	} {
		if answer, taken := post(); answer != want.answer || taken != want.taken {
			t.Errorf("request %d: %q with %d taken, want %q with %d", i, answer, taken, want.answer, want.taken)
		}
	}
	r.Refuse(func(Event) int { return 13 })
	if answer, taken := post(); !strings.Contains(answer, `"code":13`) || taken != 0 {
		t.Errorf("refused event: %q with %d taken", answer, taken)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"time":1790000000.250,"host":"h","event":{"n":1.50},"fields":{"t":"x"}}{"event":"text"}`))
	f.Add([]byte(`[{"event":1}]`))
	f.Add([]byte(`{"event":1},{"event":2}`))
	f.Add([]byte(`{"event":1,"fields":null,"time":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		taken := 0
		r := New(Options{OnEvent: func(e Event) {
			taken++
			if !json.Valid(e.Body) || e.Time != "" && !plainSeconds(string(e.Time)) {
				t.Fatalf("took %+v", e)
			}
		}})
		answer := r.take(body, "")
		if (answer.Code == 0) != (answer.Invalid == nil && taken > 0) && answer.Code != 5 {
			t.Fatalf("answer %+v with %d taken", answer, taken)
		}
		if answer.Invalid != nil && answer.Code != 7 && *answer.Invalid != taken {
			t.Fatalf("event %d is bad, but %d were taken", *answer.Invalid, taken)
		}
	})
}
