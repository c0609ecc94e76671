package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tributary"
	"tributary/microsoft/entra"
)

// Codes of the conditions that only a directory has.
const (
	CodeSettings        = "directory-settings"         // the call or its settings can't work, before anything was sent
	CodeRequestRefused  = "directory-request-refused"  // 400 and the like
	CodeNotThere        = "directory-object-not-there" // 404
	CodeForeignLink     = "foreign-next-link"          // a next page at another address
	CodePolicyOfApps    = "credential-policy"          // an app management policy forbids the credential
	CodeNotOurs         = "application-not-ours"       // an application that this registration didn't make
	CodeSingleDirectory = "single-directory-elsewhere" // registered where it could not sign in
	CodeAPIMissing      = "api-not-in-directory"       // the directory has no service principal of the API
	CodeUnproven        = "credential-unproven"        // the new credential hasn't worked yet
	CodeCutShort        = "directory-change-cut"       // a hook of the caller failed between two steps
)

// need is what a call asks of whoever signed in.
type need struct {
	permissions []string // one of them, in the token
	role        string   // the directory role of the person, in words
}

// statusError is an answer that is no success.
type statusError struct {
	status int
	fault  fault
	text   string
}

func (e *statusError) Error() string { return e.text }

// refusal is the answer behind an error, where there was one.
func refusal(err error) *statusError {
	var e *statusError
	errors.As(err, &e)
	return e
}

// missing reports whether Graph knows no such object.
func missing(err error) bool {
	e := refusal(err)
	return e != nil && e.status == http.StatusNotFound
}

func (c *Client) failure(op, code string, fix tributary.Fixer, err error, next string) *tributary.Error {
	return &tributary.Error{Code: code, Op: op, Tenant: c.cfg.Tenant, Err: err, Fix: fix, Next: next}
}

// unanswered is a call to which no answer began.
func (c *Client) unanswered(op, host string, err error) error {
	var token tokenError
	if errors.As(err, &token) {
		if e := tributary.AsError(token.error); e != nil {
			own := *e
			if own.Tenant == "" {
				own.Tenant = c.cfg.Tenant
			}
			return &own
		}
		return c.failure(op, tributary.CodeUnauthorized, tributary.FixMSSP, fmt.Errorf("no token: %w", token.error), "sign in again")
	}
	switch {
	case errors.Is(err, context.Canceled):
		return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, fmt.Errorf("stopped before %s answered: %w", host, err), "start it again")
	case errors.Is(err, context.DeadlineExceeded):
		return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, fmt.Errorf("%s didn't answer in time: %w", host, err), "start it again")
	case distrust(err):
		return c.failure(op, tributary.CodeUnreachable, tributary.FixMSSP, fmt.Errorf("%s can't prove who it is: %w", host, err),
			"check the address, ca_file and proxy of the cloud in the configuration")
	case never(err):
		return c.failure(op, tributary.CodeUnreachable, tributary.FixRetry, fmt.Errorf("no connection to %s: %w", host, err),
			"check the network, the proxy and the address of the cloud in the configuration")
	}
	return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, fmt.Errorf("no answer from %s: %w", host, err), "start it again")
}

const (
	maxErrorBody = 64 << 10
	maxAnswer    = 32 << 20 // the service principal of Microsoft Graph has about 2 MB
)

// read decodes a success. Its errors quote nothing of it: it may hold a secret.
func (c *Client) read(op string, resp *http.Response, into any) error {
	unusable := func(why string) error {
		if id := requestID(resp.Header); id != "" {
			why += " (request-id " + id + ")"
		}
		return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errors.New(why), "start it again; if it lasts, check what stands between this machine and Microsoft")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unusable("the answer was cut")
	case len(body) > maxAnswer:
		return unusable("the answer is too long to be one of Graph's")
	case json.Unmarshal(body, into) != nil:
		return unusable("the answer is not the JSON that it should be")
	}
	return nil
}

