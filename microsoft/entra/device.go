package entra

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/oauth2"

	"tributary"
)

// DeviceSignIn lets a person sign in on another device: show gets the code to
// enter, the address where, and both as a sentence. It is of v2 only, and waits
// until the person is done, the code ends (15 minutes) or ctx ends. Open, Paste,
// RedirectURI, Prompt and LoginHint of the request are not used.
//
// The application is a public client here: no credential is sent, and the
// grant is marked so. If Entra wants one all the same (it does where the
// registration doesn't allow public client flows), it is sent.
func DeviceSignIn(ctx context.Context, request SignInRequest, show func(userCode, address, message string)) (tributary.Grant, tributary.AccessToken, error) {
	r, err := request.checked()
	if err == nil && r.V1 {
		err = r.fail(CodeSettings, errors.New("the v1 endpoints have no device code of this kind"), "sign in with a browser, or use v2")
	}
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, err
	}
	w := newWire(ctx, r.Client, r.Now)
	config := oauth2.Config{ClientID: r.App.ClientID, Endpoint: r.endpoint(), Scopes: r.scopes()}
	device, err := config.DeviceAuth(w.oauth2())
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, w.failure(signInOp, r.Tenant, err)
	}
	if device.DeviceCode == "" || device.UserCode == "" || device.VerificationURI == "" {
		e := unusable(w.host)
		e.Op, e.Tenant = signInOp, name(r.Tenant)
		return tributary.Grant{}, tributary.AccessToken{}, e
	}
	show(device.UserCode, device.VerificationURI,
		fmt.Sprintf("To sign in, open %s in any browser and enter the code %s", device.VerificationURI, device.UserCode))

	got, w, err := r.poll(ctx, config, device, tributary.App{})
	public := true
	if wantsCredential(err) && !(r.App.ClientSecret.IsZero() && r.App.Certificate.IsZero()) {
		public = false
		got, w, err = r.poll(ctx, config, device, r.App)
	}
	if err != nil {
		return tributary.Grant{}, tributary.AccessToken{}, err
	}
	grant, token, err := r.granted(w, got)
	grant.Public = public && err == nil
	return grant, token, err
}

// poll asks for the token until the person is done. proof is the application's
// credential to send, if any.
func (r SignInRequest) poll(ctx context.Context, config oauth2.Config, device *oauth2.DeviceAuthResponse, proof tributary.App) (*oauth2.Token, *wire, error) {
	w := newWire(ctx, r.Client, r.Now)
	params := r.api()
	proof.ClientID = r.App.ClientID
	if err := prove(params, proof, config.Endpoint.TokenURL, r.Now()); err != nil {
		return nil, w, FromError(signInOp, r.Tenant, err)
	}
	config.ClientSecret, config.Scopes = secret(proof), nil // the scopes stand in params
	got, err := config.DeviceAccessToken(w.oauth2(), device, options(params)...)
	switch {
	case err == nil:
		return got, w, nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return nil, w, r.fail(tributary.CodeSignInAgain, errors.New("nobody entered the code in time"), "start again: "+connectAgain)
	case ctx.Err() != nil:
		return nil, w, r.gaveUp(ctx)
	}
	return nil, w, w.failure(signInOp, r.Tenant, err)
}

func wantsCredential(err error) bool {
	var a *Answer
	return errors.As(err, &a) && a.Code == "invalid_client"
}
