package format

import (
	"strings"

	"tributary"
)

// siemNaming keeps Microsoft's names.
var siemNaming = &naming{
	asText: map[string]bool{"ReportID": true},
}

// mapSIEM reads a detection of the SIEM REST API. Elastic never had an
// integration for it: the fields follow Microsoft's own table from these
// members to Graph's, and Elastic's mapping of those.
func mapSIEM(e *ecsAlert, a *tributary.Alert, body value) {
	o := lowerNames(body.object())
	get := func(name string) string { return strings.TrimSpace(o.get(strings.ToLower(name)).text()) }
	e.module, e.dataset = "microsoft_defender_endpoint", "microsoft_defender_endpoint.siem"
	e.namespace = [2]string{"microsoft", "defender_siem"}
	e.vendor = siemNaming.vendor(make([]byte, 0, len(body)), body, e.related.collect)

	e.eventID = first(get("AlertId"), e.eventID)
	e.message = get("AlertTitle")
	category := get("Category")
	e.action = category
	e.provider = "defender_endpoint"
	e.url = first(get("LinkToMTP"), get("LinkToWDATP"), e.url)
	e.severity = endpointSeverity(a.Severity)
	e.created = exact(o.get("alerttime"))
	e.ruleID = first(get("IoaDefinitionId"), get("IoaDefinitiondId")) // 2017 bodies misspell it
	e.ruleName = get("AlertTitle")
	if d := get("Description"); len(d) < descriptionLimit {
		e.ruleDescription = d
	}
	e.tactics = appendNew(nil, category)
	e.group = get("Actor")
	e.software = first(get("ThreatFamily"), get("ThreatFamilyName"), get("ThreatName"))
	e.observerProduct = "Defender for Endpoint"
	e.observerName = get("Source")
	e.host = ecsHost{
		id:       get("DeviceID"),
		name:     first(get("ComputerDnsName"), get("MachineName")),
		hostname: first(get("MachineName"), get("ComputerDnsName")),
		domain:   get("MachineDomain"),
		ips:      validIPs(strings.Split(get("InternalIPv4List")+","+get("InternalIPv6List"), ",")),
	}
	e.instanceID = e.host.id
	e.user = ecsUser{id: get("UserSid"), name: get("UserName"), domain: get("UserDomain")}
	for account := range strings.SplitSeq(get("LogOnUsers"), ";") {
		e.related.users = appendNew(e.related.users, strings.TrimSpace(account[strings.LastIndexByte(account, '\\')+1:]))
	}
	e.file = ecsFile{
		name: get("FileName"), directory: get("FilePath"), path: joinPath(get("FilePath"), get("FileName")),
		hash: ecsHash{md5: get("Md5"), sha1: get("Sha1"), sha256: get("Sha256")},
	}
	e.process.commandLine = get("CommandLine")
	e.link = get("Url")

	e.categories, e.types = []string{"host"}, []string{"info"}
	if category == "Malware" || get("ThreatName") != "" {
		e.categories = append(e.categories, "malware")
	}
	if e.process.commandLine != "" {
		e.categories = append(e.categories, "process")
	}
	e.categories = allowTypes(e.categories, e.types)
}

// lowerNames makes names comparable: the spelling of this API's members
// differs between its documents and its years.
func lowerNames(o object) object {
	for i := range o {
		o[i].key = []byte(strings.ToLower(string(o[i].key)))
	}
	return o
}
