package defender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tributary"
)

// Codes of the conditions that only these APIs have.
const (
	CodeRequestRefused = "request-refused"    // 400 and the like: the API doesn't take our question
	CodeNotThere       = "api-not-there"      // 404, 410: no such API at that address
	CodeRedirected     = "api-redirected"     // 3xx: the address leads elsewhere
	CodeNoPlan         = "no-defender-plan"   // the tenant has no licence for Defender, or it isn't set up
	CodeForeignLink    = "foreign-next-link"  // a next link to another address
	CodeAlertTooLarge  = "alert-too-large"    // above Config.MaxAlert
	CodeBadRequest     = "request-impossible" // our own mistake: a window or a page token that can't be
)

// maxWait bounds what we let a service ask for between two attempts.
const maxWait = time.Hour

// statusError is an answer that is no success.
type statusError struct {
	code      int
	said      string // the service's own words, cleaned
	requestID string
}

func (e *statusError) Error() string {
	text := strconv.Itoa(e.code) + " " + http.StatusText(e.code)
	if e.said != "" {
		text += ": " + e.said
	}
	if e.requestID != "" {
		text += " (request-id " + e.requestID + ")"
	}
	return strings.TrimSpace(text)
}

func (c *client) failure(code string, fix tributary.Fixer, err error, next string) *tributary.Error {
	return &tributary.Error{
		Code: code, Op: "read alerts from " + string(c.source), Tenant: c.tenant.Slug,
		Err: err, Fix: fix, Next: next,
	}
}

// mistake is a request that can't be made.
func (c *client) mistake(err error) *tributary.Error {
	return c.failure(CodeBadRequest, tributary.FixMSSP, err, "start this window again from its beginning")
}

// stuck is a window that can't be read to its end as it is.
func (c *client) stuck(err error) *tributary.Error {
	return c.failure(tributary.CodeUnavailable, tributary.FixRetry, err, "try again later")
}

// foreign is a next link that is not followed.
func (c *client) foreign(err error) *tributary.Error {
	return c.failure(CodeForeignLink, tributary.FixMSSP, err,
		"check the address of "+string(c.source)+" in the configuration of the cloud; a proxy in between has to rewrite @odata.nextLink")
}

// unanswered is a request to which no answer began.
func (c *client) unanswered(err error) error {
	if e := tributary.AsError(err); e != nil {
		return err // from Tokens, who know better
	}
	host := c.base.Host
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return c.failure(tributary.CodeUnavailable, tributary.FixRetry, fmt.Errorf("no answer from %s: %w", host, err), "")
	case distrust(err):
		return c.failure(tributary.CodeUnreachable, tributary.FixMSSP, fmt.Errorf("%s can't prove who it is: %w", host, err),
			"check the address, ca_file and proxy of the cloud in the configuration")
	case never(err):
		return c.failure(tributary.CodeUnreachable, tributary.FixRetry, fmt.Errorf("no connection to %s: %w", host, err),
			"check the network, the proxy and the address of the cloud in the configuration")
	}
	return c.failure(tributary.CodeUnavailable, tributary.FixRetry, fmt.Errorf("no answer from %s: %w", host, err), "")
}

// broken is an answer that began well and then was cut, or isn't what it should be.
func (c *client) broken(resp *http.Response, err error) *tributary.Error {
	if id := requestID(resp.Header); id != "" {
		err = fmt.Errorf("%w (request-id %s)", err, id)
	}
	var large *tooLargeError
	var syntax *syntaxError
	switch {
	case errors.As(err, &large):
		if id := c.nameOf(large.Element); id != "" {
			err = fmt.Errorf("alert %s: %w", id, err)
		}
		return c.failure(CodeAlertTooLarge, tributary.FixMSSP, err, "raise the limit on the size of an alert")
	case errors.As(err, &syntax), errors.Is(err, errEmpty):
		if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "" && !strings.Contains(kind, "json") {
			err = fmt.Errorf("the answer is %s: %w", clean(kind, 60), err)
		}
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("the answer was cut: %w", err)
	}
	return c.failure(tributary.CodeUnavailable, tributary.FixRetry, err, "")
}

// refused is an answer that is no success.
func (c *client) refused(resp *http.Response, served time.Time) *tributary.Error {
	fault := readFault(readSome(resp.Body))
	if status := strings.ReplaceAll(http.StatusText(resp.StatusCode), " ", ""); fault.code == strconv.Itoa(resp.StatusCode) || strings.EqualFold(fault.code, status) {
		fault.code = "" // it only repeats the status
	}
	e := &statusError{code: resp.StatusCode, said: c.text(resp, fault.sentence()), requestID: requestID(resp.Header)}
	if e.requestID == "" {
		e.requestID = clean(fault.requestID, 100)
	}
	f := c.classify(resp, fault.sentence(), e)
	if f.Fix == tributary.FixRetry {
		f.After = after(resp.Header, fault.message, served)
	}
	return f
}

