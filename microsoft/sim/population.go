package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"tributary"
	"tributary/microsoft/sim/alerts"
	"tributary/microsoft/sim/identity"
)

// Tenant is one simulated customer.
type Tenant struct {
	ID     string // GUID
	Slug   string // a fitting one; the customer knows nothing of it
	Domain string
	Name   string
	// Admin signs in to consent and to authorise. The password opens nothing
	// but the simulator.
	Admin, AdminPassword string
}

// Provider is the MSSP: a tenant of its own, without Defender.
type Provider struct {
	TenantID, Domain, Name string
	// Analyst administers the provider's tenant and is a guest in every
	// customer's.
	Analyst, AnalystPassword string
	// Agent administers it too and is nobody's guest: only a relationship as a
	// partner lets them into a customer's tenant.
	Agent, AgentPassword string
}

// The companies are those of Microsoft's own documentation.
var companies = []struct{ slug, domain, name string }{
	{"contoso", "contoso.com", "Contoso"},
	{"fabrikam", "fabrikam.com", "Fabrikam, Inc."},
	{"adatum", "adatum.com", "A. Datum Corporation"},
	{"northwind", "northwindtraders.com", "Northwind Traders"},
	{"tailspin", "tailspintoys.com", "Tailspin Toys"},
	{"woodgrove", "woodgrovebank.com", "Woodgrove Bank"},
	{"litware", "litwareinc.com", "Litware, Inc."},
	{"wingtip", "wingtiptoys.com", "Wingtip Toys"},
	{"adventure-works", "adventure-works.com", "Adventure Works Cycles"},
	{"alpine-ski-house", "alpineskihouse.com", "Alpine Ski House"},
	{"bellows", "bellowscollege.com", "Bellows College"},
	{"best-for-you", "bestforyouorganics.com", "Best For You Organics Company"},
	{"city-power", "cpandl.com", "City Power & Light"},
	{"coho-vineyard", "cohovineyard.com", "Coho Vineyard"},
	{"coho-winery", "cohowinery.com", "Coho Winery"},
	{"consolidated", "consolidatedmessenger.com", "Consolidated Messenger"},
	{"fourth-coffee", "fourthcoffee.com", "Fourth Coffee"},
	{"graphic-design", "graphicdesigninstitute.com", "Graphic Design Institute"},
	{"humongous", "humongousinsurance.com", "Humongous Insurance"},
	{"lamna", "lamnahealthcare.com", "Lamna Healthcare Company"},
	{"lucerne", "lucernepublishing.com", "Lucerne Publishing"},
	{"margies", "margiestravel.com", "Margie's Travel"},
	{"munsons", "munsonspicklesandpreservesfarm.com", "Munson's Pickles and Preserves Farm"},
	{"nod", "nodpublishers.com", "Nod Publishers"},
	{"relecloud", "relecloud.com", "Relecloud"},
	{"fine-art", "fineartschool.net", "School of Fine Art"},
	{"southridge", "southridgevideo.com", "Southridge Video"},
	{"tailwind", "tailwindtraders.com", "Tailwind Traders"},
	{"phone-company", "thephone-company.com", "The Phone Company"},
	{"trey", "treyresearch.net", "Trey Research"},
	{"vanarsdel", "vanarsdelltd.com", "VanArsdel, Ltd."},
	{"wide-world", "wideworldimporters.com", "Wide World Importers"},
}

// population is everybody and everything in the directories.
type population struct {
	tenants  []Tenant
	bySlug   map[string]int
	byID     map[string]int
	provider Provider
	app      tributary.App
}

// derived is a value that hangs on the seed and a name alone, so that a
// configuration written for one run fits the next with the same seed.
func derived(seed uint64, name string) [32]byte {
	return sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), name...))
}

func derivedGUID(seed uint64, name string) string {
	sum := derived(seed, name)
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}

// password is one that a person might be given: letters and digits only, so
// that it survives any form.
func derivedPassword(seed uint64, name string) string {
	sum := derived(seed, name)
	return fmt.Sprintf("Sim-%x", sum[:6])
}

