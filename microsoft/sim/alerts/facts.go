package alerts

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// facts is what an alert is about, drawn once from the seed; the three views
// tell the same facts in their own words.
type facts struct {
	id, providerID string
	tenant         int
	company        Company
	kind           *kind
	service        service
	detection      detection
	created        int64
	first, last    int64 // of the activity
	detector       string
	policy         string
	incident       int64
	investigation  int64 // 0: none
	title, text    string
	threat         string // family, such as Mikatz
	threatName     string // HackTool:Win32/Mikatz!dha
	actor          string
	device         device
	user           user
	file           file
	ip, url, app   string
	subject        string
	pieces         []piece
}

// piece is one element of the evidence.
type piece struct {
	item    item
	at      int64
	verdict string
	status  string // remediation
	roles   []string
	detail  []string
	user    user
	device  device
	file    file
	process process
	ip, url string
	text    string // the name of what is neither of those
	id      string
	n       int64
}

var threats = []string{"Mikatz", "Kovter", "Emali", "Bearfoos", "Wacatac", "Presenoker", "Sabsik", "Tisifi"}

var threatForms = []string{"Trojan:Win32/%s.A!ml", "HackTool:Win32/%s!dha", "Trojan:Script/%s.B!rfn", "Ransom:Win64/%s.PA", "PUA:Win32/%s"}

var apps = []string{"Office 365", "Microsoft SharePoint Online", "Microsoft Exchange Online", "Dropbox", "GitHub", "Salesforce", "Buchhaltung (Übersicht)"}

var subjects = []string{
	"Your invoice 10-4471 is overdue", "Re: Re: Besprechung am Freitag – Unterlagen", "パスワードの有効期限が切れます", "FW: \"Quarterly bonus\" – action required",
	"Votre colis n’a pas pu être livré", "Shared document: Budget 2027.xlsx", "🔒 Verify your account now", "Счёт на оплату",
}

// facts draws everything that doesn't depend on the version.
func (s *Set) facts(n int, a alert) *facts {
	d := newDraw(s.seed, streamFacts, uint64(n))
	k := &kinds[a.kind]
	t := int(a.tenant)
	f := &facts{
		tenant: t, company: s.companies[t], kind: k, service: services[k.service], detection: detections[k.detection],
		created: a.created,
	}
	f.id, f.providerID = s.alertID(n, a)
	f.last = a.created - int64(d.span(time.Second, 2*time.Minute))
	f.first = f.last - int64(d.span(0, 10*time.Minute))
	// The rule of a kind is the same at every customer.
	f.detector = newDraw(0, streamFacts, uint64(a.kind)).guid()
	f.incident = s.incident(n, a)
	if k.onEndpoint() && d.chance(0.4) {
		f.investigation = int64(d.between(100, 99_999))
	}
	f.device = s.device(t, d.n(s.fleetSize(t)))
	f.user = s.user(t, d.n(len(people)))
	f.threat = pick(d, threats)
	f.threatName = fmt.Sprintf(pick(d, threatForms), f.threat)
	if d.chance(0.04) {
		f.actor = pick(d, []string{"BORON", "Storm-0539", "Octo Tempest", "Midnight Blizzard"})
	}
	f.file = d.suspect(f.user.account)
	f.ip = publicIP(d)
	f.url = fmt.Sprintf("https://%s.example/%s?id=%s&x=%%C3%%BC", pick(d, []string{"login-secure", "cdn-update", "müller-gmbh", "files-share"}), d.hex(8), d.hex(12))
	f.app = pick(d, apps)
	f.subject = pick(d, subjects)
	f.title, f.text = f.fill(k.title), f.fill(k.description)
	if k.service == lossPrevention {
		f.policy = d.guid()
	}
	for i, it := range k.evidence {
		f.pieces = append(f.pieces, f.piece(s, d, it, i))
	}
	if extra := s.extra(d); extra > 0 {
		repeat := k.evidence[len(k.evidence)-1]
		for i := range extra {
			f.pieces = append(f.pieces, f.piece(s, d, repeat, len(k.evidence)+i))
		}
	}
	return f
}

