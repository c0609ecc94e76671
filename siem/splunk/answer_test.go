package splunk

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tributary"
	"tributary/sendertest"
	"tributary/siem/splunk/receiver"
)

// Every code that Splunk documents, given to a request with two events.
func TestCodes(t *testing.T) {
	t.Parallel()
	const retry, person = tributary.SendRetry, tributary.SendMisconfigured
	for code, want := range map[int]tributary.SendKind{
		1: person, 2: person, 3: person, 4: person, 5: person, 7: person, 8: retry, 9: retry, 10: person, 11: person,
		14: person, 16: person, 17: person, 18: retry, 19: retry, 20: retry, 21: person, 22: person, 23: retry,
		26: retry, 27: retry, 28: person,
	} {
		b := setup(t, receiver.Options{}, Options{})
		b.receiver.Inject(receiver.Code(code, 7*time.Second))
		result, err := b.Send(t.Context(), sendertest.Records(0, 2))
		e := tributary.AsSendError(err)
		switch {
		case err == nil || e.Kind != want || result.Settled != 0:
			t.Errorf("code %d: %v (%s), %+v; want %s", code, err, e.Kind, result, want)
		case want == person && e.Next == "":
			t.Errorf("code %d: no next step: %v", code, err)
		case want == retry && e.After != 7*time.Second:
			t.Errorf("code %d: After is %v, want what the server asked for", code, e.After)
		}
		if n := len(b.taken()); n != 0 {
			t.Errorf("code %d: %d events were taken", code, n)
		}
	}
}

