package entra

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tributary"
)

// AdminConsentURL is the link on which a customer's administrator consents to
// all that the application's registration asks for, in every API. The browser
// comes back to redirect, which must be registered, with the state: bind it to
// one customer, and read the answer with [ReadConsent].
// An empty tenant id lets the administrator's own tenant be the one.
func AdminConsentURL(cloud tributary.Cloud, tenantID string, app tributary.App, redirect, state string) string {
	if tenantID == "" {
		tenantID = "common"
	}
	v := url.Values{"client_id": {app.ClientID}}
	if redirect != "" {
		v.Set("redirect_uri", redirect)
	}
	if state != "" {
		v.Set("state", state)
	}
	return cloud.Login + "/" + url.PathEscape(tenantID) + "/adminconsent?" + v.Encode()
}

// ReadConsent reads the parameters with which the browser came back from an
// [AdminConsentURL]. A nil error says that somebody consented for some tenant:
// the tenant that the parameters name can be forged, so it isn't given. The
// proof is a token of the tenant in question.
func ReadConsent(v url.Values, state string) error {
	const op = "read the administrator's consent"
	if !sameState(v.Get("state"), state) {
		return strayAnswer(op)
	}
	if v.Get("error") != "" {
		e := judge(parseRedirect(v), "")
		e.Op = op
		return e
	}
	if !strings.EqualFold(v.Get("admin_consent"), "true") {
		return &tributary.Error{
			Code: tributary.CodeConsentMissing, Op: op, Fix: tributary.FixCustomer,
			Err:  errors.New("the answer doesn't say that an administrator consented"),
			Next: "open the consent link again",
		}
	}
	return nil
}

// AdminConsent shows an administrator of the tenant the consent page and waits
// until the browser comes back to this machine. A nil error says that somebody
// consented; a token of the tenant is the proof. Scopes, V1, Prompt, LoginHint,
// Claims and Paste of the request are not used.
func AdminConsent(ctx context.Context, request SignInRequest) error {
	r, err := request.checked()
	if err != nil {
		return err
	}
	listener, err := listen(r.RedirectURI)
	if err != nil {
		return r.fail(CodeSettings, err, "close the program that uses the port, or register and configure another redirect_uri")
	}
	if listener == nil {
		return r.fail(CodeSettings, fmt.Errorf("nobody can listen on the redirect address %s", redactUserInfo(r.RedirectURI)),
			"register http://localhost as a redirect URI of the application and configure it")
	}
	defer listener.close()
	state := rand.Text()
	answer, err := r.ask(ctx, listener, AdminConsentURL(r.Cloud, r.Tenant.ID, r.App, listener.redirect, state))
	if err == nil {
		if err = ReadConsent(answer, state); err != nil {
			tributary.AsError(err).Tenant = name(r.Tenant)
		}
	}
	listener.finish(outcome{tenant: name(r.Tenant), err: err, consent: true})
	return err
}

// sameState compares in constant time. An empty state is never the same.
func sameState(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// strayAnswer is for an answer with another state than we sent: it belongs to
// another sign-in, or somebody made it up.
func strayAnswer(op string) *tributary.Error {
	return &tributary.Error{
		Code: CodeRequest, Op: op, Fix: tributary.FixMSSP,
		Err:  errors.New("the answer has another state than the question: it belongs to another sign-in, or is forged"),
		Next: "start again, and use the newest browser window only",
	}
}
