package entra

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/oauth2"

	"tributary"
)

// Codes of conditions that only identity has.
const (
	// CodeResource: the API is not in the customer's tenant, or not for us.
	CodeResource = "api-not-in-tenant"
	// CodeRequest: Entra doesn't accept the request itself: a setting of ours
	// is wrong, or this program is.
	CodeRequest = "identity-request-refused"
	// CodeWrongTenant: the token is for another tenant than was asked for.
	CodeWrongTenant = "wrong-tenant"
	// CodeSettings: the configuration can't be used, before anybody was asked.
	CodeSettings = "identity-settings"
)

// Classify says what an error answer of the identity service means: the OAuth
// error and suberror, the description, the AADSTS numbers and the HTTP status
// (0 if it came by a redirect). Code and Fix follow from error, suberror and
// status only. Err is an *[Answer]. Op and Tenant are for the caller to fill.
func Classify(code, suberror, description string, numbers []int, status int) *tributary.Error {
	return judge(newAnswer(code, suberror, description, numbers, status), "")
}

// FromError classifies an error that azidentity or x/oauth2 returned, and a
// network error under one. An error that is classified already stays as it is,
// but gets op and tenant if it had none.
func FromError(op string, tenant tributary.Tenant, err error) *tributary.Error {
	if err == nil {
		return nil
	}
	if e := tributary.AsError(err); e != nil {
		own := *e
		own.Op, own.Tenant = first(e.Op, op), first(e.Tenant, name(tenant))
		return &own
	}
	var e *tributary.Error
	var failed *azidentity.AuthenticationFailedError
	var retrieve *oauth2.RetrieveError
	switch {
	case errors.As(err, &failed) && failed.RawResponse != nil:
		body, _ := runtime.Payload(failed.RawResponse) // cached by azcore: reading it again is fine
		e = fromResponse(failed.RawResponse, body, name(tenant), nil, time.Now())
	case errors.As(err, &retrieve) && retrieve.Response != nil:
		e = fromResponse(retrieve.Response, retrieve.Body, name(tenant), nil, time.Now())
	case failed != nil:
		// Without an answer azidentity keeps only a text, which may quote a
		// body that is a token.
		e = unusable("the identity service")
	default:
		e = fromNetwork("", err)
	}
	e.Op, e.Tenant = op, name(tenant)
	return e
}

// fromResponse classifies a whole answer, and reads how long it asks to wait.
func fromResponse(resp *http.Response, body []byte, tenant string, secrets []tributary.Secret, now time.Time) *tributary.Error {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return &tributary.Error{
			Code: CodeSettings, Fix: tributary.FixMSSP,
			Err:  fmt.Errorf("%s answers with a redirect (HTTP %d), which no identity service does: nothing was sent on", host(resp), resp.StatusCode),
			Next: "check the cloud's login address and the proxy",
		}
	}
	a := parseAnswer(resp.StatusCode, body, secrets)
	if a.Code == "" && (resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed) {
		return &tributary.Error{
			Code: CodeSettings, Fix: tributary.FixMSSP,
			Err:  fmt.Errorf("there is no identity service at %s (HTTP %d)", host(resp), resp.StatusCode),
			Next: "check the cloud's login address: tokens are asked for at {login}/{tenant id}/oauth2/v2.0/token",
		}
	}
	e := judge(a, tenant)
	e.After = retryAfter(resp.Header, now)
	return e
}

// unusable is a successful answer that holds no token.
func unusable(host string) *tributary.Error {
	return &tributary.Error{
		Code: tributary.CodeUnavailable, Fix: tributary.FixRetry,
		Err:  fmt.Errorf("%s gave no answer that holds a token", host),
		Next: "nothing to do: we try again; if it lasts, check what stands between this machine and Microsoft",
	}
}

func host(resp *http.Response) string {
	if resp.Request != nil && resp.Request.URL != nil {
		return resp.Request.URL.Host
	}
	return "the identity service"
}

// judge decides what an answer means and finds the words for it.
func judge(a *Answer, tenant string) *tributary.Error {
	code, fix := verdict(a.Code, a.Sub, a.Status)
	x, known := explain(a.Numbers)
	general := conditions[code]
	if !known {
		x = general
		if a.Text != "" {
			x.Says = fmt.Sprintf("%s; Microsoft says: %q", x.Says, a.Text)
		}
	}
	if x.Next == "" {
		x.Next = general.Next
	}
	a.says = x.Says
	a.Customer = x.Customer
	if a.Customer == "" && (fix == tributary.FixCustomer || fix == tributary.FixPolicy) {
		a.Customer = general.Customer
	}
	return &tributary.Error{Code: code, Err: a, Fix: fix, Next: fill(x.Next, tenant)}
}

// verdict decides the condition and who can mend it. The numbers have no say
// here: error, suberror and status are what Microsoft lets clients act on
// (Entra: reference-error-codes; the suberrors are those of MSAL).
func verdict(code, sub string, status int) (string, tributary.Fixer) {
	switch {
	case status == http.StatusTooManyRequests:
		return tributary.CodeThrottled, tributary.FixRetry
	case status >= 500 || status == http.StatusRequestTimeout:
		return tributary.CodeUnavailable, tributary.FixRetry
	}
	switch code {
	case "temporarily_unavailable", "server_error", "authorization_pending":
		return tributary.CodeUnavailable, tributary.FixRetry
	case "slow_down":
		return tributary.CodeThrottled, tributary.FixRetry
	case "invalid_grant", "interaction_required", "login_required":
		switch sub {
		case "consent_required":
			return tributary.CodeConsentMissing, tributary.FixCustomer
		case "additional_action", "message_only", "protection_policy_required", "device_authentication_failed":
			return tributary.CodePolicy, tributary.FixPolicy
		}
		return tributary.CodeSignInAgain, tributary.FixMSSP
	case "expired_token", "code_expired", "bad_verification_code", "authorization_declined":
		return tributary.CodeSignInAgain, tributary.FixMSSP
	case "consent_required", "access_denied", "permission_denied", "unauthorized_client":
		if sub == "message_only" || sub == "additional_action" {
			return tributary.CodePolicy, tributary.FixPolicy
		}
		return tributary.CodeConsentMissing, tributary.FixCustomer
	case "invalid_client":
		return tributary.CodeCredential, tributary.FixMSSP
	case "invalid_resource":
		return CodeResource, tributary.FixCustomer
	case "invalid_tenant":
		return tributary.CodeTenantUnknown, tributary.FixMSSP
	case "":
		switch status {
		case http.StatusUnauthorized:
			return tributary.CodeCredential, tributary.FixMSSP
		case http.StatusForbidden:
			return tributary.CodePolicy, tributary.FixPolicy
		}
	}
	return CodeRequest, tributary.FixMSSP
}

// maxAfter keeps an absurd Retry-After from parking a tenant for ever.
const maxAfter = 24 * time.Hour

// retryAfter reads Retry-After: seconds, or a date, which is compared with the
// answer's own Date where it has one, so that our clock doesn't matter.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	var after time.Duration
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		if sent, err := http.ParseTime(h.Get("Date")); err == nil {
			now = sent
		}
		after = at.Sub(now)
	}
	return min(max(after, 0), maxAfter)
}

var errTooLong = errors.New("the answer is too long to be a token")

// readAll reads a body up to a limit, and fails with errTooLong beyond it.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = errTooLong
	}
	return b.Bytes(), err
}
