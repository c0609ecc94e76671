package config

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tributary"
)

// Cloud is a cloud and the way to it.
type Cloud struct {
	tributary.Cloud
	Transport Transport
}

// customCloud is the name of the default cloud where the file gives its hosts.
const customCloud = "custom"

// host is the address behind one of the file's keys; empty where there is none.
func (c Cloud) host(key string) string {
	switch key {
	case "login":
		return c.Login
	case "graph":
		return c.Graph
	case "endpoint":
		return c.Endpoint
	case "xdr":
		return c.XDR
	case "siem":
		return c.SIEM
	}
	return ""
}

// rawCloud is the name of a cloud, or the hosts of one.
type rawCloud struct {
	Name  text
	Hosts *rawHosts
}

type rawHosts struct {
	spot
	Login    text `yaml:"login"`
	Graph    text `yaml:"graph"`
	Endpoint text `yaml:"endpoint"`
	XDR      text `yaml:"xdr"`
	SIEM     text `yaml:"siem"`
	Portal   text `yaml:"portal"`
	CAFile   text `yaml:"ca_file"`
	Proxy    text `yaml:"proxy"`
}

func (r *rawCloud) decode(p *parse, n ast.Node, at place) {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		r.Hosts = &rawHosts{}
		p.decodeInto(n, at, r.Hosts)
	default:
		p.scalar(n, at, &r.Name, false)
	}
}

// clouds reads the default cloud and the named ones.
func (p *parse) clouds(c *Config, raw *rawConfig) {
	for _, e := range raw.Clouds {
		if _, own := microsoftClouds[e.Name]; own {
			p.report(e.At, "the name belongs to a cloud of Microsoft's", "choose another; a tenant can say cloud: "+e.Name+" without an entry here")
			continue
		}
		if !p.checkName(e.Name, e.At) {
			continue
		}
		if e.Value.Hosts == nil && !e.Value.Name.set {
			p.report(e.At, "has no value", "write the name of a cloud, or its hosts")
			continue
		}
		c.Clouds[e.Name] = p.cloud(&e.Value, e.Name, microsoftClouds)
	}
	// The default one may be one of the named.
	known := map[string]tributary.Cloud{}
	for name, cloud := range microsoftClouds {
		known[name] = cloud
	}
	for name, cloud := range c.Clouds {
		if name != "" {
			known[name] = cloud.Cloud
		}
	}
	if raw.Cloud.Hosts != nil || raw.Cloud.Name.set {
		def := p.cloud(&raw.Cloud, customCloud, known)
		if named, ok := c.Clouds[raw.Cloud.Name.value]; ok && raw.Cloud.Name.ok() {
			def = named
		}
		c.Clouds[""] = def
	}
}

// cloud reads one entry. Known are the clouds whose name may stand there.
func (p *parse) cloud(raw *rawCloud, name string, known map[string]tributary.Cloud) Cloud {
	if raw.Hosts != nil {
		return p.customCloud(raw.Hosts, name)
	}
	if !raw.Name.ok() {
		return Cloud{}
	}
	cloud, ok := known[raw.Name.value]
	if !ok {
		p.report(raw.Name.place, "no cloud has the name "+raw.Name.shown(), choose(raw.Name.raw, sortedKeys(known))+", or give the hosts as keys")
	}
	return Cloud{Cloud: cloud}
}

// reportedHost stands for a host that is wrong and reported: to find it missing
// as well would be to say one thing twice.
const reportedHost = "https://invalid"

// customCloud overrides Microsoft's hosts. The audiences of tokens and the
// portal stay Microsoft's: behind a proxy or in a laboratory they are the same.
func (p *parse) customCloud(raw *rawHosts, name string) Cloud {
	global := microsoftClouds[DefaultCloud]
	c := Cloud{Cloud: tributary.Cloud{Name: name, Portal: global.Portal, Resources: global.Resources}}
	for _, one := range []struct {
		raw *text
		to  *string
	}{
		{&raw.Login, &c.Login},
		{&raw.Graph, &c.Graph},
		{&raw.Endpoint, &c.Endpoint},
		{&raw.XDR, &c.XDR},
		{&raw.SIEM, &c.SIEM},
		{&raw.Portal, &c.Portal},
	} {
		if !one.raw.set {
			continue
		}
		// In the SIEM API's host a tenant's region may be left open.
		sample := one.raw.value
		if one.raw == &raw.SIEM {
			sample = strings.ReplaceAll(sample, "{region}", "eu")
		}
		if *one.to = p.urlLike(one.raw, sample); *one.to == "" {
			*one.to = reportedHost
		}
	}
	c.Transport = p.transport(&raw.CAFile, &raw.Proxy)
	return c
}

// transport reads how to reach a server.
func (p *parse) transport(caFile, proxy *text) Transport {
	var t Transport
	if caFile.ok() {
		t.CA = p.certificates(caFile)
	}
	if proxy.ok() {
		t.Proxy, t.ProxyUser = p.proxy(proxy)
	}
	return t
}

// certificates reads a file of CA certificates in PEM.
func (p *parse) certificates(file *text) []byte {
	const next = "name a file with the CA's certificate in PEM: it begins with -----BEGIN CERTIFICATE-----"
	data, ok := p.readNamed(file)
	if !ok {
		return nil
	}
	var kinds []string
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		kinds = append(kinds, block.Type)
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			p.report(file.place, "the file holds a certificate that can't be read", next)
			return nil
		}
	}
	if !slices.Contains(kinds, "CERTIFICATE") {
		p.report(file.place, "the file holds no certificate in PEM", next)
		return nil
	}
	return data
}

// readNamed reads the file that a text names.
func (p *parse) readNamed(file *text) ([]byte, bool) {
	if file.value == "" {
		p.report(file.place, "is empty", "name a file, or remove the key")
		return nil, false
	}
	data, err := p.readFile(p.resolvePath(file.value))
	if err != nil {
		p.report(file.place, file.shown()+" can't be read: "+fileReason(err), p.findHint(file.value, file.foreign))
		return nil, false
	}
	return data, true
}
