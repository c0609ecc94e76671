package alerts

var endpointKinds = []kind{
	{
		title:       "Suspicious PowerShell command line",
		description: "PowerShell was started on {device} with a command line that hides what it does.\nInstallers and administrators do this at times. Attackers do it to fetch further code, to look around and to move to other machines without leaving files behind.",
		actions:     0, service: endpoint, detection: byEDR, category: "Execution", severity: medium,
		techniques: []string{"T1059.001", "T1027"}, evidence: []item{aDevice, aUser, aProcess, aFile}, weight: 14,
	},
	{
		title:       "'{threat}' malware was prevented",
		description: "The antivirus on {device} stopped {file} before it could run.\n\nMalware of this family has been seen to steal data, to encrypt files and to fetch other malware. Nothing ran, so the severity is low; find out how the file came to the machine.",
		actions:     1, service: endpoint, detection: byAntivirus, category: "Malware", severity: informational,
		techniques: nil, evidence: []item{aDevice, aFile, aFile, aMalware}, weight: 12,
	},
	{
		title:       "An active '{threat}' malware was detected while executing",
		description: "{file} was running on {device} when it was found, or it had already made sure of being started again.\n\nActive malware is rated higher than malware at rest, because it may have done harm by now.",
		actions:     1, service: endpoint, detection: byAntivirus, category: "Malware", severity: high,
		techniques: []string{"T1204.002"}, evidence: []item{aDevice, aUser, aProcess, aFile, aMalware}, weight: 5,
	},
	{
		title:       "Suspicious process injection observed",
		description: "A process on {device} wrote code into another one and started it there. Code that runs inside a trusted process is hard to see; the trusted process may open ports or talk to servers that it has no business with.",
		actions:     0, service: endpoint, detection: byEDR, category: "DefenseEvasion", severity: medium,
		techniques: []string{"T1055", "T1055.012"}, evidence: []item{aDevice, aProcess, aProcess, aUser}, weight: 8,
	},
	{
		title:       "Possible attempt to read credentials from LSASS memory",
		description: "The memory of the process that keeps signed-in people's secrets (lsass.exe) was read on {device} by {file}. Password hashes and tickets taken this way open other machines.",
		actions:     2, service: endpoint, detection: byEDR, category: "CredentialAccess", severity: high,
		techniques: []string{"T1003.001"}, evidence: []item{aDevice, aProcess, aFile, aUser}, weight: 4,
	},
	{
		title:       "Suspicious scheduled task",
		description: "A task was made on {device} that starts \"{file}\" at every sign-in. Attackers keep their place on a machine in this way.",
		actions:     0, service: endpoint, detection: byEDR, category: "Persistence", severity: medium,
		techniques: []string{"T1053.005"}, evidence: []item{aDevice, aProcess, aUser, aRegistryKey}, weight: 7,
	},
	{
		title:       "Anomaly detected in ASEP registry",
		description: "A value was written to a place in the registry of {device} from which programs are started by themselves.\nThe program is rare in your organisation and elsewhere.",
		actions:     0, service: endpoint, detection: byEDR, category: "Persistence", severity: medium,
		techniques: []string{"T1547.001", "T1112"}, evidence: []item{aDevice, aRegistryValue, aProcess, aFile}, weight: 7,
	},
	{
		title:       "Suspicious connection blocked by network protection",
		description: "A program on {device} tried to reach {url}, which has a bad name. The connection was not made.",
		actions:     3, service: endpoint, detection: bySmartScreen, category: "CommandAndControl", severity: informational,
		techniques: []string{"T1071.001"}, evidence: []item{aDevice, aURL, aProcess}, weight: 9,
	},
	{
		title:       "Connection to a custom network indicator",
		description: "{device} spoke to {ip}, an address on your own list of indicators.",
		actions:     3, service: endpoint, detection: byCustomTI, category: "SuspiciousActivity", severity: high,
		techniques: nil, evidence: []item{aDevice, anIP, aURL, aProcess}, weight: 4,
	},
	{
		title:       "Ransomware behavior detected in the file system",
		description: "Many files on {device} were read, replaced by unreadable ones and renamed within seconds. The program was {file}.\n\nDisconnect the machine first and ask questions later.",
		actions:     2, service: endpoint, detection: byEDR, category: "Ransomware", severity: high,
		techniques: []string{"T1486", "T1490"}, evidence: []item{aDevice, aUser, aProcess, aFile, aFile}, weight: 2,
	},
	{
		title:       "Low-reputation arbitrary code executed by signed executable",
		description: "A program signed by Microsoft ran code on {device} that almost nobody else runs. The signature belongs to the program, not to the code.",
		actions:     0, service: endpoint, detection: byEDR, category: "Execution", severity: low,
		techniques: []string{"T1218.011", "T1220"}, evidence: []item{aDevice, aUser, aProcess, aFile}, weight: 8,
	},
	{
		title:       "Hands-on keyboard activity: discovery commands on \"{device}\"",
		description: "Within a few minutes somebody ran a row of commands on {device} that tell about the network, its groups and its trusts. Scripts are quicker and people are slower: this looks like a person.",
		actions:     2, service: endpoint, detection: byEDR, category: "Discovery", severity: medium,
		techniques: []string{"T1018", "T1087.002", "T1482"}, evidence: []item{aDevice, aProcess, aProcess, aUser}, weight: 4,
	},
	{
		title:       "Hunting rule: archive made in a temporary folder",
		description: "Your own detection rule matched on {device}: {file} wrote an archive below C:\\Windows\\Temp.",
		actions:     4, service: endpoint, detection: byCustomDetection, category: "Collection", severity: low,
		techniques: []string{"T1560.001"}, evidence: []item{aDevice, aProcess, aFile}, weight: 5,
	},
	{
		title:       "Automated investigation started manually",
		description: "An analyst started an automated investigation of {device}.",
		actions:     4, service: endpoint, detection: byInvestigation, category: "SuspiciousActivity", severity: informational,
		techniques: nil, evidence: []item{aDevice, aUser}, weight: 3,
	},
	{
		title:       "Suspicious remote session: SMB lateral movement to {device}",
		description: "A service was made on {device} from another machine and started at once.\nAdministrators' tools do so; so do attackers who hold a stolen account.",
		actions:     2, service: endpoint, detection: byEDR, category: "LateralMovement", severity: medium,
		techniques: []string{"T1021.002", "T1569.002"}, evidence: []item{aDevice, anIP, aProcess, aUser}, weight: 5,
	},
	{
		title:       "Unwanted software '{threat}' was detected",
		description: "{file} on {device} shows advertisements, changes browser settings or slows the machine down. It is not malware.",
		actions:     1, service: endpoint, detection: byAntivirus, category: "UnwantedSoftware", severity: informational,
		techniques: nil, evidence: []item{aDevice, aFile}, weight: 8,
	},
}
