package alerts

var mailKinds = []kind{
	{
		title:       "Email messages containing malicious URL removed after delivery",
		description: "Messages that hold {url} were moved out of mailboxes after they had been delivered. The address was found to be bad only then.",
		actions:     6, service: office, detection: byOffice, category: "InitialAccess", severity: informational,
		techniques: []string{"T1566.002"}, evidence: []item{aMessage, aMailbox, aURL}, weight: 9,
	},
	{
		title:       "Email messages containing malicious file removed after delivery",
		description: "Messages with the attachment {file} were moved out of mailboxes after they had been delivered.",
		actions:     6, service: office, detection: byOffice, category: "InitialAccess", severity: informational,
		techniques: []string{"T1566.001"}, evidence: []item{aMessage, aMailbox, aFile, aMailCluster}, weight: 6,
	},
	{
		title:       "A potentially malicious URL click was detected",
		description: "{user} followed a link to {url} in a message. The page has since been found to ask for passwords.",
		actions:     6, service: office, detection: byOffice, category: "InitialAccess", severity: high,
		techniques: []string{"T1566.002", "T1204.001"}, evidence: []item{aUser, aURL, aMessage, aMailbox}, weight: 4,
	},
	{
		title:       "Email reported by user as malware or phish",
		description: "{user} reported a message as dangerous.",
		actions:     6, service: office, detection: byOffice, category: "InitialAccess", severity: low,
		techniques: []string{"T1566"}, evidence: []item{aMessage, aMailbox}, weight: 8,
	},
	{
		title:       "Suspicious inbox forwarding rule",
		description: "A rule in the mailbox of {user} sends messages to an address outside of the organisation and deletes them here.",
		actions:     6, service: office, detection: byOffice, category: "Exfiltration", severity: medium,
		techniques: []string{"T1114.003", "T1564.008"}, evidence: []item{aUser, aMailbox, aRule, anIP}, weight: 3,
	},
	{
		title:       "Malicious link in a Teams chat",
		description: "Somebody from outside wrote to {user} in a chat and sent {url}.",
		actions:     6, service: office, detection: byOffice, category: "InitialAccess", severity: medium,
		techniques: []string{"T1566.003"}, evidence: []item{aTeamsMessage, aUser, aURL}, weight: 2,
	},
	{
		title:       "DLP policy (Payment card numbers) matched for email with subject “{subject}”",
		description: "{user} sent a message that holds what looks like payment card numbers.",
		actions:     4, service: lossPrevention, detection: byDLP, category: "Exfiltration", severity: low,
		techniques: nil, evidence: []item{aUser, aMessage, aMailbox}, weight: 6,
	},
}
