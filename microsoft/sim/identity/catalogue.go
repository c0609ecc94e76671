package identity

import (
	"net/http"
	"slices"
	"time"
)

// Class is who can mend a refusal (Entra:
// reference-error-codes).
type Class string

const (
	ClassRetry        Class = "retry"        // nobody: try again later
	ClassSignIn       Class = "sign-in"      // a person must sign in or consent again
	ClassCustomer     Class = "customer"     // the customer's administrator
	ClassRegistration Class = "registration" // our credential or registration
	ClassRequest      Class = "request"      // a fault of the request
)

// The `error` values of the token and authorize endpoints.
const (
	invalidRequest     = "invalid_request"
	invalidGrant       = "invalid_grant"
	invalidClient      = "invalid_client"
	invalidScope       = "invalid_scope"
	invalidResource    = "invalid_resource"
	unauthorizedClient = "unauthorized_client"
	accessDenied       = "access_denied"
	interaction        = "interaction_required"
	unavailable        = "temporarily_unavailable"
)

// catalogue holds the codes that this server itself answers with, and those
// that an owner is likely to provoke. Names are what is usually seen; texts
// are our own words for Microsoft's.
var catalogue = map[int]Error{
	16000:   {Name: interaction, Class: ClassSignIn, Text: "The account that is signed in does not exist in this tenant and can't access the application in it."},
	50001:   {Name: invalidResource, Class: ClassCustomer, Text: "The resource is disabled or was not found in the tenant."},
	50011:   {Name: invalidRequest, Class: ClassRegistration, Text: "The redirect URI in the request does not match the redirect URIs configured for the application."},
	50012:   {Name: invalidClient, Class: ClassRegistration, Text: "Client assertion authentication failed."},
	50020:   {Name: invalidGrant, Class: ClassSignIn, Text: "The user account does not exist in the tenant and must be added as an external user first."},
	50027:   {Name: invalidClient, Class: ClassRequest, Text: "The JWT is invalid or malformed."},
	50034:   {Name: invalidGrant, Class: ClassSignIn, Text: "The user account does not exist in the directory."},
	50049:   {Name: "invalid_instance", Class: ClassRequest, Text: "Unknown or invalid instance."},
	50053:   {Name: invalidGrant, Class: ClassSignIn, Text: "The account is locked because of too many wrong sign-ins."},
	50055:   {Name: invalidGrant, Suberror: "user_password_expired", Class: ClassSignIn, Text: "The password is expired."},
	50057:   {Name: invalidGrant, Class: ClassCustomer, Text: "The user account is disabled."},
	50058:   {Name: "login_required", Class: ClassSignIn, Text: "A silent sign-in was requested but nobody is signed in."},
	50072:   {Name: interaction, Suberror: "basic_action", Class: ClassSignIn, Text: "The user must enrol in multifactor authentication."},
	50076:   {Name: interaction, Suberror: "basic_action", Class: ClassSignIn, Text: "Multifactor authentication is required to access the resource."},
	50078:   {Name: interaction, Suberror: "basic_action", Class: ClassSignIn, Text: "The multifactor authentication presented has expired by a policy."},
	50079:   {Name: interaction, Suberror: "basic_action", Class: ClassSignIn, Text: "The user must enrol in multifactor authentication."},
	50105:   {Name: accessDenied, Class: ClassCustomer, Text: "The signed-in user is not assigned to a role for the application."},
	50126:   {Name: invalidGrant, Class: ClassSignIn, Text: "Error validating credentials: invalid username or password."},
	50148:   {Name: invalidGrant, Class: ClassRequest, Text: "A code_verifier was sent but the authorization request had no code_challenge."},
	50158:   {Name: interaction, Suberror: "basic_action", Class: ClassSignIn, Text: "An external security challenge was not satisfied."},
	50173:   {Name: invalidGrant, Suberror: "bad_token", Class: ClassSignIn, Text: "The provided grant has expired because it was revoked. A fresh sign-in is needed."},
	50194:   {Name: unauthorizedClient, Class: ClassRegistration, Text: "The application is not configured as a multi-tenant application."},
	50196:   {Name: invalidGrant, Class: ClassRequest, Text: "The server found a loop of the same requests from this client."},
	53000:   {Name: invalidGrant, Suberror: "additional_action", Class: ClassCustomer, Text: "The device is not in the required state: it is not compliant."},
	53003:   {Name: invalidGrant, Suberror: "message_only", Class: ClassCustomer, Text: "Access was blocked by Conditional Access policies."},
	54005:   {Name: invalidGrant, Class: ClassRequest, Text: "The authorization code was already redeemed. Send a new interactive request."},
	65001:   {Name: invalidGrant, Suberror: "consent_required", Class: ClassSignIn, Text: "The user or administrator has not consented to use the application."},
	65004:   {Name: accessDenied, Subcode: "cancel", Class: ClassCustomer, Text: "The user declined to consent to access the application."},
	70000:   {Name: invalidGrant, Suberror: "bad_token", Class: ClassSignIn, Text: "The provided grant is invalid or malformed."},
	70001:   {Name: unauthorizedClient, Class: ClassCustomer, Text: "The application is disabled."},
	70002:   {Name: invalidClient, Class: ClassRegistration, Text: "Error validating credentials."},
	70003:   {Name: "unsupported_grant_type", Class: ClassRequest, Text: "The grant type is not supported."},
	70005:   {Name: "unsupported_response_type", Class: ClassRequest, Text: "The response type is not supported."},
	70008:   {Name: invalidGrant, Class: ClassSignIn, Text: "The provided authorization code or refresh token is expired. Send a new interactive request for this user and resource."},
	70011:   {Name: invalidScope, Class: ClassRequest, Text: "The provided value for the input parameter 'scope' is not valid."},
	70016:   {Name: "authorization_pending", Class: ClassRetry, Text: "The device code flow is not finished: the person has not signed in yet."},
	70018:   {Name: "bad_verification_code", Class: ClassSignIn, Text: "The verification code is invalid."},
	70019:   {Name: "expired_token", Class: ClassSignIn, Text: "The verification code has expired."},
	70021:   {Name: invalidClient, Class: ClassRegistration, Text: "No matching federated identity record was found for the presented assertion."},
	70043:   {Name: invalidGrant, Suberror: "bad_token", Class: ClassSignIn, Text: "The refresh token has expired because of a sign-in frequency policy."},
	90002:   {Name: invalidRequest, Class: ClassCustomer, Text: "The tenant was not found. Check the tenant id and the cloud."},
	90019:   {Name: invalidRequest, Class: ClassRequest, Text: "No tenant-identifying information was found in the request."},
	90023:   {Name: invalidRequest, Class: ClassRequest, Text: "The request has a parameter with an unsupported value."},
	90033:   {Name: unavailable, Status: http.StatusServiceUnavailable, Class: ClassRetry, Text: "A transient error has occurred. Try again."},
	90055:   {Name: unavailable, Status: http.StatusTooManyRequests, Class: ClassRetry, RetryAfter: 10 * time.Second, Text: "The tenant is throttled because of too many incoming requests."},
	90094:   {Name: accessDenied, Class: ClassCustomer, Text: "An administrator must consent: the application asks for permissions that only an administrator can grant."},
	90099:   {Name: unauthorizedClient, Class: ClassCustomer, Text: "The application has not been authorized in the tenant for delegated administrators of partners."},
	500011:  {Name: invalidResource, Class: ClassCustomer, Text: "The resource principal was not found in the tenant."},
	500112:  {Name: invalidClient, Class: ClassRequest, Text: "The reply address does not match the one given when the code was requested."},
	500113:  {Name: invalidRequest, Class: ClassRegistration, Text: "No reply address is registered for the application."},
	501481:  {Name: invalidGrant, Class: ClassRequest, Text: "The code_verifier does not match the code_challenge of the authorization request."},
	530032:  {Name: invalidGrant, Suberror: "message_only", Class: ClassCustomer, Text: "Access was blocked by a security policy of the tenant."},
	650052:  {Name: invalidClient, Class: ClassCustomer, Text: "The application needs a service that the organization has not subscribed to or enabled."},
	650053:  {Name: invalidClient, Class: ClassRegistration, Text: "The application asked for a scope that does not exist on the resource."},
	650057:  {Name: invalidResource, Class: ClassRegistration, Text: "The resource is not listed in the requested permissions of the application's registration."},
	700005:  {Name: invalidGrant, Class: ClassRequest, Text: "The authorization code is intended for another tenant."},
	700016:  {Name: unauthorizedClient, Class: ClassCustomer, Text: "The application was not found in the directory."},
	700021:  {Name: invalidClient, Class: ClassRequest, Text: "The client assertion's application identifier does not match the 'client_id' parameter."},
	700023:  {Name: invalidClient, Class: ClassRequest, Text: "The client assertion's audience does not match the endpoint that was called."},
	700024:  {Name: invalidClient, Class: ClassRequest, Text: "The client assertion is not within its valid time range."},
	700025:  {Name: invalidClient, Class: ClassRequest, Text: "The client is public, so neither 'client_assertion' nor 'client_secret' should be presented."},
	700027:  {Name: invalidClient, Class: ClassRegistration, Text: "The client assertion failed signature validation."},
	700054:  {Name: "unsupported_response_type", Class: ClassRegistration, Text: "The response type 'id_token' is not enabled for the application."},
	700082:  {Name: invalidGrant, Suberror: "token_expired", Class: ClassSignIn, Text: "The refresh token has expired due to inactivity."},
	700084:  {Name: invalidGrant, Suberror: "token_expired", Class: ClassRegistration, Text: "The refresh token was issued to a single-page application and has reached its fixed lifetime."},
	900144:  {Name: invalidRequest, Class: ClassRequest, Text: "The request must contain a parameter that is missing."},
	900561:  {Name: invalidRequest, Class: ClassRequest, Text: "The endpoint does not accept this method."},
	901002:  {Name: invalidRequest, Class: ClassRequest, Text: "The 'resource' request parameter is not supported."},
	1002012: {Name: invalidScope, Class: ClassRequest, Text: "Client credential flows must have a scope value with /.default suffixed to the resource identifier."},
	7000215: {Name: invalidClient, Class: ClassRegistration, Text: "Invalid client secret provided. Send the secret's value, not its id."},
	7000218: {Name: invalidClient, Class: ClassRequest, Text: "The request body must contain 'client_assertion' or 'client_secret'."},
	7000222: {Name: invalidClient, Class: ClassRegistration, Text: "The provided client secret keys are expired."},
	9001023: {Name: invalidRequest, Class: ClassRequest, Text: "The grant type is not supported over the /common or /organizations endpoints. Use a tenant's own."},
	9002313: {Name: invalidRequest, Class: ClassRequest, Text: "The request is malformed or invalid."},
}

// AADSTS returns the refusal of that number, for [Options].Fail. A number that
// is not in the catalogue is a refused grant (400, invalid_grant), as most are.
func AADSTS(code int) *Error {
	e, ok := catalogue[code]
	if !ok {
		e = Error{Name: invalidGrant, Class: ClassSignIn, Text: "The request was refused."}
	}
	e.Code = code
	if e.Status == 0 {
		e.Status = http.StatusBadRequest
		if e.Name == invalidClient {
			e.Status = http.StatusUnauthorized
		}
	}
	return &e
}

// Codes lists the AADSTS numbers of the catalogue, ascending.
func Codes() []int {
	codes := make([]int, 0, len(catalogue))
	for code := range catalogue {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// missing refuses a request that lacks a parameter.
func missing(parameter string) *Error {
	return AADSTS(900144).say("The request must contain the following parameter: '%s'.", parameter)
}
