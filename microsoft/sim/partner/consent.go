package partner

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tributary/microsoft/sim/identity"
)

// applicationConsent is the body of a consent, and of its answer.
type applicationConsent struct {
	ApplicationID string             `json:"applicationId"`
	DisplayName   string             `json:"displayName,omitempty"`
	Grants        []applicationGrant `json:"applicationGrants"`
}

// applicationGrant is one API with its delegated permissions. There is no way
// to grant an application permission here.
type applicationGrant struct {
	API   string `json:"enterpriseApplicationId"`
	Scope string `json:"scope"` // separated by commas
}

// scopes are the permissions' names.
func (g applicationGrant) scopes() []string {
	return strings.FieldsFunc(g.Scope, func(r rune) bool { return r == ',' || r == ' ' })
}

// consent grants delegated permissions in a customer's tenant, for everybody,
// and makes the service principal if need be.
func consent(c *call) {
	var in applicationConsent
	if err := c.read(&in); err != nil {
		c.refuse(http.StatusBadRequest, "The request's body is not valid: "+err.Error()+".")
		return
	}
	app, err := uuid.Parse(in.ApplicationID)
	if err != nil || len(in.Grants) == 0 {
		c.refuse(http.StatusBadRequest, "Give an applicationId and at least one applicationGrant.")
		return
	}
	want, ok := c.wanted(in.Grants)
	if !ok {
		return
	}
	p, err := c.Identity.AddPrincipal(c.customer.ID, app.String())
	if errors.Is(err, identity.ErrExists) {
		p, _ = c.Identity.Principal(c.customer.ID, app.String())
		err = nil
	}
	if err != nil || p.API != nil {
		c.refuse(http.StatusBadRequest, "The application "+app.String()+" was not found, or is not open to other tenants.")
		return
	}
	for _, have := range c.Identity.ScopeGrants(c.customer.ID) {
		if have.ClientID == p.ID && have.UserID == "" && slices.ContainsFunc(want, func(g identity.ScopeGrant) bool { return g.ResourceID == have.ResourceID }) {
			c.refuse(http.StatusConflict, "Permission entry already exists.")
			return
		}
	}
	for _, g := range want {
		g.ClientID = p.ID
		if _, err := c.Identity.SetScopes(c.customer.ID, g); err != nil {
			c.refuse(http.StatusBadRequest, "The scopes can't be granted: "+err.Error()+".")
			return
		}
	}
	c.answer(http.StatusCreated, in)
}

// wanted checks the grants against what the customer's APIs offer, before
// anything is changed. Where it returns false it has answered.
func (c *call) wanted(grants []applicationGrant) ([]identity.ScopeGrant, bool) {
	var list []identity.ScopeGrant
	for _, g := range grants {
		api, ok := c.Identity.Principal(c.customer.ID, g.API)
		if !ok || api.API == nil || !strings.EqualFold(api.AppID, g.API) {
			c.refuse(http.StatusBadRequest, "The enterprise application "+g.API+" was not found in the customer's tenant.")
			return nil, false
		}
		scopes := g.scopes()
		for _, scope := range scopes {
			if !slices.ContainsFunc(api.API.Scopes, func(p identity.Permission) bool { return p.Value == scope }) {
				c.refuse(http.StatusBadRequest, "The scope "+scope+" is not valid for the enterprise application "+g.API+".")
				return nil, false
			}
		}
		if len(scopes) == 0 {
			c.refuse(http.StatusBadRequest, "The grant for the enterprise application "+g.API+" has no scope.")
			return nil, false
		}
		if i := slices.IndexFunc(list, func(x identity.ScopeGrant) bool { return x.ResourceID == api.ID }); i >= 0 {
			list[i].Scopes = append(list[i].Scopes, scopes...)
			continue
		}
		list = append(list, identity.ScopeGrant{ResourceID: api.ID, Scopes: scopes})
	}
	return list, true
}

// withdraw takes the application out of the customer's tenant.
func withdraw(c *call) {
	p, ok := c.Identity.Principal(c.customer.ID, c.r.PathValue("application"))
	if !ok || p.API != nil || !strings.EqualFold(p.AppID, c.r.PathValue("application")) {
		c.refuse(http.StatusNotFound, "The customer has no consent for this application.")
		return
	}
	if err := c.Identity.RemovePrincipal(c.customer.ID, p.ID); err != nil {
		c.refuse(http.StatusNotFound, "The customer has no consent for this application.")
		return
	}
	c.given = answer{status: http.StatusNoContent}
	c.send(http.StatusNoContent, nil)
}
