package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"tributary"
)

// ConsentOnBehalf consents to the partner's application in a customer's
// directory, through Partner Center, where a delegated admin relationship lets
// the partner do so (Partner Center: control-panel-vendor-apis). Already reports
// that the customer had such a consent; what it covers is then what it covered
// before: [Client.WithdrawOnBehalf] it first to change that.
//
// The call is signed with a token for [PartnerCenterResource]. Partner Center
// takes 50 of them in a second.
func (c *Client) ConsentOnBehalf(ctx context.Context, customerTenantID string, app PartnerApp, grants []PartnerGrant) (already bool, err error) {
	op := "consent on behalf of the customer " + clean(customerTenantID, 60)
	if err := checkBehalf(customerTenantID, app.AppID); err != nil {
		return false, c.failure(op, CodeSettings, tributary.FixMSSP, err, "correct it and start again")
	}
	type grant struct {
		API   string `json:"enterpriseApplicationId"`
		Scope string `json:"scope"`
	}
	body := struct {
		AppID  string  `json:"applicationId"`
		Name   string  `json:"displayName,omitempty"`
		Grants []grant `json:"applicationGrants"`
	}{AppID: app.AppID, Name: app.Name}
	for _, g := range grants {
		if g.APIAppID != "" && len(g.Scopes) > 0 {
			body.Grants = append(body.Grants, grant{g.APIAppID, strings.Join(g.Scopes, ",")})
		}
	}
	if len(body.Grants) == 0 {
		return false, c.failure(op, CodeSettings, tributary.FixMSSP, errors.New("no grant is named"), "choose the sources")
	}
	err = c.partnerCall(ctx, call{op: op, method: http.MethodPost, path: consentsPath(customerTenantID), body: body})
	if conflict(err) {
		return true, nil
	}
	return false, err
}

// WithdrawOnBehalf takes the consent back; one that isn't there is fine.
func (c *Client) WithdrawOnBehalf(ctx context.Context, customerTenantID string, app PartnerApp) error {
	op := "withdraw the consent on behalf of the customer " + clean(customerTenantID, 60)
	if err := checkBehalf(customerTenantID, app.AppID); err != nil {
		return c.failure(op, CodeSettings, tributary.FixMSSP, err, "correct it and start again")
	}
	err := c.partnerCall(ctx, call{op: op, method: http.MethodDelete, path: consentsPath(customerTenantID) + "/" + url.PathEscape(app.AppID)})
	if missing(err) {
		return nil
	}
	return err
}

func checkBehalf(customerTenantID, appID string) error {
	if err := tributary.CheckTenantID(customerTenantID); err != nil {
		return err
	}
	if _, err := uuid.Parse(appID); err != nil {
		return fmt.Errorf("application id %q is not a GUID", clean(appID, 60))
	}
	return nil
}

func consentsPath(customerTenantID string) string {
	return "/customers/" + strings.ToLower(customerTenantID) + "/applicationconsents"
}

// partnerCall makes a call to Partner Center. Its ms-requestid is the same in
// every attempt, by which Partner Center knows a repetition.
func (c *Client) partnerCall(ctx context.Context, what call) error {
	what.need = consentOnBehalf
	what.header = http.Header{"Ms-Requestid": {uuid.NewString()}, "Ms-Correlationid": {uuid.NewString()}}
	return c.send(ctx, c.partner, what, address(c.partner, what))
}
