package alerts

import (
	"slices"
	"strconv"
)

// unknownFuture stands for members of an enumeration that are newer than the
// client, unless it asked for them.
const unknownFuture = "unknownFutureValue"

// newerRemediation are the members of evidenceRemediationStatus that come
// after unknownFutureValue in Microsoft's metadata.
var newerRemediation = []string{"active", "pendingApproval", "declined", "unremediated", "running", "partiallyRemediated"}

const portal = "https://security.microsoft.com"

// renderGraph writes a microsoft.graph.security.alert as
// GET /v1.0/security/alerts_v2 has it.
func renderGraph(dst []byte, f *facts, st state, updated int64, knownOnly bool) []byte {
	j := newJSONText(dst, false)
	incident := strconv.FormatInt(f.incident+st.incidentMoves, 10)
	member := func(name string, newer bool) string {
		if newer && knownOnly {
			return unknownFuture
		}
		return name
	}
	last := f.last
	if st.remediated {
		last = max(f.last, updated-int64(tick)*3e7)
	}
	j.object("")
	j.text("id", f.id)
	j.text("providerAlertId", f.providerID)
	j.text("incidentId", incident)
	j.text("status", graphStatuses[st.status])
	j.text("severity", graphLevels[st.severity])
	j.textOrNull("classification", graphClasses[st.classification])
	j.textOrNull("determination", graphDeterminations[st.determination])
	j.text("serviceSource", member(f.service.source, f.service.newer))
	j.text("detectionSource", member(f.detection.graph, f.detection.newer))
	j.text("productName", f.service.product)
	j.text("detectorId", f.detector)
	j.text("tenantId", f.company.ID)
	j.text("title", f.title)
	j.text("description", f.text)
	actions := recommendations[f.kind.actions]
	if f.kind.severity > informational {
		actions += closing
	}
	j.text("recommendedActions", actions)
	j.text("category", f.kind.category)
	j.texts("categories", []string{f.kind.category})
	j.textOrNull("assignedTo", st.assigned)
	j.text("alertWebUrl", portal+"/alerts/"+f.id+"?tid="+f.company.ID)
	j.text("incidentWebUrl", portal+"/incidents/"+incident+"?tid="+f.company.ID)
	j.textOrNull("actorDisplayName", f.actor)
	if slices.Contains(f.kind.evidence, aMalware) {
		j.text("threatDisplayName", f.threatName)
		j.text("threatFamilyName", f.threat)
	} else {
		j.nulls("threatDisplayName", "threatFamilyName")
	}
	j.texts("mitreTechniques", f.kind.techniques)
	j.time("createdDateTime", f.created)
	j.time("lastUpdateDateTime", updated)
	j.time("resolvedDateTime", st.resolved)
	j.time("firstActivityDateTime", f.first)
	j.time("lastActivityDateTime", last)
	j.array("comments")
	for _, c := range st.comments {
		j.object("")
		j.text("comment", c.text)
		j.text("createdByDisplayName", c.by)
		j.time("createdDateTime", c.at)
		j.end('}')
	}
	j.end(']')
	j.textOrNull("alertPolicyId", f.policy)
	j.null("additionalData")
	j.null("customDetails")
	j.texts("systemTags", nil)
	j.text("investigationState", graphInvestigations[st.investigation])
	j.array("evidence")
	for i := range f.pieces {
		graphEvidence(j, &f.pieces[i], f, st, knownOnly)
	}
	j.end(']')
	j.end('}')
	return j.b
}

// graphTypes are the names of the evidence types.
var graphTypes = [...]string{
	aDevice: "device", aUser: "user", aProcess: "process", aFile: "file", anIP: "ip", aURL: "url",
	aRegistryKey: "registryKey", aRegistryValue: "registryValue", aMailbox: "mailbox", aMessage: "analyzedMessage",
	aMailCluster: "mailCluster", aCloudApp: "cloudApplication", anOAuthApp: "oauthApplication",
	aLogonRequest: "cloudLogonRequest", aLogonSession: "cloudLogonSession", anAzureResource: "azureResource",
	aServicePrincipal: "servicePrincipal", aGroup: "securityGroup", aMalware: "malware", aBlob: "blob",
	aPod: "kubernetesPod", aTeamsMessage: "teamsMessage", aRule: "mailboxConfiguration",
	aBlobContainer: "blobContainer", aContainer: "container",
}

// graphEvidence writes one element: what all types have in common, then its own
// members.
func graphEvidence(j *jsonText, p *piece, f *facts, st state, knownOnly bool) {
	status, verdict := p.status, p.verdict
	if st.remediated && p.item != aDevice && p.item != aUser {
		status, verdict = "remediated", "malicious"
	}
	if knownOnly && slices.Contains(newerRemediation, status) {
		status = unknownFuture
	}
	evidenceHead(j, "", p.item, p.at, verdict, status)
	j.null("remediationStatusDetails")
	j.texts("roles", p.roles)
	j.texts("detailedRoles", p.detail)
	if p.item == aDevice {
		j.texts("tags", p.device.tags)
	} else {
		j.texts("tags", nil)
	}
	evidenceMembers(j, p, f)
	j.end('}')
}

func evidenceHead(j *jsonText, name string, it item, at int64, verdict, status string) {
	j.object(name)
	j.text("@odata.type", "#microsoft.graph.security."+graphTypes[it]+"Evidence")
	j.time("createdDateTime", at)
	j.text("verdict", verdict)
	j.text("remediationStatus", status)
}

// nested opens an evidence object inside another one.
func nested(j *jsonText, name string, it item, p *piece) {
	evidenceHead(j, name, it, p.at, "unknown", "none")
	j.null("remediationStatusDetails")
	j.texts("roles", nil)
	j.texts("detailedRoles", nil)
	j.texts("tags", nil)
}
