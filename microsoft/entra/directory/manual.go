package directory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Step is one step in the Entra admin center.
type Step struct {
	Title string
	Do    []string // what to click, sentence by sentence
	// Values are to be typed, or picked, exactly.
	Values []Value
	Note   string // why, or what goes wrong otherwise; may be empty
}

// Value is what stands in one field.
type Value struct{ Field, Text string }

// adminCenter is the address of the Entra admin center (Entra:
// authentication-national-cloud).
func adminCenter(cloud tributary.Cloud) string {
	switch {
	case strings.HasSuffix(cloud.Login, ".microsoftonline.us"):
		return "https://entra.microsoft.us"
	case strings.HasSuffix(cloud.Login, ".microsoftonline.cn"), strings.HasSuffix(cloud.Login, ".chinacloudapi.cn"):
		return "https://portal.azure.cn"
	}
	return "https://entra.microsoft.com"
}

// ManualSteps is what [Client.Register] does, as steps for a person in the Entra
// admin center, with the labels of today and, where they changed of late, the
// ones before in brackets. It needs no sign-in and asks nobody.
func ManualSteps(cloud tributary.Cloud, r Registration) ([]Step, error) {
	needs, err := Needs(r.Sources, r.Auth)
	if err != nil {
		return nil, err
	}
	steps := []Step{r.signInStep(cloud), r.createStep(), r.redirectStep()}
	if r.PublicClient {
		steps = append(steps, Step{
			Title: "Allow the device code",
			Do: []string{
				"Under Manage, select Authentication, then the tab Settings (before: the section Advanced settings).",
				"Set Allow public client flows to Enabled (before: Yes) and select Save.",
			},
			Values: []Value{{"Allow public client flows", "Enabled"}},
			Note:   "Without it, a sign-in with a device code ends in AADSTS7000218.",
		})
	}
	steps = append(steps, permissionStep(needs))
	if !r.MultiTenant || r.Grant {
		steps = append(steps, Step{
			Title: "Consent in this directory",
			Do: []string{
				"Still under API permissions, select Grant admin consent for <directory>, then Yes.",
				"Each line shows Granted for <directory> under Status.",
			},
			Note: "It takes a Privileged Role Administrator where application permissions are among them, otherwise a Cloud Application Administrator.",
		})
	}
	if step, ok := r.credentialStep(); ok {
		steps = append(steps, step)
	}
	return append(steps, r.configureStep()), nil
}

func (r Registration) signInStep(cloud tributary.Cloud) Step {
	step := Step{
		Title: "Sign in to the directory that shall own the application",
		Do: []string{
			"Open " + adminCenter(cloud) + " as an Application Developer or Cloud Application Administrator.",
			"If the account has several directories, select the gear (Settings) and switch to the right one under Directories + subscriptions.",
		},
		Note: "One application for all customers is registered in the provider's own directory.",
	}
	if !r.MultiTenant {
		step.Note = "A single-directory application can sign in to the directory where it is registered, and to no other. " +
			"So it has to be registered in the customer's directory: registered in the provider's, every sign-in to the customer ends in AADSTS50194 or AADSTS700016. " +
			"Microsoft's MSSP page doesn't say which directory it means."
		if r.Customer != "" {
			step.Values = []Value{{"Directory (tenant) ID, shown on the Overview page", strings.ToLower(r.Customer)}}
		}
	}
	return step
}

func (r Registration) createStep() Step {
	name := r.DisplayName
	if name == "" {
		name = "<directory's name> SIEM MSSP Connector"
	}
	audience := "Single tenant only - <directory> (before: Accounts in this organizational directory only)"
	if r.MultiTenant {
		audience = "Multiple Entra ID tenants (before: Accounts in any organizational directory), and there Allow all tenants"
	}
	step := Step{
		Title: "Create the registration",
		Do: []string{
			"Browse to Entra ID > App registrations and select New registration.",
			"Fill in the name and the supported account types as below, leave Redirect URI for the next step, and select Register.",
			"On the Overview page, note the Application (client) ID and the Directory (tenant) ID.",
		},
		Values: []Value{{"Name", name}, {"Supported account types", audience}},
	}
	return step
}

