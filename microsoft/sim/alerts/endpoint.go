package alerts

import "slices"

// renderEndpoint writes an alert as Defender for Endpoint's GET /api/alerts
// has it.
func renderEndpoint(dst []byte, f *facts, st state, updated int64, evidence bool) []byte {
	j := newJSONText(dst, true)
	j.object("")
	j.text("id", f.id)
	j.number("incidentId", f.incident+st.incidentMoves)
	if f.investigation == 0 {
		j.null("investigationId")
	} else {
		j.number("investigationId", f.investigation)
	}
	j.textOrNull("assignedTo", st.assigned)
	j.text("severity", oldLevels[st.severity])
	j.text("status", oldStatuses[st.status])
	j.textOrNull("classification", oldClasses[st.classification])
	j.textOrNull("determination", oldDeterminations[st.determination])
	j.text("investigationState", oldInvestigations[st.investigation])
	j.text("detectionSource", f.detection.defender)
	j.text("detectorId", f.detector)
	j.text("category", f.kind.category)
	malware := slices.Contains(f.kind.evidence, aMalware)
	if malware {
		j.text("threatFamilyName", f.threat)
	} else {
		j.null("threatFamilyName")
	}
	j.text("title", f.title)
	j.text("description", f.text)
	j.time("alertCreationTime", f.created)
	j.time("firstEventTime", f.first)
	j.time("lastEventTime", f.last)
	j.time("lastUpdateTime", updated)
	j.time("resolvedTime", st.resolved)
	j.text("machineId", f.device.mdeID)
	j.text("computerDnsName", f.device.dns)
	j.text("rbacGroupName", f.device.group)
	j.text("aadTenantId", f.company.ID)
	if malware {
		j.text("threatName", f.threatName)
	} else {
		j.null("threatName")
	}
	j.texts("mitreTechniques", f.kind.techniques)
	if slices.Contains(f.kind.evidence, aUser) {
		j.object("relatedUser")
		j.text("userName", f.user.account)
		j.text("domainName", f.user.domain)
		j.end('}')
	} else {
		j.null("relatedUser")
	}
	j.array("comments")
	for _, c := range st.comments {
		j.object("")
		j.text("comment", c.text)
		j.text("createdBy", c.by)
		j.time("createdTime", c.at)
		j.end('}')
	}
	j.end(']')
	j.array("evidence")
	if evidence {
		for i := range f.pieces {
			endpointEvidence(j, &f.pieces[i], st)
		}
	}
	j.end(']')
	j.end('}')
	return j.b
}

var entityTypes = map[item]string{
	aUser: "User", aProcess: "Process", aFile: "File", anIP: "Ip", aURL: "Url", aRegistryKey: "Registry", aRegistryValue: "Registry",
}

// endpointEvidence writes one entity. It is flat: all types have all members,
// and those of other types are null. Machines are no entity: the alert itself
// names its machine.
func endpointEvidence(j *jsonText, p *piece, st state) {
	entity, ok := entityTypes[p.item]
	if !ok {
		return
	}
	j.object("")
	j.text("entityType", entity)
	j.time("evidenceCreationTime", p.at)
	var f, parent file
	path, value, hive, valueType := "", "", "", ""
	switch p.item {
	case aProcess:
		f, parent = p.process.image, p.process.parent
	case aFile:
		f = p.file
	case aRegistryKey, aRegistryValue:
		path, hive = `SOFTWARE\Microsoft\Windows\CurrentVersion\Run`, "HKEY_LOCAL_MACHINE"
		if p.item == aRegistryValue {
			value, valueType = `"`+p.file.path+`\`+p.file.name+`"`, "String"
		}
	}
	for _, m := range [...][2]string{{"sha1", f.sha1}, {"sha256", f.sha256}, {"fileName", f.name}, {"filePath", f.path}} {
		j.textOrNull(m[0], m[1])
	}
	if p.item == aProcess {
		j.number("processId", p.process.pid)
		j.text("processCommandLine", p.process.command)
		j.time("processCreationTime", p.process.started)
		j.number("parentProcessId", p.process.parentPID)
		j.time("parentProcessCreationTime", p.process.parentStarted)
	} else {
		j.nulls("processId", "processCommandLine", "processCreationTime", "parentProcessId", "parentProcessCreationTime")
	}
	j.textOrNull("parentProcessFileName", parent.name)
	j.textOrNull("parentProcessFilePath", parent.path)
	ip, url := "", ""
	switch p.item {
	case anIP:
		ip = p.ip
	case aURL:
		url = p.url
	}
	j.textOrNull("ipAddress", ip)
	j.textOrNull("url", url)
	for _, m := range [...][2]string{{"registryKey", path}, {"registryHive", hive}, {"registryValueType", valueType}, {"registryValue", value}} {
		j.textOrNull(m[0], m[1])
	}
	var u user
	if p.item == aUser {
		u = p.user
	}
	for _, m := range [...][2]string{{"accountName", u.account}, {"domainName", u.domain}, {"userSid", u.sid}, {"aadUserId", u.aadID}, {"userPrincipalName", u.upn}} {
		j.textOrNull(m[0], m[1])
	}
	switch {
	case p.item == aUser:
		j.null("detectionStatus")
	case st.remediated:
		j.text("detectionStatus", "Prevented")
	default:
		j.text("detectionStatus", "Detected")
	}
	j.end('}')
}
