package alerts

import (
	"fmt"
	"strings"
	"time"
)

// Company is a customer whose alerts the set holds.
type Company struct {
	ID     string // tenant id, a GUID
	Domain string // such as contoso.com
}

// netBIOS is the company's old-style domain name.
func (c Company) netBIOS() string {
	label, _, _ := strings.Cut(c.Domain, ".")
	label = strings.ToUpper(strings.ReplaceAll(label, "-", ""))
	return label[:min(len(label), 15)]
}

// device is one machine of a company.
type device struct {
	host, dns    string
	mdeID, aadID string
	platform     platform
	group        string
	groupID      int
	ip, ip6      string
	externalIP   string
	risk, health string
	antivirus    string
	tags         []string
	firstSeen    int64
	vm           bool
	vmID, subID  string
}

type platform struct {
	name, version string
	build         int
	prefix        string // of host names
	server        bool
}

var platforms = []platform{
	{"Windows11", "24H2", 26100, "LAP", false},
	{"Windows11", "23H2", 22631, "DESKTOP", false},
	{"Windows10", "22H2", 19045, "WS", false},
	{"WindowsServer2022", "21H2", 20348, "SRV", true},
	{"WindowsServer2019", "1809", 17763, "DC", true},
	{"macOS", "15.5", 0, "MAC", false},
	{"Linux", "22.4", 0, "lnx", true},
}

var deviceGroups = []string{"UnassignedGroup", "Workstations", "Servers – tier 0", "Zürich", "Kiosk devices", "東京オフィス", "Développement"}

var deviceTags = []string{"Test Machine", "VIP", "Pilot ring", "Étage 3", "Point of sale", "Build agent"}

// fleetSize is how many machines a company has.
func (s *Set) fleetSize(tenant int) int {
	return newDraw(s.seed, streamTenant, uint64(tenant)).between(12, 160)
}

func (s *Set) device(tenant, n int) device {
	d := newDraw(s.seed, streamDevice, uint64(tenant), uint64(n))
	c := s.companies[tenant]
	p := platforms[0]
	if n > 0 {
		p = pick(d, platforms)
	}
	host := fmt.Sprintf("%s-%s", p.prefix, strings.ToUpper(d.hex(6)))
	if p.name == "Linux" {
		host = strings.ToLower(host)
	}
	dev := device{
		host: host, dns: strings.ToLower(host) + "." + c.Domain,
		mdeID: d.hex(40), platform: p,
		ip:         fmt.Sprintf("10.%d.%d.%d", d.n(200), d.n(250), d.between(2, 250)),
		ip6:        fmt.Sprintf("fe80::%s:%s:%s:%s", d.hex(4), d.hex(4), d.hex(4), d.hex(4)),
		externalIP: publicIP(d),
		risk:       pick(d, []string{"none", "informational", "low", "medium", "high"}),
		health:     pick(d, []string{"active", "active", "active", "inactive", "impairedCommunication", "noSensorData"}),
		antivirus:  pick(d, []string{"updated", "updated", "notUpdated", "unknown", "disabled", "notSupported"}),
		firstSeen:  s.start.Add(-d.span(30*24*time.Hour, 900*24*time.Hour)).UnixNano(),
	}
	dev.firstSeen -= dev.firstSeen % int64(tick)
	dev.groupID = d.n(len(deviceGroups))
	dev.group = deviceGroups[dev.groupID]
	if d.chance(0.7) {
		dev.aadID = d.guid()
	}
	if d.chance(0.35) {
		dev.tags = []string{pick(d, deviceTags)}
	}
	if p.server && d.chance(0.6) {
		dev.vm, dev.vmID, dev.subID = true, d.guid(), d.guid()
	}
	return dev
}

// user is one account of a company.
type user struct {
	name    string // display name
	account string
	domain  string // NetBIOS
	upn     string
	sid     string
	aadID   string
}

// people are the names that Microsoft's own documentation and demonstration
// tenants use.
var people = []string{
	"Adele Vance", "Alex Wilber", "Allan Deyoung", "Bianca Pisani", "Brian Johnson", "Cameron White", "Christie Cline",
	"Debra Berger", "Delia Dennis", "Diego Siciliani", "Emily Braun", "Enrico Cattaneo", "Gerhart Moller", "Grady Archie",
	"Henrietta Mueller", "Irvin Sayers", "Isaiah Langer", "Johanna Lorenz", "Joni Sherman", "Jordan Miller", "Lee Gu",
	"Lidia Holloway", "Lynne Robbins", "Megan Bowen", "Miriam Graham", "Nestor Wilke", "Patti Fernandez", "Pradeep Gupta", "Raul Razo",
}

func (s *Set) user(tenant, n int) user {
	d := newDraw(s.seed, streamUser, uint64(tenant), uint64(n))
	c := s.companies[tenant]
	name := people[n%len(people)]
	first, last, _ := strings.Cut(name, " ")
	account := first + last[:1]
	return user{
		name: name, account: strings.ToLower(account), domain: c.netBIOS(),
		upn: account + "@" + c.Domain,
		// The domain part of a SID is the company's, the last part the account's.
		sid:   fmt.Sprintf("S-1-5-21-%s-%d", s.sidDomain(tenant), 1100+n),
		aadID: d.guid(),
	}
}

func (s *Set) sidDomain(tenant int) string {
	d := newDraw(s.seed, streamTenant, uint64(tenant), 1)
	return fmt.Sprintf("%d-%d-%d", d.between(1e8, 2e9), d.between(1e8, 2e9), d.between(1e8, 2e9))
}

var systemAccount = user{name: "System", account: "SYSTEM", domain: "NT AUTHORITY", sid: "S-1-5-18"}

// publicIP is an address of the ranges that RFC 5737 and RFC 3849 keep for
// documents: nobody's real address stands in a simulated alert.
func publicIP(d *draw) string {
	if d.chance(0.1) {
		return fmt.Sprintf("2001:db8:%s::%s", d.hex(4), d.hex(4))
	}
	return fmt.Sprintf("%s.%d", pick(d, []string{"192.0.2", "198.51.100", "203.0.113"}), d.between(1, 254))
}
