package entra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"tributary"
)

// SignInRequest is one person's sign-in to one tenant, for one application.
type SignInRequest struct {
	Tenant tributary.Tenant // its ID must be given; the grant is checked against it
	App    tributary.App
	Cloud  tributary.Cloud
	Client *http.Client // reaches the cloud; nil: a plain one
	// Resource is the API that the first access token is for, such as
	// https://graph.microsoft.com. The refresh token is good for every API that
	// was consented to.
	Resource string
	// Scopes replace Resource's .default in v2: named permissions of one API.
	Scopes []string
	V1     bool // use the v1 endpoints, with resource=
	// RedirectURI replaces App.RedirectURI. Empty in both: http://localhost on
	// a free port.
	RedirectURI string
	Prompt      string // empty: select_account, as Microsoft's MSSP procedure has it
	LoginHint   string // user name to fill in; it and select_account exclude each other
	Claims      string // claims challenge of a refusal ([Answer].Claims), to be met by this sign-in
	// Open shows the address to the person, in a browser or in print. It may
	// return at once or when the browser is done.
	Open func(address string) error
	// Paste asks the person for the address on which the browser ended. It is
	// used where nobody can listen on the redirect URI, such as the
	// https://SiemMsspConnector of Microsoft's MSSP procedure.
	Paste func(ctx context.Context) (string, error)
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: slog.Default
}

// checked fills in what may be left out, and refuses what can't work.
func (r SignInRequest) checked() (SignInRequest, error) {
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Log == nil {
		r.Log = slog.Default()
	}
	if r.RedirectURI == "" {
		r.RedirectURI = r.App.RedirectURI
	}
	if r.RedirectURI == "" {
		r.RedirectURI = "http://localhost"
	}
	if r.Prompt == "" && r.LoginHint == "" {
		r.Prompt = "select_account"
	}
	err := tributary.CheckTenantID(r.Tenant.ID)
	switch {
	case err != nil:
	case r.App.ClientID == "":
		err = errors.New("the application has no client id")
	case r.Resource == "" && (r.V1 || len(r.Scopes) == 0):
		err = errors.New("no API is named")
	default:
		err = checkLogin(r.Cloud)
	}
	if err != nil {
		return r, r.fail(CodeSettings, err, "check the tenant's, the application's and the cloud's settings")
	}
	return r, nil
}

const signInOp = "sign in"

func (r SignInRequest) fail(code string, err error, next string) *tributary.Error {
	return &tributary.Error{
		Code: code, Op: signInOp, Tenant: name(r.Tenant), Err: err, Fix: tributary.FixMSSP, Next: fill(next, name(r.Tenant)),
	}
}

func (r SignInRequest) endpoint() oauth2.Endpoint { return endpoints(r.Cloud, r.Tenant.ID, r.V1) }

// scopes asks for the API and for a refresh token. v1 takes none: there the
// resource stands in their place.
func (r SignInRequest) scopes() []string {
	if r.V1 {
		return nil
	}
	scopes := r.Scopes
	if len(scopes) == 0 {
		scopes = []string{defaultScope(r.Resource)}
	}
	return append(scopes[:len(scopes):len(scopes)], "openid", "profile", "offline_access")
}

// api names the API in a token request.
func (r SignInRequest) api() url.Values {
	if r.V1 {
		return url.Values{"resource": {r.Resource}}
	}
	return url.Values{"scope": {strings.Join(r.scopes(), " ")}}
}

func options(v url.Values) []oauth2.AuthCodeOption {
	var o []oauth2.AuthCodeOption
	for key := range v {
		o = append(o, oauth2.SetAuthURLParam(key, v.Get(key)))
	}
	return o
}

// SignIn lets a person sign in to a tenant with a browser (authorization code
// with PKCE) and returns what the customer gave: a grant to be stored, and the
// first access token. It waits for the person until ctx ends. Every error is a
// *[tributary.Error].
func SignIn(ctx context.Context, request SignInRequest) (tributary.Grant, tributary.AccessToken, error) {
	r, err := request.checked()
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, err
	}
	listener, err := listen(r.RedirectURI)
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, r.fail(CodeSettings, err,
			"close the program that uses the port, or register and configure another redirect_uri")
	}
	if listener == nil && r.Paste == nil {
		return tributary.Grant{}, tributary.AccessToken{}, r.fail(CodeSettings,
			fmt.Errorf("nobody can listen on the redirect address %s", redactUserInfo(r.RedirectURI)),
			"register http://localhost as a redirect URI of the application and configure it, or paste the browser's last address by hand")
	}
	if listener != nil {
		r.RedirectURI = listener.redirect
		defer listener.close()
	}
	grant, token, err := r.signIn(ctx, listener)
	if listener != nil {
		listener.finish(outcome{tenant: name(r.Tenant), account: grant.Account, err: err})
	}
	return grant, token, err
}

func (r SignInRequest) signIn(ctx context.Context, listener *listener) (tributary.Grant, tributary.AccessToken, error) {
	address, pending, err := BeginSignIn(r, "")
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, err
	}
	answer, err := r.ask(ctx, listener, address)
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, err
	}
	return r.finish(ctx, pending, answer)
}