func populate(o Options) *population {
	p := &population{bySlug: map[string]int{}, byID: map[string]int{}}
	for i := range max(o.Tenants, 1) {
		t := Tenant{ID: derivedGUID(o.Seed, fmt.Sprintf("tenant %d", i))}
		if i < len(companies) {
			t.Slug, t.Domain, t.Name = companies[i].slug, companies[i].domain, companies[i].name
		} else {
			t.Slug, t.Name = fmt.Sprintf("contoso-%03d", i+1), fmt.Sprintf("Contoso %d", i+1)
			t.Domain = fmt.Sprintf("contoso%03d.onmicrosoft.com", i+1)
		}
		t.Admin = "admin@" + t.Domain
		t.AdminPassword = derivedPassword(o.Seed, t.Admin)
		p.bySlug[t.Slug], p.byID[t.ID] = i, i
		p.tenants = append(p.tenants, t)
	}
	p.provider = Provider{TenantID: derivedGUID(o.Seed, "provider"), Domain: "proseware.com", Name: "Proseware, Inc.", Analyst: "soc@proseware.com"}
	p.provider.AnalystPassword = derivedPassword(o.Seed, p.provider.Analyst)
	p.provider.Agent = "agent@" + p.provider.Domain
	p.provider.AgentPassword = derivedPassword(o.Seed, p.provider.Agent)
	secret := derived(o.Seed, "secret")
	p.app = tributary.App{
		ClientID: derivedGUID(o.Seed, "application"),
		// Entra's secrets hold a tilde, a dot or a plus: what breaks a form
		// that isn't encoded.
		ClientSecret: tributary.NewSecret("q~8+/" + base64.RawStdEncoding.EncodeToString(secret[:26])),
	}
	return p
}

// find is the number of the tenant of that id or slug.
func (p *population) find(name string) (int, bool) {
	if i, ok := p.byID[name]; ok {
		return i, true
	}
	i, ok := p.bySlug[name]
	return i, ok
}

func (p *population) companies() []alerts.Company {
	list := make([]alerts.Company, len(p.tenants))
	for i, t := range p.tenants {
		list[i] = alerts.Company{ID: t.ID, Domain: t.Domain}
	}
	return list
}

// registration is the provider's application as Entra holds it: every
// permission that the alert APIs ask for, to read only.
func (p *population) registration(cloud tributary.Cloud, extra []string) identity.App {
	graph, defender, xdr := cloud.Resource(tributary.SourceGraph), cloud.Resource(tributary.SourceEndpoint), cloud.Resource(tributary.SourceXDR)
	const directory = "https://graph.windows.net"
	app := identity.App{
		ClientID: p.app.ClientID, DisplayName: "Proseware SIEM MSSP Connector", HomeTenant: p.provider.TenantID,
		MultiTenant: true, Public: true,
		Secrets:      []string{p.app.ClientSecret.Reveal()},
		RedirectURIs: append([]string{"http://localhost", "https://" + p.provider.Domain + "/SiemMsspConnector"}, extra...),
		Roles: map[string][]string{
			graph:    {"SecurityAlert.Read.All", "SecurityIncident.Read.All"},
			defender: {"Alert.Read.All"},
			xdr:      {"Incident.Read.All"},
		},
		Scopes: map[string][]string{
			graph:     {"User.Read", "SecurityAlert.Read.All", "SecurityIncident.Read.All"},
			defender:  {"Alert.Read"},
			xdr:       {"Incident.Read"},
			directory: {"User.Read"},
		},
	}
	// A cloud may lack a product.
	delete(app.Roles, "")
	delete(app.Scopes, "")
	return app
}

func (p *population) directories() (tenants []identity.Tenant, users []identity.User) {
	home := p.provider
	tenants = append(tenants, identity.Tenant{ID: home.TenantID, Domain: home.Domain, DisplayName: home.Name})
	users = append(users,
		identity.User{TenantID: home.TenantID, Name: home.Analyst, Password: home.AnalystPassword, Admin: true},
		identity.User{TenantID: home.TenantID, Name: home.Agent, Password: home.AgentPassword, Admin: true})
	for _, t := range p.tenants {
		tenants = append(tenants, identity.Tenant{ID: t.ID, Domain: t.Domain, DisplayName: t.Name})
		users = append(users,
			identity.User{TenantID: t.ID, Name: t.Admin, Password: t.AdminPassword, Admin: true},
			identity.User{TenantID: t.ID, Name: home.Analyst})
	}
	return tenants, users
}
