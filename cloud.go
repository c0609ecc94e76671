package tributary

import (
	"net/url"
	"strings"
)

// Cloud is one of Microsoft's clouds: where its services answer. Every URL is
// without a slash at its end.
type Cloud struct {
	Name     string
	Login    string // identity: tokens at {Login}/{tenant id}/oauth2/v2.0/token
	Graph    string // alerts at {Graph}/v1.0/security/alerts_v2
	Endpoint string // alerts at {Endpoint}/api/alerts
	XDR      string // incidents at {XDR}/api/incidents
	SIEM     string // detections at {SIEM}/api/alerts; {region} stands for the tenant's region
	Portal   string // the Defender portal
	// Resources by source: the audience that a token for that API must have.
	// They stay Microsoft's own when a laboratory or a proxy changes the hosts.
	Resources map[Source]string
}

var globalResources = map[Source]string{
	SourceGraph:          "https://graph.microsoft.com",
	SourceGraphIncidents: "https://graph.microsoft.com",
	SourceEndpoint:       "https://api.securitycenter.microsoft.com",
	SourceXDR:            "https://api.security.microsoft.com",
	SourceSIEM:           "https://graph.windows.net",
}

func govResources(graph string) map[Source]string {
	return map[Source]string{
		SourceGraph:          graph,
		SourceGraphIncidents: graph,
		// Microsoft documents no audience for the government's Defender APIs;
		// the API host itself is what its naming suggests.
		SourceEndpoint: "https://api-gov.securitycenter.microsoft.us",
		SourceXDR:      "https://api-gov.security.microsoft.us",
		SourceSIEM:     "https://graph.windows.net",
	}
}

// Clouds lists Microsoft's clouds by the name that configuration uses
// (Entra: authentication-national-cloud; Defender: gov, usgov).
func Clouds() map[string]Cloud {
	gcc := map[Source]string{
		SourceGraph:          "https://graph.microsoft.com",
		SourceGraphIncidents: "https://graph.microsoft.com",
		SourceEndpoint:       "https://api-gcc.securitycenter.microsoft.us",
		SourceXDR:            "https://api-gcc.security.microsoft.us",
		SourceSIEM:           "https://graph.windows.net",
	}
	return map[string]Cloud{
		"global": {
			Name:      "global",
			Login:     "https://login.microsoftonline.com",
			Graph:     "https://graph.microsoft.com",
			Endpoint:  "https://api.security.microsoft.com",
			XDR:       "https://api.security.microsoft.com",
			SIEM:      "https://wdatp-alertexporter-{region}.securitycenter.windows.com",
			Portal:    "https://security.microsoft.com",
			Resources: globalResources,
		},
		"gcc": {
			Name:      "gcc",
			Login:     "https://login.microsoftonline.com",
			Graph:     "https://graph.microsoft.com",
			Endpoint:  "https://api-gcc.securitycenter.microsoft.us",
			XDR:       "https://api-gcc.security.microsoft.us",
			SIEM:      "https://wdatp-alertexporter-us.gcc.securitycenter.windows.us",
			Portal:    "https://security.microsoft.com",
			Resources: gcc,
		},
		"gcc-high": {
			Name:      "gcc-high",
			Login:     "https://login.microsoftonline.us",
			Graph:     "https://graph.microsoft.us",
			Endpoint:  "https://api-gov.securitycenter.microsoft.us",
			XDR:       "https://api-gov.security.microsoft.us",
			SIEM:      "https://wdatp-alertexporter-us.securitycenter.windows.us",
			Portal:    "https://security.microsoft.us",
			Resources: govResources("https://graph.microsoft.us"),
		},
		"dod": {
			Name:      "dod",
			Login:     "https://login.microsoftonline.us",
			Graph:     "https://dod-graph.microsoft.us",
			Endpoint:  "https://api-gov.securitycenter.microsoft.us",
			XDR:       "https://api-gov.security.microsoft.us",
			SIEM:      "https://wdatp-alertexporter-us.securitycenter.windows.us",
			Portal:    "https://security.apps.mil",
			Resources: govResources("https://dod-graph.microsoft.us"),
		},
	}
}

// Resource is the audience of tokens for a source's API.
func (c Cloud) Resource(s Source) string { return c.Resources[s] }

// SIEMURL is the SIEM API's address for a tenant whose data lies in region
// (us, eu or uk; empty means eu).
func (c Cloud) SIEMURL(region string) string {
	if region == "" {
		region = "eu"
	}
	return strings.ReplaceAll(c.SIEM, "{region}", region)
}

// AlertURL is the page of an alert in the customer's portal.
func (c Cloud) AlertURL(tenantID, alertID string) string {
	return c.Portal + "/alerts/" + url.PathEscape(alertID) + "?tid=" + url.QueryEscape(tenantID)
}