// extra is how many pieces of evidence come on top of the usual ones. Most
// alerts have none, some have a handful, and about one in a thousand has
// hundreds, which makes a body of hundreds of kilobytes.
func (s *Set) extra(d *draw) int {
	switch p := d.unit(); {
	case p < 0.001:
		return d.between(60, 520)
	case p < 0.04:
		return d.between(1, 6)
	}
	return 0
}

func (f *facts) fill(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	return strings.NewReplacer("{device}", f.device.host, "{user}", f.user.name, "{file}", f.file.name, "{threat}", f.threat,
		"{ip}", f.ip, "{url}", f.url, "{app}", f.app, "{subject}", f.subject).Replace(text)
}

func (f *facts) piece(s *Set, d *draw, it item, n int) piece {
	p := piece{
		item: it, at: f.created + int64(d.span(0, 4*time.Second)),
		verdict: pick(d, []string{"unknown", "suspicious", "suspicious", "malicious", "noThreatsFound"}),
		status:  pick(d, []string{"none", "none", "none", "active", "prevented", "remediated", "pendingApproval"}),
		id:      d.guid(), n: int64(d.between(1, 40_000)),
		user: f.user, device: f.device, file: f.file, ip: f.ip, url: f.url, text: f.app,
	}
	// The first piece of a sort is the one that title and text speak of.
	if n > len(f.kind.evidence) || f.has(it) {
		p.file = d.suspect(f.user.account)
		p.ip = publicIP(d)
		p.url = f.url + "&n=" + strconv.Itoa(n)
		p.user = s.user(f.tenant, d.n(len(people)))
		p.device = s.device(f.tenant, d.n(s.fleetSize(f.tenant)))
	}
	switch it {
	case aProcess:
		p.process = d.process(f.last, p.file)
		if d.chance(0.3) {
			p.user = systemAccount
		}
	case aDevice:
		p.roles, p.detail = []string{"compromised"}, []string{"Main device"}
	case anIP, aURL:
		p.roles = []string{pick(d, []string{"commandAndControl", "source", "destination", "suspicious"})}
	case aUser, aMailbox:
		p.roles = []string{pick(d, []string{"attacked", "compromised", "contextual"})}
	case aFile:
		if d.chance(0.4) {
			p.detail = []string{"Referred in command line"}
		}
	}
	return p
}

func (f *facts) has(it item) bool {
	for _, p := range f.pieces {
		if p.item == it {
			return true
		}
	}
	return false
}

// alertID is the alert's id, and the id that its product gave it.
func (s *Set) alertID(n int, a alert) (id, provider string) {
	d := newDraw(s.seed, streamFacts, uint64(n), 1)
	sv := services[kinds[a.kind].service]
	switch sv.ids {
	case idTicks:
		if d.chance(0.3) {
			provider = d.guid() + "_1"
			return sv.prefix + provider, provider
		}
		// The digits are the creation time in ticks since the year 1; the
		// number after them is signed.
		provider = strconv.FormatInt(a.created/100+621355968000000000, 10) + "_" + strconv.FormatInt(int64(int32(d.wide(1<<32))), 10)
		return sv.prefix + provider, sv.prefix + provider
	case idHash:
		provider = d.hex(64)
	case idDecimal:
		provider = d.hex(24)
	default:
		provider = d.guid()
	}
	return sv.prefix + provider, provider
}

// incident is the number of the alert's incident: a few alerts share one.
func (s *Set) incident(n int, a alert) int64 {
	return 1000 + int64(a.tenant)*50_000 + int64(n)/3%50_000
}

// iocID is the part of a detection's FullId that names what was seen.
func (s *Set) iocID(n, part int) string {
	d := newDraw(s.seed, streamPart, uint64(n), uint64(part))
	if d.chance(0.25) {
		return strings.ToUpper(d.hex(64))
	}
	var b [32]byte
	d.bytes(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// parts is how many detections the SIEM API makes of the alert.
func (s *Set) parts(n int) int {
	d := newDraw(s.seed, streamPart, uint64(n))
	switch p := d.unit(); {
	case p < 0.7:
		return 1
	case p < 0.92:
		return 2
	default:
		return d.between(3, 5)
	}
}
