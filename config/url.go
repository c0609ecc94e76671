package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tributary"
)

// url checks the address of a server and returns it without a slash at its
// end; empty after a problem. Problems never show the address: somebody may
// have put a password into it.
func (p *parse) url(t *text) string { return p.urlLike(t, t.value) }

// urlLike is url for a text that becomes a URL only with something filled in:
// sample is how it looks then.
func (p *parse) urlLike(t *text, sample string) string {
	if !t.ok() {
		return ""
	}
	u, ok := p.parsedURL(t, sample, "https", "http")
	if !ok {
		return ""
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		p.report(t.place, "the address is not https", "write https://…; plain http is for this machine alone")
		return ""
	}
	return strings.TrimRight(t.value, "/")
}

// parsedURL checks what holds for every address.
func (p *parse) parsedURL(t *text, value string, schemes ...string) (*url.URL, bool) {
	example := "write it as " + schemes[0] + "://host:port/path"
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Opaque != "":
		p.report(t.place, "is not the address of a server", example)
	case !slices.Contains(schemes, u.Scheme):
		what := "the address does not begin with " + schemes[0] + "://"
		p.report(t.place, what, example)
	case u.Hostname() == "":
		p.report(t.place, "the address names no host", example)
	case !goodPort(u.Port()):
		p.report(t.place, "the port is not a number from 1 to 65535", example)
	case u.User != nil && schemes[0] != "http":
		p.report(t.place, "the address holds a user name or password", "remove what stands before the @")
	case u.RawQuery != "" || u.ForceQuery:
		p.report(t.place, "the address has a query", "remove the ? and what follows it")
	case u.Fragment != "" || strings.HasSuffix(value, "#"):
		p.report(t.place, "the address has a fragment", "remove the # and what follows it")
	default:
		return u, true
	}
	return nil, false
}

func goodPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.Atoi(port)
	return err == nil && n > 0 && n < 1<<16
}

// proxy checks a proxy's address, and takes its user and password out of it.
func (p *parse) proxy(t *text) (*url.URL, tributary.Secret) {
	u, ok := p.parsedURL(t, t.value, "http", "https", "socks5")
	if !ok {
		return nil, tributary.Secret{}
	}
	if u.Path != "" && u.Path != "/" {
		p.report(t.place, "a proxy's address has no path", "write it as http://host:port")
		return nil, tributary.Secret{}
	}
	var user tributary.Secret
	if u.User != nil {
		user = tributary.NewSecret(u.User.String())
		if _, hasPassword := u.User.Password(); hasPassword && !t.foreign {
			p.warn(t.place, "the proxy's password stands in this file for all who can read it", "move it out and write ${env:NAME} or ${file:path} here")
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, user
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// listen checks the address that the console and the API listen on.
func (p *parse) listen(t *text) string {
	if !t.ok() {
		return DefaultListen
	}
	host, port, err := net.SplitHostPort(t.value)
	if err != nil || (port != "0" && (port == "" || !goodPort(port))) {
		p.report(t.place, t.shown()+" is not an address to listen on", "write host:port, such as "+DefaultListen)
		return DefaultListen
	}
	if !loopback(host) {
		p.report(t.place, "the address can be reached from other machines", "listen on 127.0.0.1 and let a TLS proxy on this machine take requests from outside")
		return DefaultListen
	}
	return t.value
}
