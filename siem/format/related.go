package format

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
)

// related is what an analyst pivots on: every address, hash, host and user
// that the alert names, wherever in it, each once.
type related struct{ ips, hashes, hosts, users []string }

// appendNew appends a text that is not there yet. The lists are short.
func appendNew(list []string, text string) []string {
	if text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// collect takes a member in, if its name says that it holds something to pivot
// on. It sees every member at every depth, so that evidence of a type that is
// not known yet is found by its members' names.
func (r *related) collect(name []byte, v value) {
	var lower [40]byte
	if len(name) > len(lower) || len(v) < 4 {
		return
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch name := lower[:len(name)]; string(name) {
	case "sha1", "sha256", "md5", "filehash":
		for _, text := range v.texts() {
			r.hashes = appendNew(r.hashes, text)
		}
	case "accountname", "userprincipalname", "upn", "usersid", "username", "azureaduserid", "aaduserid":
		for _, text := range v.texts() {
			r.users = appendNew(r.users, text)
		}
	case "devicednsname", "hostname", "computerdnsname", "devicename", "machinename":
		for _, text := range v.texts() {
			r.hosts = appendNew(r.hosts, text)
		}
	case "assignedto":
		// A person, and not "Automation" or a rule.
		if text := v.text(); strings.Contains(text, "@") {
			r.users = appendNew(r.users, text)
		}
	case "ipinterfaces", "senderip", "internalipv4list", "internalipv6list":
		r.addIPs(v)
	default:
		if bytes.HasSuffix(name, []byte("ipaddress")) {
			r.addIPs(v)
		}
	}
}

// addIPs takes addresses, also from a text with commas between them.
func (r *related) addIPs(v value) {
	for _, text := range v.texts() {
		for _, ip := range validIPs(strings.Split(text, ",")) {
			r.ips = appendNew(r.ips, ip)
		}
	}
}

// validIPs keeps what Elasticsearch takes as an ip, each once: it would refuse
// the whole document for one that is none.
func validIPs(texts []string) []string {
	var ips []string
	for _, text := range texts {
		if addr, err := netip.ParseAddr(strings.TrimSpace(text)); err == nil {
			ips = appendNew(ips, addr.WithZone("").String())
		}
	}
	return ips
}

func (r *related) write(d *document) {
	d.texts("ip", r.ips)
	d.texts("hash", r.hashes)
	d.texts("hosts", r.hosts)
	d.texts("user", r.users)
}
