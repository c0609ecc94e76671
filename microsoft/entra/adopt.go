package entra

import (
	"context"
	"errors"

	"tributary"
)

const adoptOp = "try the refresh token"

// AdoptGrant makes a grant of a refresh token that somebody obtained elsewhere,
// such as with the script of Microsoft's MSSP procedure. One refresh at the
// tenant's own token endpoint proves it: it must be the application's, alive,
// and give a token of this tenant. V1 chooses the endpoints. Open, Paste,
// Scopes, RedirectURI, Prompt, LoginHint and Claims of the request are not used.
//
// The application's credential is sent if it has one. A refresh token that was
// given to it as a public client (a device code) is refused with the credential;
// it is tried again without, and the grant is marked so.
//
// The grant holds the newer of both refresh tokens, and the one that was given
// as its Previous if Entra sent another. When the person signed in is not known:
// Obtained is now. Account is empty where the token names nobody.
func AdoptGrant(ctx context.Context, request SignInRequest, refreshToken tributary.Secret) (tributary.Grant, tributary.AccessToken, error) {
	fail := func(err error) (tributary.Grant, tributary.AccessToken, error) {
		if e := tributary.AsError(err); e != nil {
			e.Op = adoptOp
		}
		return tributary.Grant{}, tributary.AccessToken{}, err
	}
	r, err := request.checked()
	switch {
	case err != nil:
		return fail(err)
	case r.Resource == "":
		return fail(r.fail(CodeSettings, errors.New("no API is named"), "name the API that the token is for"))
	case refreshToken.IsZero():
		return fail(r.fail(CodeRequest, errors.New("no refresh token was given"), "give the refresh token, or sign in: "+connectAgain))
	}
	c := New(Config{Now: r.Now, Log: r.Log})
	ask := tokenRequest(r)
	offered := tributary.Grant{RefreshToken: refreshToken, ClientID: r.App.ClientID, V1: r.V1}
	token, grant, err := c.refresh(ctx, ask, offered, refreshToken)
	if wantsCredential(err) && !(r.App.ClientSecret.IsZero() && r.App.Certificate.IsZero()) {
		public := offered
		public.Public = true
		if t, g, publicErr := c.refresh(ctx, ask, public, refreshToken); publicErr == nil {
			token, grant, err = t, g, nil
		}
	}
	if err != nil {
		return fail(err)
	}
	claims, err := ReadClaims(token.Value)
	if err != nil || claims.TenantID == "" {
		r.Log.Warn("the token doesn't tell its tenant; it came from the tenant's own endpoint", "tenant", name(r.Tenant))
	}
	grant.Account, grant.Obtained = claims.Account, r.Now()
	grant.Rotated = grant.Obtained // it has been used just now, rotated or not
	return grant, token, nil
}

// tokenRequest is a sign-in's wish as a Client fulfils it.
func tokenRequest(r SignInRequest) request {
	return request{tenant: r.Tenant, resource: r.Resource, app: r.App, cloud: r.Cloud, client: r.Client}
}
