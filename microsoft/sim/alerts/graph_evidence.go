package alerts

// evidenceMembers writes the members that are a type's own (the metadata of
// Microsoft Graph, namespace microsoft.graph.security).
func evidenceMembers(j *jsonText, p *piece, f *facts) {
	switch p.item {
	case aDevice:
		deviceMembers(j, &p.device, p.user)
	case aUser:
		j.null("stream")
		userAccount(j, "userAccount", p.user, f)
	case aProcess:
		processMembers(j, p, f)
	case aFile:
		j.text("detectionStatus", "detected")
		j.text("mdeDeviceId", f.device.mdeID)
		fileDetails(j, "fileDetails", p.file)
	case anIP:
		j.text("ipAddress", p.ip)
		geoLocation(j, places[int(p.n)%len(places)])
		j.null("stream")
	case aURL:
		j.text("url", p.url)
	case aRegistryKey:
		j.text("registryKey", `SOFTWARE\MICROSOFT\WINDOWS NT\CURRENTVERSION\SCHEDULE\TASKCACHE\TREE\Mise à jour`)
		j.text("registryHive", "HKEY_LOCAL_MACHINE")
	case aRegistryValue:
		j.text("mdeDeviceId", f.device.mdeID)
		j.text("registryKey", `S-1-5-21-0\SOFTWARE\MICROSOFT\WINDOWS\CURRENTVERSION\RUN`)
		j.text("registryHive", "HKEY_USERS")
		j.text("registryValue", `"`+p.file.path+`\`+p.file.name+`" /background`)
		j.text("registryValueName", "Updater")
		j.text("registryValueType", "String")
	case aMailbox:
		j.text("primaryAddress", p.user.upn)
		j.text("displayName", p.user.name)
		j.text("upn", p.user.upn)
		userAccount(j, "userAccount", p.user, f)
	case aLogonRequest:
		j.text("requestId", p.id)
	case aGroup:
		j.text("displayName", "Domain Admins")
		j.null("friendlyName")
		j.text("distinguishedName", "CN=Domain Admins,CN=Users,DC="+f.company.netBIOS())
		j.text("sid", p.user.sid)
		j.null("securityGroupId")
		j.text("activeDirectoryObjectGuid", p.id)
	case aMalware:
		j.text("name", f.threatName)
		j.text("category", "Trojan")
		j.array("files")
		nested(j, "", aFile, p)
		j.text("detectionStatus", "prevented")
		j.text("mdeDeviceId", f.device.mdeID)
		fileDetails(j, "fileDetails", p.file)
		j.end('}')
		j.end(']')
		j.array("processes")
		j.end(']')
	default:
		cloudMembers(j, p, f)
	}
}

type place struct {
	code, country, state, city string
	latitude, longitude        float64
}

var places = []place{
	{"DE", "Germany", "Bayern", "München", 48.1351, 11.582},
	{"NL", "Netherlands", "Noord-Holland", "Amsterdam", 52.374, 4.8897},
	{"BR", "Brazil", "São Paulo", "São Paulo", -23.5505, -46.6333},
	{"US", "United States", "Virginia", "Boydton", 36.6676, -78.3875},
	{"JP", "Japan", "Tokyo", "Tōkyō", 35.6895, 139.6917},
	{"NG", "Nigeria", "", "", 9.082, 8.6753},
}

func geoLocation(j *jsonText, p place) {
	j.text("countryLetterCode", p.code)
	j.object("location")
	j.text("countryName", p.country)
	j.textOrNull("state", p.state)
	j.textOrNull("city", p.city)
	j.decimal("longitude", p.longitude)
	j.decimal("latitude", p.latitude)
	j.end('}')
}

func deviceMembers(j *jsonText, d *device, u user) {
	j.time("firstSeenDateTime", d.firstSeen)
	j.text("mdeDeviceId", d.mdeID)
	j.textOrNull("azureAdDeviceId", d.aadID)
	j.text("deviceDnsName", d.dns)
	j.text("hostName", d.host)
	j.text("ntDomain", u.domain)
	j.text("dnsDomain", d.dns[len(d.host)+1:])
	j.text("osPlatform", d.platform.name)
	j.number("osBuild", int64(d.platform.build))
	j.text("version", d.platform.version)
	j.text("healthStatus", d.health)
	j.text("riskScore", d.risk)
	j.number("rbacGroupId", int64(d.groupID))
	j.text("rbacGroupName", d.group)
	j.text("onboardingStatus", "onboarded")
	j.text("defenderAvStatus", d.antivirus)
	j.text("lastIpAddress", d.ip)
	j.text("lastExternalIpAddress", d.externalIP)
	j.texts("ipInterfaces", []string{d.ip, d.ip6, "127.0.0.1"})
	j.array("loggedOnUsers")
	j.object("")
	j.text("accountName", u.account)
	j.text("domainName", u.domain)
	j.end('}')
	j.end(']')
	j.array("resourceAccessEvents")
	j.end(']')
	if !d.vm {
		j.null("vmMetadata")
		return
	}
	j.object("vmMetadata")
	j.text("vmId", d.vmID)
	j.text("cloudProvider", "azure")
	j.text("resourceId", "/subscriptions/"+d.subID+"/resourceGroups/production/providers/Microsoft.Compute/virtualMachines/"+d.host)
	j.text("subscriptionId", d.subID)
	j.end('}')
}

func processMembers(j *jsonText, p *piece, f *facts) {
	j.number("processId", p.process.pid)
	j.number("parentProcessId", p.process.parentPID)
	j.text("processCommandLine", p.process.command)
	j.time("processCreationDateTime", p.process.started)
	j.time("parentProcessCreationDateTime", p.process.parentStarted)
	j.text("detectionStatus", "detected")
	j.text("mdeDeviceId", f.device.mdeID)
	fileDetails(j, "imageFile", p.process.image)
	fileDetails(j, "parentProcessImageFile", p.process.parent)
	userAccount(j, "userAccount", p.user, f)
}

func fileDetails(j *jsonText, name string, f file) {
	j.object(name)
	j.textOrNull("sha1", f.sha1)
	j.textOrNull("sha256", f.sha256)
	j.textOrNull("md5", f.md5)
	j.null("sha256Ac")
	j.text("fileName", f.name)
	j.text("filePath", f.path)
	j.number("fileSize", f.size)
	j.textOrNull("filePublisher", f.publisher)
	j.textOrNull("signer", f.signer)
	j.textOrNull("issuer", f.issuer)
	j.end('}')
}

func userAccount(j *jsonText, name string, u user, f *facts) {
	j.object(name)
	j.text("accountName", u.account)
	j.text("domainName", u.domain)
	j.text("userSid", u.sid)
	j.textOrNull("azureAdUserId", u.aadID)
	j.textOrNull("userPrincipalName", u.upn)
	j.text("displayName", u.name)
	j.null("activeDirectoryObjectGuid")
	j.text("tenantId", f.company.ID)
	j.array("resourceAccessEvents")
	j.end(']')
	j.end('}')
}
