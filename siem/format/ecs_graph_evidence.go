package format

import (
	"slices"
	"strings"
)

// graphEvidence fills the fields that describe one thing, each from the
// evidence that Microsoft judged worst among those of its kind, the first of
// equals. All values of a kind come from one item, so that no process gets
// another one's hash.
func (e *ecsAlert) graphEvidence(evidence value) {
	worst := map[string]object{}
	actionRank := -1
	for item := range evidence.list() {
		o := item.object()
		kind := evidenceKind(o.get("@odata.type").text())
		if c := categoryOfEvidence[kind]; c != "" {
			e.categories = appendNew(e.categories, c)
			if c == "registry" && !slices.Contains(e.types, "access") {
				e.types = append(e.types, "access")
			}
		}
		if status := o.get("detectionStatus").text(); status != "" && rank("", o) > actionRank {
			e.action, actionRank = status, rank("", o)
		}
		switch kind {
		case "registryKey", "registryValue":
			kind = "registry"
		}
		if now, ok := worst[kind]; !ok || rank(kind, o) > rank(kind, now) {
			worst[kind] = o
		}
	}
	if o := worst["device"]; o != nil {
		e.graphDevice(o)
	}
	if o := worst["process"]; o != nil {
		e.process = graphProcess(o)
		e.user = graphUser(o.get("userAccount").object())
	}
	if o := worst["user"]; o != nil {
		e.user = graphUser(o.get("userAccount").object())
	} else if o := worst["mailbox"]; o != nil && e.user == (ecsUser{}) {
		e.user = graphUser(o.get("userAccount").object())
		e.user.email = first(e.user.email, o.get("primaryAddress").text())
		e.user.fullName = first(e.user.fullName, o.get("displayName").text())
	}
	if o := worst["file"]; o != nil {
		e.file = graphFile(o.get("fileDetails").object())
	}
	if o := worst["registry"]; o != nil {
		e.registry = ecsRegistry{
			hive: o.get("registryHive").text(), key: o.get("registryKey").text(), value: o.get("registryValueName").text(),
			kind: o.get("registryValueType").text(), data: o.get("registryValue").text(),
		}
	}
	if o := worst["url"]; o != nil {
		e.link = o.get("url").text()
	}
	if o := worst["analyzedMessage"]; o != nil {
		e.email = graphEmail(o)
	}
}

// rank orders evidence of a kind. Of devices the one that the alert is about
// counts, whatever was found on it.
func rank(kind string, o object) int {
	n := 0
	switch o.get("verdict").text() {
	case "malicious":
		n = 2
	case "suspicious":
		n = 1
	}
	if kind == "device" {
		for _, role := range o.get("detailedRoles").texts() {
			if role == "PrimaryDevice" || role == "Main device" {
				n += 10
			}
		}
	}
	return n
}

func (e *ecsAlert) graphDevice(o object) {
	ips := o.get("ipInterfaces").texts()
	e.host = ecsHost{
		id:        o.get("mdeDeviceId").text(),
		name:      first(o.get("deviceDnsName").text(), o.get("hostName").text()),
		hostname:  first(o.get("hostName").text(), o.get("deviceDnsName").text()),
		domain:    first(o.get("dnsDomain").text(), o.get("ntDomain").text()),
		ips:       validIPs(append(ips, o.get("lastIpAddress").text())),
		osName:    o.get("osPlatform").text(),
		osVersion: o.get("version").text(),
	}
	e.deviceID = o.get("azureAdDeviceId").text()
	e.instanceID = o.get("vmMetadata").object().get("vmId").text()
}

func graphProcess(o object) ecsProcess {
	p := imageOf(o.get("imageFile").object())
	p.pid = whole(o.get("processId"))
	p.commandLine = o.get("processCommandLine").text()
	p.start = millis(o.get("processCreationDateTime"))
	p.user = graphUser(o.get("userAccount").object())
	parent := imageOf(o.get("parentProcessImageFile").object())
	parent.pid = whole(o.get("parentProcessId"))
	parent.start = millis(o.get("parentProcessCreationDateTime"))
	p.parent = &parent
	return p
}

// imageOf is a process by its file.
func imageOf(o object) ecsProcess {
	f := graphFile(o)
	return ecsProcess{name: f.name, executable: f.path, hash: f.hash}
}

func graphFile(o object) ecsFile {
	f := ecsFile{
		name: o.get("fileName").text(), directory: o.get("filePath").text(), size: whole(o.get("fileSize")),
		hash: ecsHash{md5: o.get("md5").text(), sha1: o.get("sha1").text(), sha256: o.get("sha256").text()},
	}
	f.path = joinPath(f.directory, f.name)
	return f
}

func graphUser(o object) ecsUser {
	return ecsUser{
		id: first(o.get("userSid").text(), o.get("azureAdUserId").text()), name: o.get("accountName").text(),
		domain: o.get("domainName").text(), email: o.get("userPrincipalName").text(), fullName: o.get("displayName").text(),
	}
}

func graphEmail(o object) ecsEmail {
	return ecsEmail{
		subject:   o.get("subject").text(),
		from:      o.get("p2Sender").object().get("emailAddress").text(),
		sender:    o.get("p1Sender").object().get("emailAddress").text(),
		to:        o.get("recipientEmailAddress").texts(),
		messageID: o.get("internetMessageId").text(),
		localID:   o.get("networkMessageId").text(),
		direction: strings.ToLower(o.get("antiSpamDirection").text()),
		delivered: millis(o.get("receivedDateTime")),
	}
}

// joinPath makes ECS's full path of Microsoft's folder and name. Microsoft
// doesn't say the system: the folder's own separator tells.
func joinPath(folder, name string) string {
	if folder == "" || name == "" {
		return ""
	}
	separator := `\`
	if strings.HasPrefix(folder, "/") {
		separator = "/"
	}
	if strings.HasSuffix(folder, separator) {
		return folder + name
	}
	return folder + separator + name
}

func whole(v value) *int64 {
	if n, ok := v.integer(); ok {
		return &n
	}
	return nil
}
