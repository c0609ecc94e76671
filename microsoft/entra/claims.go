package entra

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tributary"
)

// Claims is what an access token says of itself. It is for diagnostics, and
// to notice a token of the wrong tenant: the signature is not checked, since
// the API is who must.
type Claims struct {
	TenantID string    // tid, lower case
	Audience string    // aud: the API, as its URI or its application id
	Roles    []string  // application permissions (app-only)
	Scopes   []string  // delegated permissions
	Account  string    // who signed in, as the token names them; empty for app-only
	AppID    string    // the application that the token was given to
	Issued   time.Time // iat; zero if absent
	Expires  time.Time // exp, by the service's clock; zero if absent
}

// ReadClaims reads a token without verifying it. A token that is not a JWT
// (Microsoft lets itself change them for its own APIs) is an error, which says
// nothing of the token's text.
func ReadClaims(token tributary.Secret) (Claims, error) {
	parts := strings.Split(token.Reveal(), ".") // read here, never kept
	if len(parts) != 3 {
		return Claims{}, errors.New("read the token: it is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Claims{}, errors.New("read the token: its claims are not base64url")
	}
	var c struct {
		TenantID  string   `json:"tid"`
		Audience  oneOrAll `json:"aud"`
		Roles     oneOrAll `json:"roles"`
		Scopes    string   `json:"scp"`
		Issued    float64  `json:"iat"`
		Expires   float64  `json:"exp"`
		AppID     string   `json:"appid"` // v1 tokens
		AZP       string   `json:"azp"`   // v2 tokens
		UPN       string   `json:"upn"`
		Preferred string   `json:"preferred_username"`
		Unique    string   `json:"unique_name"`
		Email     string   `json:"email"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return Claims{}, errors.New("read the token: its claims are not those of an access token")
	}
	return Claims{
		TenantID: strings.ToLower(c.TenantID),
		Audience: strings.Join(c.Audience, " "),
		Roles:    c.Roles,
		Scopes:   strings.Fields(c.Scopes),
		Account:  first(c.UPN, c.Preferred, c.Unique, c.Email),
		AppID:    first(c.AppID, c.AZP),
		Issued:   unix(c.Issued),
		Expires:  unix(c.Expires),
	}, nil
}

// oneOrAll is a claim that is a string or a list of them.
type oneOrAll []string

func (o *oneOrAll) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = nil
		if one != "" {
			*o = oneOrAll{one}
		}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func unix(seconds float64) time.Time {
	if seconds <= 0 || seconds > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// checkTenant refuses a token that is for another tenant than was asked for:
// its alerts would be delivered under the wrong customer's name. A token that
// can't be read passes, because Microsoft calls them opaque to clients and the
// token's endpoint was the tenant's own.
func checkTenant(op string, tenant tributary.Tenant, tokens ...tributary.Secret) (Claims, error) {
	var claims Claims
	for _, token := range tokens {
		c, err := ReadClaims(token)
		if err != nil || c.TenantID == "" {
			continue
		}
		if c.TenantID != strings.ToLower(tenant.ID) {
			return Claims{}, &tributary.Error{
				Code: CodeWrongTenant, Op: op, Tenant: name(tenant), Fix: tributary.FixMSSP,
				Err:  fmt.Errorf("the token is for tenant %.64q, not for %s", c.TenantID, tenant.ID),
				Next: "check the tenant id, and sign in with an account that is in that tenant",
			}
		}
		if claims.TenantID == "" {
			claims = c
		} else if claims.Account == "" {
			claims.Account = c.Account
		}
	}
	return claims, nil
}
