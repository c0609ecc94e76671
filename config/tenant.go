package config

import (
	"fmt"
	"slices"
	"strings"

	"tributary"
)

type rawTenant struct {
	spot
	Slug     text        `yaml:"slug"`
	TenantID text        `yaml:"tenant_id"`
	Name     text        `yaml:"name"`
	Auth     text        `yaml:"auth"`
	Sources  []text      `yaml:"sources"`
	Cloud    text        `yaml:"cloud"`
	App      text        `yaml:"app"`
	Region   text        `yaml:"region"`
	Labels   named[text] `yaml:"labels"`
}

// Regions lists where the SIEM API keeps data, by the name in its hosts.
func Regions() []string { return []string{"eu", "uk", "us"} }

// tenants reads the tenants that the file manages.
func (p *parse) tenants(c *Config, raw *rawConfig) {
	slugs, ids := map[string]place{}, map[string]place{}
	for i := range raw.Tenants {
		r := &raw.Tenants[i]
		if r.bad {
			continue
		}
		t := p.tenant(r)
		p.once(slugs, t.Slug, &r.Slug, "another tenant has this slug", "choose another; it names the tenant for ever")
		p.once(ids, t.ID, &r.TenantID, "another tenant has this tenant_id", "keep one of the two, with the sources of both")
		p.tenantCloud(c, r, t)
		p.tenantApp(c, raw, r, t)
		c.Tenants = append(c.Tenants, t)
	}
}

// once reports a value that stood in the file before.
func (p *parse) once(seen map[string]place, value string, t *text, what, next string) {
	if value == "" || !t.ok() {
		return
	}
	if before, twice := seen[value]; twice {
		p.report(t.place, fmt.Sprintf("%s: %s, on line %d", t.shown(), what, before.line), next)
		return
	}
	seen[value] = t.place
}

func (p *parse) tenant(r *rawTenant) tributary.Tenant {
	t := tributary.Tenant{
		Slug: r.Slug.value, ID: strings.ToLower(r.TenantID.value), Name: r.Name.value,
		Cloud: r.Cloud.value, App: r.App.value, FromFile: true,
	}
	if !r.Slug.set {
		p.report(r.place, "slug is missing", "give the tenant a short name, such as slug: contoso")
	} else if r.Slug.ok() && tributary.CheckSlug(t.Slug) != nil {
		p.report(r.Slug.place, r.Slug.shown()+" is not a slug", slugForm)
	}
	const findID = "copy Tenant ID from the overview in the customer's Entra admin center"
	if !r.TenantID.set {
		p.report(r.place, "tenant_id is missing", findID)
	} else if r.TenantID.ok() && tributary.CheckTenantID(t.ID) != nil {
		p.report(r.TenantID.place, r.TenantID.shown()+" is not a GUID such as 11111111-2222-3333-4444-555555555555", findID)
	}
	if !r.Auth.set {
		p.report(r.place, "auth is missing", "write app-only, which Microsoft recommends, or delegated")
	} else {
		t.Auth = tributary.AuthMethod(p.oneOf(&r.Auth, "a way to sign in", string(tributary.AuthAppOnly), string(tributary.AuthDelegated)))
	}
	if len(r.Sources) == 0 && !p.reportedUnder(r.path+".sources") {
		p.report(r.place, "no source is named", "name what to read, such as sources: [graph]; known are "+strings.Join(sourceNames(), ", "))
	}
	t.Sources = p.sources(r.Sources)
	if r.Region.set {
		t.Region = p.oneOf(&r.Region, "a region of the SIEM API", Regions()...)
	}
	for _, l := range r.Labels {
		if t.Labels == nil {
			t.Labels = map[string]string{}
		}
		t.Labels[l.Name] = l.Value.value
	}
	return t
}

const slugForm = "use 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end"

// checkName checks a name that the file gives to a cloud, an application or a
// destination: it appears in subjects, paths and on the command line.
func (p *parse) checkName(name string, at place) bool {
	if tributary.CheckSlug(name) != nil {
		p.report(at, "the name has letters that a name can't have", slugForm)
		return false
	}
	return true
}

// oneOf checks a word of a fixed list.
func (p *parse) oneOf(t *text, what string, known ...string) string {
	if t.ok() && !slices.Contains(known, t.value) {
		p.report(t.place, t.shown()+" is not "+what, choose(t.raw, known))
		t.bad = true
	}
	if !t.ok() {
		return ""
	}
	return t.value
}

func sourceNames() []string {
	var names []string
	for _, s := range tributary.Sources() {
		names = append(names, string(s))
	}
	return names
}

// sources keeps the length and order of raw, so that an index finds both.
func (p *parse) sources(raw []text) []tributary.Source {
	list := make([]tributary.Source, len(raw))
	for i := range raw {
		list[i] = tributary.Source(p.oneOf(&raw[i], "a source", sourceNames()...))
		if list[i] != "" && slices.Contains(list[:i], list[i]) {
			p.report(raw[i].place, raw[i].shown()+" is named twice", "remove one")
		}
	}
	return list
}

// tenantCloud checks that the tenant's cloud exists and has a host for each of
// its sources.
func (p *parse) tenantCloud(c *Config, r *rawTenant, t tributary.Tenant) {
	if r.Cloud.bad {
		return
	}
	cloud, err := c.Cloud(t.Cloud)
	if err != nil {
		p.report(r.Cloud.place, "no cloud has the name "+r.Cloud.shown(), choose(r.Cloud.raw, cloudNames(c.Clouds)))
		return
	}
	if cloud.Name == "" {
		return // reported where it stands
	}
	for _, n := range needs(t.Sources) {
		if n.key == "" || cloud.host(n.key) != "" {
			continue
		}
		if !p.first("no host " + t.Cloud + " " + n.key) {
			continue
		}
		at, what := r.place, "the tenant's cloud has no "+n.key+" host"
		if n.source >= 0 {
			at = r.Sources[n.source].place
		}
		p.report(at, what, addHost(n.key))
	}
}

// tenantApp checks that the tenant's application exists and can do what the
// tenant's way to sign in needs.
func (p *parse) tenantApp(c *Config, raw *rawConfig, r *rawTenant, t tributary.Tenant) {
	if r.App.bad {
		return
	}
	if _, ok := c.Apps[t.App]; !ok {
		switch names := appNames(c.Apps); {
		case t.App == "" && p.first("no app"):
			p.report(r.place, "the tenant has no application: neither app here nor one for all", addApp)
		case t.App == "": // said at the first tenant
		case len(names) > 0:
			p.report(r.App.place, "no application has the name "+r.App.shown(), choose(r.App.raw, names))
		default:
			p.report(r.App.place, "no application has the name "+r.App.shown(), "add it under apps")
		}
		return
	}
	if t.Auth == tributary.AuthAppOnly && raw.lacksCredential(t.App) && p.first("no credential "+t.App) {
		p.report(r.Auth.place, "app-only needs a credential, and the tenant's application has none", addCredential)
	}
}
