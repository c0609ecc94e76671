package connect

import (
	_ "embed"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/template"

	"tributary"
)

//go:embed access.md.tmpl
var accessText string

var accessTemplate = template.Must(template.New("access").Parse(accessText))

// Access is what the procedure for a customer has to know by which they let
// analysts into their portal.
type Access struct {
	Tenant       tributary.Tenant
	Cloud        tributary.Cloud
	Domain       string // one of the customer's, for the page of approvals; empty: the tenant id
	ProviderID   string // our own tenant id; empty: the procedure says to ask for it
	ProviderName string // who we are; empty: "your security provider"
}

// tier is a group of analysts, by the examples of Microsoft's procedure
// (Defender: grant-mssp-access).
type tier struct{ Group, For, Permissions string }

// WriteAccess writes, as Markdown and for the customer's administrator, how they
// grant the provider's analysts access to their Defender portal: groups, roles,
// connected organization, catalog and an access package for each tier, with
// approval and a yearly review (Defender: grant-mssp-access, access-mssp-portal,
// configure-mssp-notifications).
func WriteAccess(w io.Writer, a Access) error {
	customer, provider, home := a.Tenant.Name, a.ProviderName, a.Domain
	if customer == "" {
		customer = a.Tenant.Slug
	}
	if provider == "" {
		provider = "your security provider"
	}
	if home == "" {
		home = a.Tenant.ID
	}
	entra, myAccess := "https://entra.microsoft.com", "https://myaccess.microsoft.com/@"
	if strings.HasSuffix(a.Cloud.Login, ".us") {
		entra, myAccess = "https://entra.microsoft.us", "https://myaccess.microsoft.us/@"
	}
	customer, provider = oneLine(customer), oneLine(provider)
	err := accessTemplate.Execute(w, map[string]any{
		"Tenant": a.Tenant, "Customer": customer, "ProviderID": strings.ToLower(a.ProviderID), "ProviderName": provider,
		"PortalURL": a.Cloud.Portal + "?tid=" + a.Tenant.ID, "Entra": entra, "MyAccess": myAccess + url.PathEscape(home),
		"PortalPermission": PortalPermission, "Approvers": "MSSP Analyst Approvers", "Catalog": provider + " analysts",
		"Tiers": []tier{
			{"Tier 1 Analyst", "analysts who watch and sort", "View data: security operations; Alerts investigation"},
			{"Tier 2 Analyst", "analysts who investigate and respond", "View data: security operations, Defender Vulnerability Management; Alerts investigation; Active remediation actions; Live response: basic"},
		},
	})
	if err != nil {
		return fmt.Errorf("write the procedure: %w", err)
	}
	return nil
}

// oneLine keeps a name from breaking out of its place in a table.
func oneLine(name string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", "|", "/", "`", "'").Replace(name)
}
