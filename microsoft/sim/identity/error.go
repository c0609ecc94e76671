package identity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Error is a refusal as Entra words it (Entra:
// reference-error-codes).
type Error struct {
	Code     int    // the AADSTS number; 0 in a plain answer
	Also     int    // a second number inside the same description, as v1 does; 0: none
	Status   int    // HTTP status
	Name     string // `error`
	Suberror string // `suberror`; empty: left out
	Class    Class
	Text     string // the description's sentence after "AADSTSnnnnn: "
	AlsoText string
	Claims   string // `claims`, JSON; empty: left out
	// RetryAfter, if not zero, is sent as a Retry-After header in seconds.
	RetryAfter time.Duration
	// Subcode is `error_subcode`, which is only seen on a redirect.
	Subcode string
}

// Plain is an answer that does not come from Entra's own error handling: a
// gateway's 500 or 429, with a body that is not JSON.
func Plain(status int, text string, retryAfter time.Duration) *Error {
	return &Error{Status: status, Text: text, RetryAfter: retryAfter}
}

func (e *Error) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("HTTP %d: %s", e.Status, e.Text)
	}
	return e.Name + ": " + e.sentence()
}

// sentence is the description's first line.
func (e *Error) sentence() string {
	text := fmt.Sprintf("AADSTS%d: %s", e.Code, e.Text)
	if e.Also != 0 {
		text += fmt.Sprintf(" AADSTS%d: %s", e.Also, e.AlsoText)
	}
	return text
}

// say returns a copy with another sentence.
func (e *Error) say(format string, args ...any) *Error {
	c := *e
	c.Text = fmt.Sprintf(format, args...)
	return &c
}

// named returns a copy under another `error`.
func (e *Error) named(name string) *Error {
	c := *e
	c.Name = name
	return &c
}

// status returns a copy with another HTTP status.
func (e *Error) status(status int) *Error {
	c := *e
	c.Status = status
	return &c
}

// with returns a copy whose description and `error_codes` name a second error.
func (e *Error) with(also *Error) *Error {
	c := *e
	c.Also, c.AlsoText = also.Code, also.Text
	return &c
}

// trace is what Entra writes under each refusal, so that its support can find
// the request.
type trace struct {
	id, correlation string
	at              time.Time
}

func (s *Server) trace(r *http.Request) trace {
	correlation := uuid.NewString()
	if sent, err := uuid.Parse(r.Header.Get("client-request-id")); err == nil {
		correlation = sent.String()
	}
	return trace{id: uuid.NewString(), correlation: correlation, at: s.now().UTC()}
}

// stamp is the time as Entra writes it in errors.
func (t trace) stamp() string { return t.at.Format("2006-01-02 15:04:05Z") }

func (e *Error) description(t trace) string {
	return fmt.Sprintf("%s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", e.sentence(), t.id, t.correlation, t.stamp())
}

// uri is the page that explains the code.
func (e *Error) uri(base string) string { return base + "/error?code=" + strconv.Itoa(e.Code) }

type errorBody struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
	Suberror      string `json:"suberror,omitempty"`
	Claims        string `json:"claims,omitempty"`
}

// refuse answers with the error's JSON, or with its plain text.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, e *Error) {
	h := w.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	noStore(h)
	if e.Code == 0 {
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(e.Status)
		fmt.Fprintf(w, "<html><body>%s</body></html>\n", htmlEscaper.Replace(e.Text))
		return
	}
	t := s.trace(r)
	codes := []int{e.Code}
	if e.Also != 0 {
		codes = append(codes, e.Also)
	}
	h.Set("x-ms-request-id", t.id)
	writeJSON(w, e.Status, errorBody{
		Error: e.Name, Description: e.description(t), Codes: codes, Timestamp: t.stamp(),
		TraceID: t.id, CorrelationID: t.correlation, URI: e.uri(s.baseURL(r)), Suberror: e.Suberror, Claims: e.Claims,
	})
}

var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// An error here is the client's connection: nobody is left to tell.
	_ = enc.Encode(body)
}