// refused is an answer that is no success.
func (c *Client) refused(ctx context.Context, a api, what call, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // as far as it came
	f := readFault(body)
	if f.code == strconv.Itoa(resp.StatusCode) || strings.EqualFold(f.code, strings.ReplaceAll(http.StatusText(resp.StatusCode), " ", "")) {
		f.code = "" // it only repeats the status
	}
	said := f.sentence()
	if _, token, ok := strings.Cut(resp.Request.Header.Get("Authorization"), " "); ok && token != "" {
		said = strings.ReplaceAll(said, token, "[redacted]")
	}
	text := strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
	if said = strings.TrimRight(clean(said, 500), ". "); said != "" {
		text += ": " + said
	}
	id := requestID(resp.Header)
	if id == "" {
		id = clean(f.requestID, 100)
	}
	if id != "" {
		text += " (request-id " + id + ")"
	}
	e := c.classify(ctx, a, what, &statusError{resp.StatusCode, f, text})
	e.After = retryAfter(resp.Header, serverTime(resp.Header))
	return e
}

// requestID is the id by which Microsoft finds an answer.
func requestID(h http.Header) string {
	for _, name := range []string{"request-id", "x-ms-request-id", "ms-requestid"} {
		if id := h.Get(name); id != "" {
			return clean(id, 100)
		}
	}
	return ""
}

// classify says what a refusal means, who can mend it and how.
func (c *Client) classify(ctx context.Context, a api, what call, e *statusError) *tributary.Error {
	policyCodes := []string{"CredentialTypeNotAllowedAsPerAppPolicy", "CredentialInvalidLifetimeAsPerAppPolicy", "AsymmetricKeyLifetimeNotAllowedAsPerAppPolicy"}
	switch {
	case e.fault.is(policyCodes...) || e.fault.says("as per assigned policy", "as per app policy"):
		return c.failure(what.op, CodePolicyOfApps, c.cfg.Fix, e,
			"choose a certificate, or a shorter lifetime: an application management policy of the directory forbids this credential "+
				"(Entra admin center, Entra ID > Enterprise apps > Application policies)")
	case e.status == http.StatusUnauthorized:
		return c.failure(what.op, tributary.CodeUnauthorized, c.cfg.Fix, e, "sign in again, in the right directory and cloud")
	case e.status == http.StatusForbidden:
		return c.failure(what.op, tributary.CodeForbidden, c.cfg.Fix, e, c.lacking(ctx, a, what.need))
	case e.status == http.StatusTooManyRequests:
		return c.failure(what.op, tributary.CodeThrottled, tributary.FixRetry, e, "start it again later")
	case e.status >= 500 || e.status == http.StatusRequestTimeout:
		return c.failure(what.op, tributary.CodeUnavailable, tributary.FixRetry, e, "start it again")
	case e.status >= 300 && e.status < 400:
		return c.failure(what.op, CodeSettings, tributary.FixMSSP, e,
			"put the service's own address into the configuration of the cloud; redirects are not followed, because a token would go along")
	case e.status == http.StatusNotFound:
		return c.failure(what.op, CodeNotThere, c.cfg.Fix, e, "check the id, and that the sign-in was in the directory that holds it")
	}
	return c.failure(what.op, CodeRequestRefused, tributary.FixMSSP, e, "correct what the answer names; if that is not in your hands, report it with the request id")
}

// lacking says what whoever signed in lacks: the permission, if the token
// hasn't one that would do, and otherwise the directory role.
func (c *Client) lacking(ctx context.Context, a api, n need) string {
	if len(n.permissions) == 0 && n.role == "" {
		return "sign in as an administrator of the directory"
	}
	permission, role := "the permission "+strings.Join(n.permissions, " or "), "the directory role "+n.role
	token, err := c.cfg.Token(ctx, a.resource) // kept by whoever gives tokens
	if err == nil {
		if claims, err := entra.ReadClaims(token.Value); err == nil {
			has := func(list []string) bool {
				return slices.ContainsFunc(n.permissions, func(p string) bool { return slices.Contains(list, p) })
			}
			who := "the account that signed in"
			if claims.Account != "" {
				who = clean(claims.Account, 100)
			}
			switch {
			case len(n.permissions) == 0:
			case len(claims.Scopes) == 0 && !has(claims.Roles):
				return "let an administrator grant the application " + permission
			case len(claims.Scopes) > 0 && !has(claims.Scopes):
				return "sign in again and consent to " + permission + ": the sign-in of " + who + " didn't include it"
			}
			if len(claims.Scopes) > 0 && n.role != "" {
				return "have " + who + " given " + role + ", or sign in as somebody who has it"
			}
		}
	}
	switch {
	case n.role == "":
		return "sign in again and consent to " + permission
	case len(n.permissions) == 0:
		return "sign in as somebody who has " + role
	}
	return "sign in as somebody who has " + role + ", and consent to " + permission
}
