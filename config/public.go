package config

import (
	"crypto/tls"
	"net"
	"net/url"
	"strings"
)

// Public is the listener that customers reach: the pages of an invitation and
// nothing else. Its zero value is none.
type Public struct {
	Name   string // whom the pages name as the one who asks
	URL    string // scheme, host and port as the customer's browser sees them
	Listen string // host:port
	// CertFile and KeyFile are PEM files. Without them the listener speaks plain
	// HTTP on a loopback address, and a proxy on this machine speaks TLS.
	CertFile, KeyFile string
}

// On reports whether there is a public listener.
func (p Public) On() bool { return p.URL != "" }

// Proxied reports whether a proxy of this machine stands before the listener.
func (p Public) Proxied() bool { return p.CertFile == "" && strings.HasPrefix(p.URL, "https:") }

type rawPublic struct {
	spot
	Name   text   `yaml:"name"`
	URL    text   `yaml:"url"`
	Listen text   `yaml:"listen"`
	TLS    rawTLS `yaml:"tls"`
}

type rawTLS struct {
	spot
	CertFile text `yaml:"cert_file"`
	KeyFile  text `yaml:"key_file"`
}

// DefaultPublicListen is where the public listener listens: all addresses.
const DefaultPublicListen = ":8443"

const (
	publicURL = "write the address that customers reach, such as https://connect.example.com"
	publicTLS = "add tls: { cert_file: …, key_file: … }, or listen on 127.0.0.1 behind a TLS proxy of this machine"
)

// maxName is as much as fits into the pages' headings.
const maxName = 100

// public checks the listener for customers.
func (p *parse) public(r *rawPublic) Public {
	if r.line == 0 || r.bad {
		return Public{}
	}
	c := Public{Name: p.publicName(&r.Name), URL: p.publicURL(r), Listen: DefaultPublicListen}
	if r.Listen.ok() {
		c.Listen = r.Listen.value
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port != "0" && (port == "" || !goodPort(port)) {
		p.report(r.Listen.place, r.Listen.shown()+" is not an address to listen on", "write host:port, such as 0.0.0.0:8443 or 127.0.0.1:8443")
		return Public{}
	}
	if r.TLS.bad {
		return Public{}
	}
	if r.TLS.line == 0 {
		if !loopback(host) {
			at := r.Listen.place
			if !r.Listen.set {
				at = r.place
			}
			p.report(at, "customers' sign-ins would come over plain http", publicTLS)
		}
		return c
	}
	if strings.HasPrefix(c.URL, "http:") {
		p.report(r.URL.place, "the address is http, and the listener speaks TLS", "write https://…, or remove tls")
	}
	c.CertFile, c.KeyFile = p.publicTLS(&r.TLS)
	return c
}

func (p *parse) publicName(t *text) string {
	name := strings.TrimSpace(t.value)
	if !t.ok() {
		return ""
	}
	if name == "" || len(name) > maxName {
		p.report(t.place, "is empty or longer than the pages have room for", "write your company's name as customers know it")
	}
	return name
}

// publicURL checks the address that customers reach. A path has no use: what
// is served needs a host of its own, or another application there could read
// its cookie.
func (p *parse) publicURL(r *rawPublic) string {
	if !r.URL.set {
		p.report(r.place, "url is missing", publicURL)
		return ""
	}
	address := p.url(&r.URL)
	if address == "" {
		return ""
	}
	if u, err := url.Parse(address); err != nil || u.Path != "" {
		p.report(r.URL.place, "the address has a path", "remove the path: the pages need a host name or a port of their own")
		return ""
	}
	return address
}

// publicTLS finds the two files, and proves that they belong together where
// private keys are read at all.
func (p *parse) publicTLS(r *rawTLS) (cert, key string) {
	for _, missing := range []struct {
		what string
		t    *text
	}{{"cert_file", &r.CertFile}, {"key_file", &r.KeyFile}} {
		if !missing.t.set {
			p.report(r.place, missing.what+" is missing", "name the PEM files of the certificate with its chain, and of its key")
			return "", ""
		}
	}
	if !r.CertFile.ok() || !r.KeyFile.ok() {
		return "", ""
	}
	cert, key = p.path(&r.CertFile, ""), p.path(&r.KeyFile, "")
	if !p.secrets || cert == "" || key == "" {
		return cert, key
	}
	chain, ok := p.readNamed(&r.CertFile)
	if !ok {
		return "", ""
	}
	private, ok := p.readNamed(&r.KeyFile)
	if !ok {
		return "", ""
	}
	if _, err := tls.X509KeyPair(chain, private); err != nil {
		// The reason speaks of blocks and formats, never of their content.
		p.report(r.CertFile.place, "the certificate and the key can't be used: "+strings.TrimPrefix(err.Error(), "tls: "),
			"name PEM files of the certificate with its chain, and of its unencrypted key")
	}
	return cert, key
}