// An answer without a code comes from something before Splunk.
func TestAnswersOfOthers(t *testing.T) {
	t.Parallel()
	const retry, person = tributary.SendRetry, tributary.SendMisconfigured
	page := "<!doctype html><html><head><TITLE> Who are you? </TITLE></head>" + strings.Repeat("<p>", 50_000)
	for _, c := range []struct {
		status     int
		kind, body string
		want       tributary.SendKind
		says       string
	}{
		{200, "text/html", page, person, "Who are you?"},
		{200, "application/json", `{"ok":true}`, person, `{"ok":true}`},
		{200, "application/json", `[]`, person, "[]"},
		{200, "application/json", `{"code":"0"}`, person, "HTTP status 200"},
		{200, "", "", person, "an empty answer"},
		{503, "application/json", `{"text":"Success","code":0}`, retry, "503"},
		{400, "application/json", `{"text":"Success","code":0}`, person, "400"},
		{503, "application/json", `{"text":"Something new","code":77}`, retry, "Something new"},
		{400, "application/json", `{"text":"Something new","code":77}`, person, "code 77"},
		{204, "", "", person, "204"},
		{400, "text/html", page, person, "400"},
		{401, "text/plain", "no " + testToken + " " + strings.Repeat("x", 150) + testToken, person, "[redacted]"},
		{403, "text/html", "<html>", person, "without a title"},
		{404, "text/plain", "not\x00here\n", person, "here"},
		{407, "text/plain", "proxy", person, "proxy"},
		{408, "", "", retry, "408"},
		{429, "text/plain", "slow", retry, "slow"},
		{500, "text/html", page, retry, "500"},
		{501, "", "", person, "501"},
		{502, "text/html", page, retry, "502"},
		{503, "text/plain", "\xff\xfe", retry, "503"},
		{504, "", "", retry, "504"},
		{999, "text/plain", "odd", retry, "odd"},
	} {
		b := setup(t, receiver.Options{}, Options{})
		b.receiver.Inject(receiver.Answer(c.status, c.kind, c.body))
		result, err := b.Send(t.Context(), sendertest.Records(0, 2))
		e := tributary.AsSendError(err)
		if err == nil || e.Kind != c.want || result.Settled != 0 || !strings.Contains(err.Error(), c.says) || c.want == person && e.Next == "" {
			t.Errorf("status %d: %v (%s, next %q), want %s and %q", c.status, err, e.Kind, e.Next, c.want, c.says)
		}
		if err != nil && (strings.Contains(err.Error(), testToken) || strings.Contains(err.Error(), testToken[:8]) || len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\x00\n") || !utf8.ValidString(err.Error())) {
			t.Errorf("status %d: unfit for a log: %q", c.status, err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 1)
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	defer elsewhere.Close()
	s := against(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err := s.Send(t.Context(), sendertest.Records(0, 1))
	if e := tributary.AsSendError(err); err == nil || e.Kind != tributary.SendMisconfigured || !strings.Contains(e.Next, "redirect") {
		t.Errorf("got %v (%s, %q)", err, e.Kind, e.Next)
	}
	select {
	case <-reached:
		t.Error("the redirect was followed, with the token")
	default:
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = quiet
	tls.StartTLS()
	t.Cleanup(tls.Close)
	clear := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(clear.Close)
	gone := httptest.NewTLSServer(http.NotFoundHandler())
	gone.Close()
	const retry, person = tributary.SendRetry, tributary.SendMisconfigured
	for name, c := range map[string]struct {
		url    string
		client *http.Client
		want   tributary.SendKind
		next   string
	}{
		"unknown authority":     {tls.URL, noTrust(), person, "ca_file"},
		"another name":          {strings.Replace(tls.URL, "127.0.0.1", "localhost", 1), tls.Client(), person, "certificate"},
		"no TLS":                {strings.Replace(clear.URL, "http:", "https:", 1), noTrust(), person, "TLS"},
		"TLS where none should": {strings.Replace(tls.URL, "https:", "http:", 1), noTrust(), person, ""},
		"nobody there":          {gone.URL, gone.Client(), retry, ""},
		"no such host":          {"https://splunk.invalid:8088", noTrust(), person, "host name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "no such host" {
				// No resolver is asked: the dialer says what one would.
				c.client = &http.Client{Transport: &http.Transport{DialContext: noSuchHost}}
			}
			s := open(t, Options{URL: c.url, Client: c.client, Token: tributary.NewSecret(testToken)})
			_, err := s.Send(t.Context(), sendertest.Records(0, 1))
			e := tributary.AsSendError(err)
			if err == nil || e.Kind != c.want || !strings.Contains(e.Next, c.next) || strings.Contains(err.Error(), "/services") {
				t.Errorf("%v (%s, next %q), want %s and %q", err, e.Kind, e.Next, c.want, c.next)
			}
		})
	}
}

func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	b := setup(t, receiver.Options{}, Options{Timeout: 50 * time.Millisecond})
	b.receiver.Inject(receiver.Slow(time.Hour))
	_, err := b.Send(t.Context(), sendertest.Records(0, 1))
	if e := tributary.AsSendError(err); err == nil || e.Kind != tributary.SendRetry || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "soon": 0, "1.5": 0, "99999999999": 0,
		"86400":                         retryAfterLimit,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q is %v, want %v", header, got, want)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(200, "application/json", "5", []byte(`{"text":"Success","code":0,"ackId":3}`))
	f.Add(400, "application/json", "", []byte(`{"text":"Invalid data format","code":6,"invalid-event-number":0}`))
	f.Add(200, "application/json", "", []byte(`{"acks":{"0":true,"1":false}}`))
	f.Add(502, "text/html; charset=x", "Sun, 01 Mar 2026 12:00:30 GMT", []byte("<TITLE>\u0130</TITLE>"))
	f.Add(400, "", "", []byte(`{"code":12,"invalid-event-number":-9223372036854775808}`))
	f.Fuzz(func(t *testing.T, status int, kind, after string, body []byte) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}, "Retry-After": {after}}}
		a := readAnswer(resp, body, time.Unix(0, 0))
		for _, n := range []int{0, 1, 5} {
			if v := a.verdict(n); v == accepted && status != http.StatusOK {
				t.Fatalf("status %d is accepted: %+v", status, a)
			} else if v == poison && n > 1 && (a.invalid < 0 || a.invalid >= n) {
				t.Fatalf("event %d of %d is blamed", a.invalid, n)
			}
		}
		if words := a.words(); strings.ContainsAny(words, "\n\r\x00\x1b") || len(words) > 400 {
			t.Fatalf("unfit for a log: %q", words)
		}
		if a.after < 0 || a.after > retryAfterLimit {
			t.Fatalf("wait %v", a.after)
		}
	})
}
