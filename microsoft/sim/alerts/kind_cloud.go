package alerts

var cloudKinds = []kind{
	{
		title:       "Impossible travel activity",
		description: "{user} was active in {app} from two countries within one hour.",
		actions:     5, service: cloudApps, detection: byCloudApps, category: "InitialAccess", severity: medium,
		techniques: []string{"T1078"}, evidence: []item{aUser, anIP, anIP, aCloudApp}, weight: 5,
	},
	{
		title:       "Mass download by a single user",
		description: "{user} downloaded far more files from {app} than is usual for this person.",
		actions:     5, service: cloudApps, detection: byCloudApps, category: "Exfiltration", severity: medium,
		techniques: []string{"T1530", "T1567"}, evidence: []item{aUser, aCloudApp, anIP, aFile}, weight: 4,
	},
	{
		title:       "Activity from infrequent country",
		description: "{user} used {app} from a country from which nobody of the organisation ever did.",
		actions:     5, service: cloudApps, detection: byCloudApps, category: "DefenseEvasion", severity: low,
		techniques: nil, evidence: []item{aUser, aCloudApp, anIP}, weight: 5,
	},
	{
		title:       "Unusual addition of credentials to an OAuth app",
		description: "A secret was added to the application \"{app}\" by {user}, who had never done this.",
		actions:     5, service: cloudApps, detection: byCloudApps, category: "Persistence", severity: medium,
		techniques: []string{"T1098.001"}, evidence: []item{aUser, anOAuthApp, aServicePrincipal, anIP}, weight: 2,
	},
	{
		title:       "Overprivileged app with rising data usage",
		description: "The application {app} holds permissions that it does not use, and reads more mail every day.",
		actions:     5, service: governance, detection: byGovernance, category: "Collection", severity: low,
		techniques: []string{"T1114.002"}, evidence: []item{anOAuthApp, aServicePrincipal}, weight: 2,
	},
	{
		title:       "Suspicious process executed on a virtual machine",
		description: "A program known from attacks ran on a machine of your subscription.",
		actions:     2, service: cloud, detection: byServers, category: "Execution", severity: high,
		techniques: []string{"T1059"}, evidence: []item{anAzureResource, aDevice, aProcess}, weight: 2,
	},
	{
		title:       "Access from a suspicious IP address to a blob container",
		description: "A storage account was read from {ip}, an address known from threat intelligence.",
		actions:     4, service: cloud, detection: byStorage, category: "InitialAccess", severity: low,
		techniques: []string{"T1530"}, evidence: []item{anAzureResource, anIP, aBlob}, weight: 2,
	},
	{
		title:       "Privileged container detected",
		description: "A container with full access to its host was started in one of your clusters.",
		actions:     4, service: cloud, detection: byContainers, category: "PrivilegeEscalation", severity: low,
		techniques: []string{"T1611"}, evidence: []item{anAzureResource, aPod}, weight: 2,
	},
	{
		title:       "Rule: sign-in from a network on the watch list",
		description: "A scheduled query of your workspace found a sign-in of {user} from {ip}.",
		actions:     4, service: sentinel, detection: byScheduled, category: "InitialAccess", severity: medium,
		techniques: []string{"T1078"}, evidence: []item{aUser, anIP}, weight: 3,
	},
	{
		title:       "Rule: firewall saw a beacon to {ip}",
		description: "A near-real-time query of your workspace found regular traffic from {device} to {ip}.",
		actions:     3, service: sentinel, detection: byNearRealTime, category: "CommandAndControl", severity: high,
		techniques: []string{"T1071"}, evidence: []item{anIP, aDevice, aURL}, weight: 2,
	},
}
