package alerts

import (
	"strconv"
	"strings"
)

// DetectionID is the id that a version of a detection goes by: FullId alone
// tells alert and indicator, the part is the counter of the split.
func DetectionID(fullID, part string) string { return fullID + "#" + part }

// renderDetection writes one part of an alert as the SIEM REST API has it.
// Empty values are empty texts, as in bodies since 2020.
func (s *Set) renderDetection(dst []byte, f *facts, st state, n int, e entry) []byte {
	part := int(e.seq)
	d := newDraw(s.seed, streamPart, uint64(n), uint64(part), 2)
	ioc := s.iocID(n, part)
	var fl file
	command, ip, url := "", "", ""
	switch p := f.indicator(part); p.item {
	case aProcess:
		fl, command = p.process.image, p.process.command
	case aFile:
		fl = p.file
	case anIP:
		ip = p.ip
	case aURL:
		url = p.url
	}
	antivirus := f.kind.detection == byAntivirus
	category, family, threat, action := "", "", "", ""
	if antivirus {
		category, family, threat, action = "Trojan", f.threat, f.threatName, "quarantine"
	}
	const old = "https://securitycenter.windows.com"
	j := newJSONText(dst, true)
	j.object("")
	j.time("AlertTime", f.last)
	j.text("ComputerDnsName", f.device.dns)
	j.text("AlertTitle", f.title)
	j.text("Category", f.kind.category)
	j.text("Severity", oldLevels[st.severity])
	j.text("AlertId", f.id)
	j.text("Actor", f.actor)
	j.text("LinkToWDATP", old+"/alert/"+f.id)
	for _, name := range []string{"IocName", "IocValue", "CreatorIocName", "CreatorIocValue"} {
		j.text(name, "")
	}
	j.text("Sha1", fl.sha1)
	j.text("FileName", fl.name)
	j.text("FilePath", fl.path)
	j.text("IpAddress", ip)
	j.text("Url", url)
	j.text("IoaDefinitionId", f.detector)
	j.text("UserName", f.user.account)
	j.number("AlertPart", int64(part))
	j.text("FullId", f.id+":"+ioc)
	j.time("LastProcessedTimeUtc", e.updated)
	j.text("ThreatCategory", category)
	j.text("ThreatFamily", family)
	j.text("ThreatName", threat)
	j.text("RemediationAction", action)
	if antivirus {
		j.boolean("RemediationIsSuccess", true)
	} else {
		j.null("RemediationIsSuccess")
	}
	j.text("Source", f.detection.siem)
	j.text("Md5", fl.md5)
	j.text("Sha256", fl.sha256)
	if antivirus {
		j.boolean("WasExecutingWhileDetected", st.severity >= medium)
	} else {
		j.null("WasExecutingWhileDetected")
	}
	j.text("UserDomain", f.user.domain)
	j.text("LogOnUsers", strings.ToLower(f.user.domain)+`\`+f.user.account)
	j.text("MachineDomain", f.company.Domain)
	j.text("MachineName", strings.ToLower(f.device.host))
	j.text("InternalIPv4List", f.device.ip+", 127.0.0.1")
	j.text("InternalIPv6List", f.device.ip6+", ::1")
	j.text("FileHash", fl.sha1)
	j.text("DeviceID", f.device.mdeID)
	j.text("MachineGroup", f.device.group)
	j.text("Description", f.text)
	j.text("DeviceCreatedMachineTags", strings.Join(f.device.tags, ","))
	j.text("CloudCreatedMachineTags", "")
	j.text("CommandLine", command)
	j.text("IncidentLinkToWDATP", old+"/incidents/byalert?alertId="+f.id+"&source=SIEM")
	j.number("ReportID", int64(d.between(1, 2_000_000_000)))
	j.text("LinkToMTP", portal+"/alert/"+f.id)
	j.text("IncidentLinkToMTP", portal+"/incidents/byalert?alertId="+f.id+"&source=SIEM")
	j.text("ExternalId", strings.ToUpper(d.hex(40)))
	j.text("IocUniqueId", ioc)
	j.end('}')
	return j.b
}

// indicator is the piece of evidence that a part of the split is about.
func (f *facts) indicator(part int) *piece {
	var found []*piece
	for i := range f.pieces {
		switch f.pieces[i].item {
		case aProcess, aFile, anIP, aURL:
			found = append(found, &f.pieces[i])
		}
	}
	if len(found) == 0 {
		return &piece{item: aUser}
	}
	return found[part%len(found)]
}

// detectionVersionID is the id of a detection without rendering its body.
func (s *Set) detectionVersionID(e entry) string {
	n := int(e.alert)
	id, _ := s.alertID(n, s.alerts[n])
	return DetectionID(id+":"+s.iocID(n, int(e.seq)), strconv.Itoa(int(e.seq)))
}
