package alerts

// service is a product that raises alerts, as Graph names it.
type service struct {
	source  string // serviceSource
	product string // productName
	// prefix begins the ids of its alerts: Microsoft's table of alert sources.
	prefix string
	ids    idForm
	// newer marks the members that an evolvable enumeration shows only to
	// clients that ask for unknown members.
	newer bool
}

// idForm is how a service writes the ids of its alerts.
type idForm uint8

const (
	idTicks   idForm = iota // da637551227677560813_-961444813, or da<guid>_1
	idGUID                  // aa<guid>
	idHash                  // ad<64 hexadecimal digits>
	idDecimal               // sn<guid>-like ids without hyphens
)

const (
	endpoint = iota
	identity
	cloudApps
	office
	xdr
	entra
	governance
	lossPrevention
	cloud
	sentinel
)

var services = [...]service{
	endpoint:       {"microsoftDefenderForEndpoint", "Microsoft Defender for Endpoint", "da", idTicks, false},
	identity:       {"microsoftDefenderForIdentity", "Microsoft Defender for Identity", "aa", idGUID, false},
	cloudApps:      {"microsoftDefenderForCloudApps", "Microsoft Defender for Cloud Apps", "ca", idDecimal, false},
	office:         {"microsoftDefenderForOffice365", "Microsoft Defender for Office 365", "fa", idGUID, false},
	xdr:            {"microsoft365Defender", "Microsoft Defender XDR", "ra", idTicks, false},
	entra:          {"azureAdIdentityProtection", "AAD Identity Protection", "ad", idHash, false},
	governance:     {"microsoftAppGovernance", "Microsoft App Governance", "ma", idGUID, false},
	lossPrevention: {"dataLossPrevention", "Microsoft Data Loss Prevention", "dl", idGUID, false},
	cloud:          {"microsoftDefenderForCloud", "Microsoft Defender for Cloud", "dc", idGUID, true},
	sentinel:       {"microsoftSentinel", "Microsoft Sentinel", "sn", idGUID, true},
}

// detection is a detector: the same one under the names that the three APIs
// have for it. The Defender and SIEM names are empty for other products.
type detection struct {
	graph, defender, siem string
	newer                 bool
}

const (
	byEDR = iota
	byAntivirus
	bySmartScreen
	byCustomTI
	byCustomDetection
	byInvestigation
	byIdentity
	byCloudApps
	byOffice
	byXDR
	byEntra
	byGovernance
	byDLP
	byServers
	byStorage
	byContainers
	byScheduled
	byNearRealTime
)

var detections = [...]detection{
	byEDR:             {"microsoftDefenderForEndpoint", "WindowsDefenderAtp", "EDR", false},
	byAntivirus:       {"antivirus", "WindowsDefenderAv", "Antivirus", false},
	bySmartScreen:     {"smartScreen", "WindowsDefenderSmartScreen", "SmartScreen", false},
	byCustomTI:        {"customTi", "CustomerTI", "Custom TI", false},
	byCustomDetection: {"customDetection", "CustomDetection", "Custom detection", false},
	byInvestigation:   {"automatedInvestigation", "AutomatedInvestigation", "Automated investigation", false},
	byIdentity:        {"microsoftDefenderForIdentity", "", "", false},
	byCloudApps:       {"cloudAppSecurity", "", "", false},
	byOffice:          {"microsoftDefenderForOffice365", "", "", false},
	byXDR:             {"microsoft365Defender", "", "", false},
	byEntra:           {"azureAdIdentityProtection", "", "", false},
	byGovernance:      {"appGovernanceDetection", "", "", false},
	byDLP:             {"microsoftDataLossPrevention", "", "", false},
	byServers:         {"microsoftDefenderForServers", "", "", true},
	byStorage:         {"microsoftDefenderForStorage", "", "", true},
	byContainers:      {"microsoftDefenderForContainers", "", "", true},
	byScheduled:       {"scheduledAlerts", "", "", true},
	byNearRealTime:    {"nrtAlerts", "", "", true},
}

// kind is a sort of alert: what the detectors of a product say, over and over,
// about different machines and people. Texts hold {device}, {user}, {file},
// {threat}, {ip}, {url} and {app}.
type kind struct {
	title, description string
	actions            int // index into recommendations
	service, detection int
	category           string
	severity           level
	techniques         []string
	evidence           []item
	weight             int
}

// level is a severity in the order of badness.
type level uint8

const (
	informational level = iota
	low
	medium
	high
)

var (
	graphLevels = [...]string{"informational", "low", "medium", "high"}
	oldLevels   = [...]string{"Informational", "Low", "Medium", "High"}
)

// item is one element of a kind's evidence.
type item uint8

const (
	aDevice item = iota
	aUser
	aProcess
	aFile
	anIP
	aURL
	aRegistryKey
	aRegistryValue
	aMailbox
	aMessage
	aMailCluster
	aCloudApp
	anOAuthApp
	aLogonRequest
	aLogonSession
	anAzureResource
	aServicePrincipal
	aGroup
	aMalware
	aBlob
	aPod
	aTeamsMessage
	aRule // a mailbox configuration

	// These stand only inside other evidence.
	aBlobContainer
	aContainer
)

// kinds is the whole catalogue; a kind's number is its place in it.
var kinds = func() []kind {
	var all []kind
	for _, part := range [][]kind{endpointKinds, identityKinds, mailKinds, cloudKinds} {
		all = append(all, part...)
	}
	return all
}()

// kindWeights are the running sums of the kinds' weights.
var kindWeights = func() []int {
	sums := make([]int, len(kinds))
	sum := 0
	for i, k := range kinds {
		sum += k.weight
		sums[i] = sum
	}
	return sums
}()

func (k *kind) onEndpoint() bool { return k.service == endpoint }
