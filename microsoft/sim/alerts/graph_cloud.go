package alerts

import (
	"fmt"
	"time"
)

// cloudMembers writes the members of the types that no machine is part of.
func cloudMembers(j *jsonText, p *piece, f *facts) {
	switch p.item {
	case aCloudApp:
		j.number("appId", 20595)
		j.text("displayName", p.text)
		j.number("instanceId", 0)
		j.text("instanceName", p.text)
		j.number("saasAppId", 11161)
		j.null("stream")
	case anOAuthApp:
		j.text("appId", p.id)
		j.text("displayName", p.text)
		j.text("objectId", p.id)
		j.text("publisher", f.company.Domain)
	case aLogonSession:
		j.text("sessionId", p.id)
		j.text("deviceName", f.device.host)
		j.text("browser", "Edge 141.0")
		j.text("operatingSystem", f.device.platform.name)
		j.text("protocol", "oauth2")
		j.text("userAgent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)")
		j.time("startUtcDateTime", f.first)
		j.time("previousLogonDateTime", f.first-int64(26*time.Hour))
		nested(j, "account", aUser, p)
		j.null("stream")
		userAccount(j, "userAccount", p.user, f)
		j.end('}')
	case aServicePrincipal:
		j.text("servicePrincipalObjectId", p.id)
		j.text("servicePrincipalName", p.text)
		j.text("servicePrincipalType", "application")
		j.text("appId", p.id)
		j.text("appOwnerTenantId", f.company.ID)
		j.text("tenantId", f.company.ID)
	case anAzureResource:
		azureResource(j, p, "Microsoft.Compute/virtualMachines", f.device.host)
	case aBlob:
		j.text("name", p.file.name)
		j.text("url", "https://storage.example/backups/"+p.id)
		j.text("etag", fmt.Sprintf(`"0x8D%014X"`, p.n))
		j.array("fileHashes")
		j.object("")
		j.text("algorithm", "sha256")
		j.text("value", p.file.sha256)
		j.end('}')
		j.end(']')
		nested(j, "blobContainer", aBlobContainer, p)
		j.text("name", "backups")
		j.text("url", "https://storage.example/backups")
		nested(j, "storageResource", anAzureResource, p)
		azureResource(j, p, "Microsoft.Storage/storageAccounts", "storage")
		j.end('}')
		j.end('}')
	case aPod:
		podMembers(j, p)
	default:
		mailMembers(j, p, f)
	}
}

func azureResource(j *jsonText, p *piece, kind, name string) {
	j.text("resourceId", fmt.Sprintf("/subscriptions/%s/resourceGroups/production/providers/%s/%s", p.id, kind, name))
	j.text("resourceName", name)
	j.text("resourceType", kind)
}

func podMembers(j *jsonText, p *piece) {
	j.text("name", "backend-"+p.id[:8])
	j.array("containers")
	nested(j, "", aContainer, p)
	j.text("containerId", p.file.sha256)
	j.text("name", "backend")
	j.texts("command", []string{"/bin/sh", "-c"})
	j.texts("args", []string{`exec /srv/app --label="Größe"`})
	j.boolean("isPrivileged", true)
	j.nulls("image", "pod")
	j.end('}')
	j.end(']')
	j.array("initContainers")
	j.end(']')
	j.array("ephemeralContainers")
	j.end(']')
	j.object("labels")
	j.text("app.kubernetes.io/name", "backend")
	j.end('}')
	j.nulls("controller", "namespace", "serviceAccount")
	nested(j, "podIp", anIP, p)
	j.text("ipAddress", "10.244.0.17")
	j.nulls("countryLetterCode", "location", "stream")
	j.end('}')
}

// mailMembers writes the members of the types around mail and chat.
func mailMembers(j *jsonText, p *piece, f *facts) {
	switch p.item {
	case aMessage:
		j.text("networkMessageId", p.id)
		j.text("internetMessageId", "<"+p.id+"@mail.example>")
		j.text("subject", f.subject)
		j.text("language", "en")
		j.text("senderIp", p.ip)
		j.text("recipientEmailAddress", p.user.upn)
		j.text("antiSpamDirection", "inbound")
		j.text("deliveryAction", "delivered")
		j.text("deliveryLocation", "inbox")
		j.text("urn", "urn:MailEntity:"+p.file.md5)
		j.texts("threats", []string{"ZapPhish", "HighConfPhish"})
		j.texts("threatDetectionMethods", []string{"URLDetonationReputation"})
		j.texts("urls", []string{p.url})
		j.number("urlCount", 1)
		j.number("attachmentsCount", 0)
		j.time("receivedDateTime", f.first)
		for _, sender := range []string{"p1Sender", "p2Sender"} {
			j.object(sender)
			j.text("emailAddress", "noreply@mail.example")
			j.text("displayName", "“Buchhaltung” <noreply>")
			j.text("domainName", "mail.example")
			j.end('}')
		}
	case aMailCluster:
		j.text("clusterBy", "Subject;P2SenderDomain;ContentType")
		j.text("clusterByValue", f.subject+";mail.example;1")
		j.number("emailCount", p.n%200)
		j.texts("networkMessageIds", []string{p.id})
		j.text("query", `( (( (Subject:"`+f.subject+`") ) AND ( (SenderDomain:"mail.example") )) )`)
		j.text("urn", "urn:MailClusterEntity:"+p.file.md5)
	case aRule:
		j.text("configurationType", "userInboxRule")
		j.text("configurationId", p.id)
		j.text("displayName", ".. \\ move \"invoices\"")
		j.text("mailboxPrimaryAddress", p.user.upn)
		j.text("upn", p.user.upn)
		j.text("externalDirectoryObjectId", p.id)
	case aTeamsMessage:
		teamsMembers(j, p, f)
	}
}

func teamsMembers(j *jsonText, p *piece, f *facts) {
	j.nulls("campaignId", "channelId", "groupId", "parentMessageId", "sourceId", "subject")
	j.text("deliveryAction", "delivered")
	j.text("deliveryLocation", "teams")
	j.array("files")
	j.end(']')
	j.boolean("isExternal", true)
	j.boolean("isOwned", false)
	j.time("lastModifiedDateTime", f.last)
	j.text("messageDirection", "inbound")
	j.text("messageId", p.id)
	j.text("owningTenantId", f.company.ID)
	j.time("receivedDateTime", f.first)
	j.texts("recipients", []string{p.user.upn})
	j.text("senderFromAddress", "helpdesk@support.example")
	j.text("senderIP", p.ip)
	j.text("sourceAppName", "Microsoft Teams")
	j.texts("suspiciousRecipients", nil)
	j.text("threadId", "19:"+p.file.md5+"@unq.gbl.spaces")
	j.text("threadType", "chat")
	j.array("urls")
	nested(j, "", aURL, p)
	j.text("url", p.url)
	j.end('}')
	j.end(']')
}
