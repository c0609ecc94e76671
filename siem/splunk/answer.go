package splunk

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Codes of the collector's answers, as Splunk's documents number them.
const (
	codeSuccess           = 0
	codeNoData            = 5
	codeInvalidData       = 6
	codeIncorrectIndex    = 7
	codeEventRequired     = 12
	codeEventBlank        = 13
	codeAckDisabled       = 14
	codeBadFields         = 15
	codeQueueNearlyFull   = 24
	codeAcksNearlyFull    = 25
	codeNone              = -1 // the answer is not the collector's
	maxAnswer             = 64 << 10
	maxQuotedText         = 200
	retryAfterLimit       = 10 * time.Minute
	invalidEventNotNamed  = -1
	contentTypeOfAnswers  = "application/json"
	healthPath            = "/services/collector/health"
	eventPath             = "/services/collector/event"
	ackPath               = "/services/collector/ack"
	channelHeader         = "X-Splunk-Request-Channel"
	authorizationScheme   = "Splunk "
	contentTypeOfRequests = "application/json"
)

// verdict is what an answer means for a request's events.
type verdict int

const (
	accepted      verdict = iota // all of them, into a queue
	poison                       // one of them is bad; those before it are in
	tooLarge                     // none; fewer at once may pass
	wrongIndex                   // those before the named one are in
	later                        // none; the same request may pass later
	misconfigured                // none, until a person acts
)

// answer is the collector's answer to one request.
type answer struct {
	status  int
	code    int
	text    string // the collector's own words, or the beginning of what came instead
	invalid int    // number of the event that the code is about, from 0; invalidEventNotNamed
	ackID   *uint64
	acks    map[string]bool
	after   time.Duration
}

// readAnswer takes a response apart. Whatever a proxy on the way answers
// instead becomes an answer without a code.
func readAnswer(resp *http.Response, body []byte, now time.Time) answer {
	a := answer{status: resp.StatusCode, code: codeNone, invalid: invalidEventNotNamed, after: retryAfter(resp.Header.Get("Retry-After"), now)}
	var m struct {
		Text    string          `json:"text"`
		Code    *int            `json:"code"`
		Invalid *int            `json:"invalid-event-number"`
		AckID   *uint64         `json:"ackId"`
		Acks    map[string]bool `json:"acks"`
	}
	if err := json.Unmarshal(body, &m); err != nil || m.Code == nil && m.Acks == nil {
		a.text = describe(resp, body)
		return a
	}
	a.text, a.ackID, a.acks = clip(m.Text), m.AckID, m.Acks
	if m.Code != nil {
		a.code = *m.Code
	}
	if m.Invalid != nil {
		a.invalid = *m.Invalid
	}
	return a
}

// verdict reads the code, and the status where there is none. N is how many
// events the request had.
func (a answer) verdict(n int) verdict {
	if a.code == codeNone {
		return verdictOfStatus(a.status)
	}
	switch a.code {
	case codeSuccess, codeQueueNearlyFull, codeAcksNearlyFull:
		if a.status == http.StatusOK {
			return accepted
		}
		return verdictOfStatus(a.status)
	case 8, 9, 18, 19, 20, 23, 26, 27:
		return later
	case codeInvalidData, codeEventRequired, codeEventBlank, codeBadFields:
		unclear := a.invalid < 0 || a.invalid >= n
		// Splunk Cloud answers a body that is too large as if its first event
		// were bad: so ask again with fewer before blaming that one.
		if n > 1 && (unclear || a.code == codeInvalidData && a.invalid == 0) {
			return tooLarge
		}
		return poison
	case codeIncorrectIndex:
		return wrongIndex
	case 1, 2, 3, 4, codeNoData, 10, 11, codeAckDisabled, 16, 17, 21, 22, 28:
		return misconfigured
	}
	return verdictOfStatus(a.status)
}

func verdictOfStatus(status int) verdict {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return tooLarge
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500 && status != http.StatusNotImplemented:
		return later
	}
	return misconfigured
}

// words are the answer for a person.
func (a answer) words() string {
	if a.code == codeNone {
		return a.text
	}
	return fmt.Sprintf("%s (code %d, HTTP status %d)", or(a.text, "no text"), a.code, a.status)
}

// describe tells what came instead of the collector's answer.
func describe(resp *http.Response, body []byte) string {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	text := clip(string(body))
	switch {
	case text == "":
		text = "an empty answer"
	case kind == "text/html" || strings.HasPrefix(text, "<"):
		text = "a web page: " + title(text)
	}
	return fmt.Sprintf("HTTP status %d with %s", resp.StatusCode, text)
}

// title is a web page's title, which says most about whose page it is.
func title(page string) string {
	lower := strings.ToLower(page)
	from := strings.Index(lower, "<title>")
	to := strings.Index(lower, "</title>")
	if from < 0 || to < from || len(lower) != len(page) {
		return "without a title"
	}
	return strconv.Quote(strings.TrimSpace(page[from+len("<title>") : to]))
}

// clip makes foreign text fit for a line of an error: its beginning, without
// control characters.
func clip(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\ufffd"), func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r <= 0x9f }), " ")
	if len(text) <= maxQuotedText {
		return text
	}
	return strings.ToValidUTF8(text[:maxQuotedText], "") + "…"
}

// retryAfter reads the header in both of its forms. What is nonsense or in the
// past is no wish; what is too long is cut, so that one wrong header doesn't
// stop a destination for a day.
func retryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	var d time.Duration
	if seconds, err := strconv.ParseUint(strings.TrimSpace(header), 10, 32); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), retryAfterLimit)
}
