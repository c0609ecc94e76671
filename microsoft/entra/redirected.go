package entra

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"

	"golang.org/x/oauth2"

	"tributary"
)

// Pending is a sign-in whose person has been sent to Microsoft and has not
// come back. It may be kept, sealed, while the person is away: another process
// can finish what this one began.
type Pending struct {
	State       string           // what the answer must repeat
	Verifier    tributary.Secret // PKCE: of no use without the code, as the code is without it
	RedirectURI string           // where the answer comes to
}

// BeginSignIn is the first half of [SignIn], for a redirect URI that this
// program serves by itself, such as a public web page: it returns the address
// to send the person to, and what [FinishSignIn] needs. State must be hard to
// guess and belong to one person's one attempt; empty makes one. Open and Paste
// of the request are not used. Nothing is sent.
func BeginSignIn(request SignInRequest, state string) (address string, pending Pending, err error) {
	r, err := request.checked()
	if err != nil {
		return "", Pending{}, err
	}
	if state == "" {
		state = rand.Text()
	}
	verifier := oauth2.GenerateVerifier()
	pending = Pending{State: state, Verifier: tributary.NewSecret(verifier), RedirectURI: r.RedirectURI}
	return r.authorizeURL(state, verifier), pending, nil
}

// FinishSignIn is the second half: it reads the parameters with which the
// browser came back, and redeems the code. The request is the one that
// [BeginSignIn] had. Every error is a *[tributary.Error].
func FinishSignIn(ctx context.Context, request SignInRequest, pending Pending, answer url.Values) (tributary.Grant, tributary.AccessToken, error) {
	request.RedirectURI = pending.RedirectURI
	r, err := request.checked()
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, err
	}
	return r.finish(ctx, pending, answer)
}

func (r SignInRequest) finish(ctx context.Context, pending Pending, answer url.Values) (tributary.Grant, tributary.AccessToken, error) {
	if !sameState(answer.Get("state"), pending.State) {
		e := strayAnswer(signInOp)
		e.Tenant = name(r.Tenant)
		return tributary.Grant{}, tributary.AccessToken{}, e
	}
	if answer.Get("error") != "" {
		e := judge(parseRedirect(answer), name(r.Tenant))
		e.Op, e.Tenant = signInOp, name(r.Tenant)
		return tributary.Grant{}, tributary.AccessToken{}, e
	}
	code := tributary.NewSecret(answer.Get("code"))
	if code.IsZero() || len(answer["code"]) != 1 || len(answer["state"]) != 1 {
		return tributary.Grant{}, tributary.AccessToken{}, r.fail(CodeRequest, errors.New("the browser came back without a code"),
			"start the sign-in again: "+connectAgain)
	}
	return r.redeem(ctx, code, pending.Verifier)
}