func (r Registration) redirectStep() Step {
	step := Step{
		Title: "Register where the browser comes back to",
		Do: []string{
			"Under Manage, select Authentication, then Add Redirect URI (before: Add a platform), and there Web.",
			"Enter the address below and select Configure. Repeat it for each.",
		},
		Note: "The address that a sign-in sends must be equal to one of these, to the letter: scheme, host, path, capitals, and a slash at the end. " +
			"Microsoft's MSSP page registers https://<domain_name>/SiemMsspConnector but sends https://SiemMsspConnector, which ends in AADSTS50011: register and configure one and the same. " +
			"Choose Web, not Single-page application (its refresh tokens die after 24 hours) and not Mobile and desktop.",
	}
	for _, uri := range r.RedirectURIs {
		step.Values = append(step.Values, Value{"Redirect URI (Web)", uri})
	}
	if slices.ContainsFunc(r.RedirectURIs, func(u string) bool { return strings.HasPrefix(u, "http://localhost") }) {
		step.Note += " For http://localhost the port doesn't matter."
	}
	if len(r.RedirectURIs) == 0 {
		step.Do = []string{"Nothing: without a redirect URI nobody signs in."}
		step.Note = "A customer's administrator can still consent, but the browser then ends on AADSTS500113, which may be ignored."
	}
	return step
}

func permissionStep(needs []Need) Step {
	step := Step{
		Title: "Ask for the permissions, and no more",
		Do: []string{
			"Under Manage, select API permissions, then Add a permission.",
			"For each line below: Microsoft Graph is under Microsoft APIs; the others are found by name under APIs my organization uses. Choose Application permissions or Delegated permissions as the line says, tick the permission, and select Add permissions.",
			"Remove User.Read of Microsoft Graph, which a new registration has, unless it is listed below.",
		},
		Note: "An API that isn't found by its name is not in this directory: it comes with its licence, once somebody has opened the Microsoft Defender portal.",
	}
	for _, n := range needs {
		kind := "Delegated permissions"
		if n.Kind == Application {
			kind = "Application permissions"
		}
		step.Values = append(step.Values, Value{n.API + " > " + kind, n.Name})
	}
	if slices.ContainsFunc(needs, func(n Need) bool { return n.APIAppID == aadGraphAppID }) {
		step.Note += " Windows Azure Active Directory is Azure AD Graph, whose tokens the SIEM API takes; the page may call it Azure Active Directory Graph, under Supported legacy APIs."
	}
	return step
}

func (r Registration) credentialStep() (Step, bool) {
	switch {
	case r.Certificate != nil:
		return Step{
			Title: "Upload the certificate",
			Do: []string{
				"Under Manage, select Certificates & secrets, the tab Certificates, then Upload certificate.",
				"Choose the file with the certificate alone, without its key, and select Add.",
			},
			Values: []Value{{"Description", credentialName(r.Mark)}, {"Thumbprint, as the list shows it afterwards", Thumbprint(r.Certificate)}},
			Note:   "The private key stays where it is: nobody else needs it. The certificate ends on " + r.Certificate.NotAfter.UTC().Format(time.DateOnly) + ".",
		}, true
	case r.Secret:
		lifetime := r.SecretLifetime
		if lifetime == 0 {
			lifetime = defaultLifetime
		}
		return Step{
			Title: "Make a client secret",
			Do: []string{
				"Under Manage, select Certificates & secrets, the tab Client secrets, then New client secret.",
				"Fill in the description and the expiry, and select Add.",
				"Copy the secret's Value at once: it is never shown again. It is not the Secret ID beside it, with which sign-in ends in AADSTS7000215.",
			},
			Values: []Value{{"Description", credentialName(r.Mark)}, {"Expires", fmt.Sprintf("Custom, %d days from today", int(lifetime.Hours()/24))}},
			Note:   "Entra allows 24 months at most. A certificate is better: its key never leaves this machine.",
		}, true
	}
	return Step{}, false
}

func (r Registration) configureStep() Step {
	step := Step{
		Title: "Tell Tributary",
		Do:    []string{"Put the Application (client) ID into tributary.yaml under app, with the secret or the certificate file."},
	}
	if len(r.RedirectURIs) > 0 {
		step.Values = append(step.Values, Value{"redirect_uri", r.RedirectURIs[0]})
	}
	step.Values = append(step.Values, Value{"client_id", "<Application (client) ID>"})
	return step
}
