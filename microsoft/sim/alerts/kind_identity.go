package alerts

var identityKinds = []kind{
	{
		title:       "Suspected brute-force attack (Kerberos, NTLM)",
		description: "{user} failed to sign in many times from {device}, with passwords that people commonly use.",
		actions:     5, service: identity, detection: byIdentity, category: "CredentialAccess", severity: medium,
		techniques: []string{"T1110", "T1110.003"}, evidence: []item{aUser, aDevice, anIP}, weight: 5,
	},
	{
		title:       "Suspected Kerberos SPN exposure",
		description: "Tickets for a number of services were asked for from {device}. Their passwords can be guessed offline.",
		actions:     5, service: identity, detection: byIdentity, category: "CredentialAccess", severity: high,
		techniques: []string{"T1558.003"}, evidence: []item{aUser, aDevice, aGroup}, weight: 3,
	},
	{
		title:       "Honeytoken activity",
		description: "Somebody used {user}, an account that nobody has a reason to use.",
		actions:     5, service: identity, detection: byIdentity, category: "Discovery", severity: medium,
		techniques: []string{"T1087"}, evidence: []item{aUser, aDevice, anIP}, weight: 2,
	},
	{
		title:       "Suspicious additions to sensitive groups",
		description: "{user} was added to a group that holds high privileges. This has not happened before at this time of day.",
		actions:     5, service: identity, detection: byIdentity, category: "Persistence", severity: medium,
		techniques: []string{"T1098"}, evidence: []item{aUser, aGroup, aDevice, aUser}, weight: 3,
	},
	{
		title:       "Unfamiliar sign-in properties",
		description: "The sign-in of {user} from {ip} has properties that have not been seen for this person of late: place, device, browser or network.",
		actions:     5, service: entra, detection: byEntra, category: "InitialAccess", severity: medium,
		techniques: []string{"T1078", "T1078.004"}, evidence: []item{aUser, anIP, aLogonRequest}, weight: 9,
	},
	{
		title:       "Anonymous IP address",
		description: "{user} signed in from an address ({ip}) of an anonymising network.",
		actions:     5, service: entra, detection: byEntra, category: "InitialAccess", severity: medium,
		techniques: []string{"T1090.003"}, evidence: []item{aUser, anIP, aLogonRequest}, weight: 4,
	},
	{
		title:       "Atypical travel",
		description: "{user} signed in from two places that nobody can travel between in the time that passed.",
		actions:     5, service: entra, detection: byEntra, category: "InitialAccess", severity: low,
		techniques: []string{"T1078"}, evidence: []item{aUser, anIP, anIP, aLogonRequest}, weight: 5,
	},
	{
		title:       "Multi-stage attack: a stolen session was used from {ip}",
		description: "The session cookie of {user} was used from another machine shortly after a page at {url} had asked for the password.\n\nThe account was used to read mail and to make rules.",
		actions:     2, service: xdr, detection: byXDR, category: "InitialAccess", severity: high,
		techniques: []string{"T1557", "T1539", "T1114.003"}, evidence: []item{aUser, anIP, aURL, aLogonSession, aRule}, weight: 3,
	},
	{
		title:       "Possible lateral movement from {device}",
		description: "Signs from several products fit together: {user}, on {device}, reached machines that this account never used before.",
		actions:     2, service: xdr, detection: byXDR, category: "LateralMovement", severity: high,
		techniques: []string{"T1021.001", "T1550.002"}, evidence: []item{aUser, aDevice, aProcess, aFile}, weight: 3,
	},
}