// authorizeURL is the address that the person opens. The answer is asked for
// in the query, which every browser carries to a loopback address without a
// warning; a code that is read there afterwards is of no use without the
// verifier, and has been redeemed.
func (r SignInRequest) authorizeURL(state, verifier string) string {
	config := oauth2.Config{ClientID: r.App.ClientID, Endpoint: r.endpoint(), RedirectURL: r.RedirectURI, Scopes: r.scopes()}
	v := url.Values{"response_mode": {"query"}}
	if r.V1 {
		v.Set("resource", r.Resource)
	}
	for key, value := range map[string]string{"prompt": r.Prompt, "login_hint": r.LoginHint, "claims": r.Claims} {
		if value != "" {
			v.Set(key, value)
		}
	}
	return config.AuthCodeURL(state, append(options(v), oauth2.S256ChallengeOption(verifier))...)
}

// ask shows the address and waits for the answer: by the listener, or pasted.
func (r SignInRequest) ask(ctx context.Context, listener *listener, address string) (url.Values, error) {
	if r.Open == nil {
		return nil, r.fail(CodeSettings, errors.New("nobody can open the sign-in page"), "sign in with a device code")
	}
	opened := make(chan error, 1)
	go func() { opened <- r.Open(address) }()
	var answers chan url.Values // for ever silent if there is nobody to listen
	if listener != nil {
		answers = listener.answers
	}
	for {
		select {
		case answer := <-answers:
			return answer, nil
		case err := <-opened:
			if err != nil {
				return nil, r.notOpened(err)
			}
			if listener == nil {
				return r.pasted(ctx)
			}
			opened = nil // a browser that was started is not yet an answer
		case <-ctx.Done():
			return nil, r.gaveUp(ctx)
		}
	}
}

func (r SignInRequest) pasted(ctx context.Context) (url.Values, error) {
	text, err := r.Paste(ctx)
	if err != nil {
		return nil, r.fail(tributary.CodeSignInAgain, fmt.Errorf("read the pasted address: %w", err), connectAgain)
	}
	answer, err := parsePasted(text)
	if err != nil {
		return nil, r.fail(CodeRequest, err, "after signing in, copy the browser's whole address, even though the page can't be shown")
	}
	return answer, nil
}

// gaveUp reports that ctx ended before the person was done.
func (r SignInRequest) gaveUp(ctx context.Context) *tributary.Error {
	says := "nobody finished the sign-in in time"
	if errors.Is(ctx.Err(), context.Canceled) {
		says = "the sign-in was stopped before the person was done"
	}
	return r.fail(tributary.CodeSignInAgain, fmt.Errorf("%s: %w", says, context.Cause(ctx)), "start it again: "+connectAgain)
}

func (r SignInRequest) notOpened(err error) error {
	return r.fail(CodeSettings, fmt.Errorf("the sign-in page can't be opened: %w", err), "open the address by hand, or sign in with a device code")
}

// redeem exchanges the code for tokens.
func (r SignInRequest) redeem(ctx context.Context, code, verifier tributary.Secret) (tributary.Grant, tributary.AccessToken, error) {
	w := newWire(ctx, r.Client, r.Now)
	config := oauth2.Config{ClientID: r.App.ClientID, ClientSecret: secret(r.App), Endpoint: r.endpoint(), RedirectURL: r.RedirectURI}
	params := r.api()
	if err := prove(params, r.App, config.Endpoint.TokenURL, r.Now()); err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, FromError(signInOp, r.Tenant, err)
	}
	// Both are sent to the cloud's token endpoint.
	got, err := config.Exchange(w.oauth2(), code.Reveal(), append(options(params), oauth2.VerifierOption(verifier.Reveal()))...)
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, w.failure(signInOp, r.Tenant, err)
	}
	return r.granted(w, got)
}

// granted makes a grant of a token answer, if it is of the right tenant.
func (r SignInRequest) granted(w *wire, got *oauth2.Token) (tributary.Grant, tributary.AccessToken, error) {
	token := tributary.AccessToken{Value: tributary.NewSecret(got.AccessToken), Expires: w.expires()}
	id, _ := got.Extra("id_token").(string)
	claims, err := checkTenant(signInOp, r.Tenant, token.Value, tributary.NewSecret(id))
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, err
	}
	if claims.TenantID == "" {
		r.Log.Warn("the token doesn't tell its tenant; it came from the tenant's own endpoint", "tenant", name(r.Tenant))
	}
	if got.RefreshToken == "" {
		return tributary.Grant{}, tributary.AccessToken{}, r.fail(CodeRequest, errors.New("the sign-in gave no refresh token"),
			"let the application have the delegated permission offline_access, then sign in again: "+connectAgain)
	}
	now := r.Now()
	return tributary.Grant{
		RefreshToken: tributary.NewSecret(got.RefreshToken),
		ClientID:     r.App.ClientID,
		Account:      claims.Account,
		V1:           r.V1,
		Obtained:     now,
		Rotated:      now,
	}, token, nil
}
