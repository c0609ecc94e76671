package connect

import (
	"fmt"

	"tributary"
)

// PortalPermission is what a person needs in the customer's Defender portal to
// authorise an application there.
const PortalPermission = "Manage portal system settings"

// portalStep says what to click where the customer's Defender portal has not
// authorised the application for the SIEM API yet (the last step of Microsoft's
// MSSP procedure), and what to send the customer where we may not click. The
// step is right as soon as the API answers.
func (c *Connector) portalStep(step Step, tenant tributary.Tenant, cloud tributary.Cloud) Step {
	if step.Err == nil || step.Err.Code != tributary.CodeNotAuthorised {
		return step
	}
	app, err := c.App(tenant)
	if err != nil {
		return step
	}
	ours, theirs := c.Provider, c.Provider
	if ours == "" {
		ours, theirs = "your own (--mssp-tenant fills it in)", "[our tenant id]"
	}
	link := cloud.Portal + "?tid=" + tenant.ID
	step.Next = fmt.Sprintf("open %s, Settings > SIEM > MSSP, enter application id %s and tenant id %s, and choose Authorize application; it takes the Defender permission %s",
		link, app.ClientID, ours, PortalPermission)
	step.Send = fmt.Sprintf("Please let us fetch your Defender alerts: as somebody with the Defender permission “%s”, open %s, go to Settings > SIEM > MSSP, "+
		"enter the application ID %s and the tenant ID %s, and choose “Authorize application”.", PortalPermission, link, app.ClientID, theirs)
	return step
}
