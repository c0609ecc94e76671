// Package entra is Microsoft Entra ID as we need it: tokens for the alert
// APIs, the sign-in that gives a customer's grant, the consent link, and what
// its errors mean.
//
// [Client] gives access tokens and is what the rest of the program uses
// ([tributary.Tokens]). A tenant lets us in app-only (client credentials, by
// azidentity) or delegated (a refresh token that a person's sign-in gave, by
// x/oauth2). [SignIn] and [DeviceSignIn] make such a grant.
//
// Every failure is a *[tributary.Error]. What it is (its Code) and who can mend
// it (its Fix) follow from the members that Microsoft promises to keep: error,
// suberror and the HTTP status. The AADSTS numbers choose the words alone, from
// the table in catalogue.go, because Microsoft may change them any day. No
// error holds an error of the libraries: theirs can quote a whole answer, token
// and all.
//
// The endpoints are those that Microsoft documents for every tenant:
// {login}/{tenant id}/oauth2/v2.0/token and its sisters (v2-oauth2-auth-code-flow,
// v1-protocols-oauth-code). They are not asked for again before each token.
package entra
