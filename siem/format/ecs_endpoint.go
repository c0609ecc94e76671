package format

import (
	"strings"

	"tributary"
)

// endpointNaming keeps Microsoft's names, as Elastic's integration
// (microsoft.defender_endpoint) does; the numbers that are ids are text there.
var endpointNaming = &naming{
	asText: map[string]bool{"incidentId": true, "investigationId": true},
}

// endpointSeverity is the scale of Elastic's pipeline for Defender for
// Endpoint.
func endpointSeverity(s tributary.Severity) *int64 {
	n := int64(s) // SeverityUnknown is 0, SeverityHigh is 4: the same scale
	return &n
}

// descriptionLimit: Elasticsearch doesn't index a keyword of 1,024 characters
// or more, and Elastic's pipeline leaves a longer description out of the rule.
const descriptionLimit = 1020

// mapEndpoint reads an alert of Defender for Endpoint's GET /api/alerts.
func mapEndpoint(e *ecsAlert, a *tributary.Alert, body value) {
	o := body.object()
	e.module, e.dataset = "microsoft_defender_endpoint", "microsoft_defender_endpoint.log"
	e.namespace = [2]string{"microsoft", "defender_endpoint"}
	e.vendor = endpointNaming.vendor(make([]byte, 0, len(body)), body, e.related.collect)

	e.eventID = first(o.get("id").text(), e.eventID)
	e.message = o.get("title").text()
	category := o.get("category").text()
	e.action = category
	e.provider = "defender_endpoint"
	e.severity = endpointSeverity(a.Severity)
	e.created = exact(o.get("alertCreationTime"))
	e.start = exact(o.get("firstEventTime"))
	e.end = exact(o.get("lastEventTime"))
	e.ruleID = o.get("detectorId").text()
	e.ruleName = o.get("title").text()
	if d := o.get("description").text(); len(d) < descriptionLimit {
		e.ruleDescription = d
	}
	e.tactics = appendNew(nil, category)
	e.techniques = techniqueList(o.get("mitreTechniques"))
	e.software = first(o.get("threatFamilyName").text(), o.get("threatName").text())
	e.observerProduct = "Defender for Endpoint"
	e.observerName = o.get("detectionSource").text()
	e.host = ecsHost{id: o.get("machineId").text(), name: o.get("computerDnsName").text(), hostname: o.get("computerDnsName").text()}
	e.instanceID = e.host.id

	e.categories = []string{"host"}
	if category == "Malware" {
		e.categories = append(e.categories, "malware")
	}
	switch o.get("status").text() {
	case "New":
		e.types = []string{"start"}
	case "Resolved":
		e.types = []string{"end"}
	default:
		e.types = []string{"info"}
	}
	e.endpointEvidence(o.get("evidence"))
	e.relatedUser(o.get("relatedUser").object())
	e.categories = allowTypes(e.categories, e.types)
}

// endpointEvidence fills the fields that describe one thing from the first
// evidence of its kind: these alerts carry no verdict to choose by. Where
// there is no file, a process is also the file that it runs, as in Elastic's
// pipeline.
func (e *ecsAlert) endpointEvidence(evidence value) {
	seen := map[string]bool{}
	for item := range evidence.list() {
		o := item.object()
		kind := o.get("entityType").text()
		if seen[kind] {
			continue
		}
		seen[kind] = true
		switch kind {
		case "Process":
			e.categories = appendNew(e.categories, "process")
			e.process = endpointProcess(o)
			if !seen["File"] {
				e.file = graphFile(o) // until a file of its own comes
			}
		case "File":
			e.file = graphFile(o) // the members of a file have Graph's names
		case "User":
			e.types = append(e.types, "access")
			e.user = ecsUser{
				id: first(o.get("userSid").text(), o.get("aadUserId").text()), name: o.get("accountName").text(),
				domain: o.get("domainName").text(), email: o.get("userPrincipalName").text(),
			}
		case "Url":
			e.link = o.get("url").text()
		case "Registry":
			e.registry = ecsRegistry{
				hive: o.get("registryHive").text(), key: o.get("registryKey").text(),
				kind: o.get("registryValueType").text(), data: o.get("registryValue").text(),
			}
		}
	}
}

func endpointProcess(o object) ecsProcess {
	p := imageOf(o)
	p.pid = whole(o.get("processId"))
	p.commandLine = o.get("processCommandLine").text()
	p.start = exact(o.get("processCreationTime"))
	parent := ecsProcess{
		pid:        whole(o.get("parentProcessId")),
		name:       o.get("parentProcessFileName").text(),
		executable: joinPath(o.get("parentProcessFilePath").text(), o.get("parentProcessFileName").text()),
		start:      exact(o.get("parentProcessCreationTime")),
	}
	p.parent = &parent
	return p
}

// relatedUser is the user that Microsoft itself ties to the alert: it comes
// before the users among the evidence. Only where both are the same person do
// the evidence's id and address stay.
func (e *ecsAlert) relatedUser(o object) {
	name, domain := o.get("userName").text(), o.get("domainName").text()
	if name == "" {
		return
	}
	if !strings.EqualFold(name, e.user.name) {
		e.user = ecsUser{}
	}
	e.user.name, e.user.domain = name, first(domain, e.user.domain)
}
