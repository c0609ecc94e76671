package identity

import (
	"maps"
	"net/http"
	"slices"
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
	serverError        = "server_error"
)

// catalogue holds the codes that this server itself answers with, and all that
// an MSSP's road to a customer may meet (Entra: reference-error-codes). Names
// are what is usually seen; texts are our own words for Microsoft's.
var catalogue = func() map[int]Error {
	all := map[int]Error{}
	for _, codes := range []map[int]Error{transientCodes, personCodes, customerCodes, registrationCodes, requestCodes} {
		maps.Copy(all, codes)
	}
	return all
}()

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
