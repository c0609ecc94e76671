package entra

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"tributary"
)

// Answer is what the identity service said when it refused. It is the Err of
// the *[tributary.Error] that reports the refusal, so errors.As finds it.
type Answer struct {
	Status        int    // HTTP status; 0 if the answer came by a redirect of the browser
	Code          string // OAuth error, such as invalid_grant
	Sub           string // suberror, such as consent_required
	Numbers       []int  // AADSTS numbers in the order given
	Text          string // first line of Microsoft's own text, without our secrets
	Claims        string // claims challenge: JSON to repeat in a new sign-in; empty if none
	TraceID       string // both for Microsoft's support
	CorrelationID string
	// Customer is what to tell the customer where the customer must act: a
	// sentence or two that can be mailed. Empty where we must act.
	Customer string
	says     string // what happened, in our words
}

// Error is what happened in plain words, then in brackets what a support
// engineer needs.
func (a *Answer) Error() string {
	var refs []string
	if a.Code != "" {
		refs = append(refs, a.Code)
	}
	if a.Sub != "" {
		refs = append(refs, a.Sub)
	}
	for _, n := range a.Numbers {
		refs = append(refs, fmt.Sprintf("AADSTS%d", n))
	}
	if a.Status != 0 && (a.Code == "" || a.Status >= 500 || a.Status == 429) {
		refs = append(refs, fmt.Sprintf("HTTP %d", a.Status))
	}
	if a.TraceID != "" {
		refs = append(refs, "trace id "+a.TraceID)
	}
	if a.CorrelationID != "" {
		refs = append(refs, "correlation id "+a.CorrelationID)
	}
	if len(refs) == 0 {
		return a.says
	}
	return a.says + " (" + strings.Join(refs, ", ") + ")"
}

// answerBody is Entra's error body. The numbers are decoded loosely, so that
// an odd one doesn't lose the rest.
type answerBody struct {
	Error         string          `json:"error"`
	Suberror      string          `json:"suberror"`
	Description   string          `json:"error_description"`
	Codes         json.RawMessage `json:"error_codes"`
	TraceID       string          `json:"trace_id"`
	CorrelationID string          `json:"correlation_id"`
	Claims        string          `json:"claims"`
}

// parseAnswer reads an error body of the identity service. A body that is not
// one (a proxy's page, for instance) gives an Answer with the status alone.
func parseAnswer(status int, body []byte, secrets []tributary.Secret) *Answer {
	var b answerBody
	if json.Unmarshal(body, &b) != nil {
		return &Answer{Status: status}
	}
	var numbers []int
	_ = json.Unmarshal(b.Codes, &numbers) // the description has them too
	a := newAnswer(b.Error, b.Suberror, scrub(b.Description, secrets), numbers, status)
	a.Claims = scrub(b.Claims, secrets)
	if reference.MatchString(b.TraceID) {
		a.TraceID = b.TraceID
	}
	if reference.MatchString(b.CorrelationID) {
		a.CorrelationID = b.CorrelationID
	}
	return a
}

// parseRedirect reads the parameters of a redirect that reports an error. No
// secret of ours went to the browser, so it can't quote one.
func parseRedirect(v url.Values) *Answer {
	// error_subcode is the redirect's name for what the body calls suberror;
	// it is seen, not documented.
	return newAnswer(v.Get("error"), v.Get("error_subcode"), v.Get("error_description"), nil, 0)
}

var (
	word      = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	reference = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)
	aadsts    = regexp.MustCompile(`AADSTS([0-9]{4,9})`)
	traceID   = regexp.MustCompile(`(?i)trace id: *([0-9a-z-]{1,64})`)
	corrID    = regexp.MustCompile(`(?i)correlation id: *([0-9a-z-]{1,64})`)
)

func newAnswer(code, sub, description string, numbers []int, status int) *Answer {
	a := &Answer{Status: status}
	if word.MatchString(code) {
		a.Code = code
	}
	if word.MatchString(sub) {
		a.Sub = sub
	}
	for _, n := range numbers {
		a.addNumber(n)
	}
	for _, m := range aadsts.FindAllStringSubmatch(description, 8) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			a.addNumber(n)
		}
	}
	if m := traceID.FindStringSubmatch(description); m != nil {
		a.TraceID = m[1]
	}
	if m := corrID.FindStringSubmatch(description); m != nil {
		a.CorrelationID = m[1]
	}
	a.Text = firstLine(description)
	return a
}

func (a *Answer) addNumber(n int) {
	if n > 0 && len(a.Numbers) < 8 && !slices.Contains(a.Numbers, n) {
		a.Numbers = append(a.Numbers, n)
	}
}

var references = regexp.MustCompile(`(?i)\s*(trace id|correlation id|timestamp):.*$`)

// firstLine is the part of a description that people can use, made safe to
// print: one line, at most 300 characters.
func firstLine(description string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(description), "\n")
	line = references.ReplaceAllString(strings.TrimSpace(line), "")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, line)
	if r := []rune(line); len(r) > 300 {
		line = string(r[:299]) + "…"
	}
	return strings.TrimSpace(line)
}

// scrub takes our secrets out of what others wrote, in case they quote one.
func scrub(text string, secrets []tributary.Secret) string {
	for _, s := range secrets {
		secret := s.Reveal() // compared with what we are about to print, to keep it out
		if len(secret) < 8 {
			continue // would only tear words apart
		}
		text = strings.ReplaceAll(text, secret, s.String())
		text = strings.ReplaceAll(text, url.QueryEscape(secret), s.String())
	}
	return text
}