// classify says what a status means, who can mend it and how. Said are the
// service's own words, at full length.
func (c *client) classify(resp *http.Response, said string, e *statusError) *tributary.Error {
	claims := strings.Contains(resp.Header.Get("WWW-Authenticate"), "insufficient_claims") || strings.Contains(said, "insufficient_claims")
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		switch {
		case unlicensed.MatchString(said):
			return c.failure(CodeNoPlan, tributary.FixCustomer, e,
				"ask the customer's administrator whether the tenant has a Microsoft Defender plan and has opened the Defender portal once")
		case claims:
			return c.failure(tributary.CodePolicy, tributary.FixPolicy, e,
				"ask the customer's administrator which Conditional Access policy applies to this application")
		case code == http.StatusUnauthorized:
			return c.failure(tributary.CodeUnauthorized, tributary.FixMSSP, e,
				"check that the cloud and the application of this tenant are the right ones, then connect the tenant again")
		case c.source == tributary.SourceSIEM:
			return c.failure(tributary.CodeNotAuthorised, tributary.FixMSSP, e,
				"open "+c.cloud.Portal+"?tid="+c.tenantID+", Settings > SIEM > MSSP, enter the application id and the provider's tenant id and choose Authorize application; "+
					"without the right to manage portal system settings ask the customer's administrator to do it")
		}
		return c.failure(tributary.CodeForbidden, tributary.FixCustomer, e,
			"have the customer's administrator consent to the application with "+c.roles(said))
	case code == http.StatusTooManyRequests:
		return c.failure(tributary.CodeThrottled, tributary.FixRetry, e, "")
	case code >= 500 || code == http.StatusRequestTimeout:
		return c.failure(tributary.CodeUnavailable, tributary.FixRetry, e, "")
	case code == http.StatusNotFound || code == http.StatusGone:
		return c.failure(CodeNotThere, tributary.FixMSSP, e,
			"check the address of "+string(c.source)+" in the configuration of the cloud; the tenant may also lie in another region, or Microsoft may have retired the API")
	case code >= 300 && code < 400:
		return c.failure(CodeRedirected, tributary.FixMSSP, e,
			"put the service's own address into the configuration of the cloud; redirects are not followed, because a token would go along")
	case code == http.StatusBadRequest && pageTooLarge.MatchString(said):
		return c.failure(tributary.CodeTooLarge, tributary.FixRetry, e, "ask for a smaller page or a shorter window")
	}
	return c.failure(CodeRequestRefused, tributary.FixMSSP, e, "ask for a shorter window or a smaller page; if it stays, report it with the request id")
}

var (
	// unlicensed is how the services speak of a tenant without the product;
	// seen in tests of others, the exact words are not documented.
	unlicensed = regexp.MustCompile(`(?i)not provisioned|mode is inactive|not licensed|valid licen[sc]e`)
	// pageTooLarge is OData's complaint about $top and $skip.
	pageTooLarge = regexp.MustCompile(`(?i)for (top|skip) query has been exceeded`)
	// required lists the permissions that would do: Graph's and Defender's form.
	required = regexp.MustCompile(`(?i)API required (?:roles|scopes): *([A-Za-z0-9., ]+?)(?:, application roles|, user scopes|\.? *$)|required (?:application|delegated) permissions \(([A-Za-z0-9., ]+)\)`)
	// waitIn is the wait in the words of Defender for Endpoint.
	waitIn = regexp.MustCompile(`(?i)again in (\d{1,6}) second`)
)

// roles names the permissions that are missing: the service's own list, or else
// the one that the source is known to need.
func (c *client) roles(said string) string {
	for _, list := range required.FindAllStringSubmatch(said, 1) {
		names := strings.FieldsFunc(list[1]+list[2], func(r rune) bool { return r == ',' || r == ' ' })
		names = names[:min(len(names), 10)]
		for i := range names {
			names[i] = clean(strings.TrimRight(names[i], "."), 80)
		}
		if len(names) == 1 {
			return "the permission " + names[0]
		} else if len(names) > 1 {
			return "one of the permissions " + strings.Join(names, ", ")
		}
	}
	if c.source == tributary.SourceGraph {
		return "the permission SecurityAlert.Read.All of Microsoft Graph"
	}
	return "the permission Alert.Read.All of WindowsDefenderATP"
}

// after is how long the service asks us to wait: Retry-After in seconds or as a
// date (by the service's clock), else what its message says; zero if nothing.
func after(h http.Header, message string, served time.Time) time.Duration {
	wait := time.Duration(0)
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(served)
	} else if found := waitIn.FindStringSubmatch(message); found != nil {
		seconds, _ := strconv.Atoi(found[1]) // at most six digits
		wait = time.Duration(seconds) * time.Second
	}
	return min(max(wait, 0), maxWait)
}
