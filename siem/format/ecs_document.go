package format

import (
	"net/url"
	"strconv"
	"strings"

	"tributary"
)

// document writes the fields, always in this order.
func (e *ecsAlert) document(a *tributary.Alert, bodySize int) []byte {
	d := &document{buf: append(make([]byte, 0, 2*bodySize+2048), '{')}
	d.text("@timestamp", string(cut(e.timestamp)))
	d.object("ecs", func() { d.text("version", ecsVersion) })
	d.text("message", e.message)
	d.object("event", func() { e.event(d) })
	d.object("rule", func() {
		d.text("id", e.ruleID)
		d.text("name", e.ruleName)
		d.text("description", e.ruleDescription)
	})
	d.object("threat", func() { e.threat(d) })
	d.object("cloud", func() {
		d.text("provider", "azure")
		d.object("account", func() { d.text("id", e.accountID) })
		d.object("instance", func() { d.text("id", e.instanceID) })
	})
	d.object("organization", func() {
		d.text("id", e.accountID)
		d.text("name", e.organization)
	})
	d.object("host", func() { e.host.write(d) })
	d.object("device", func() { d.text("id", e.deviceID) })
	d.object("user", func() { e.user.write(d) })
	d.object("process", func() { e.process.write(d) })
	d.object("file", func() { e.file.write(d) })
	d.object("registry", func() { e.registry.write(d) })
	d.object("url", func() { writeURL(d, e.link) })
	d.object("email", func() { e.email.write(d) })
	d.object("observer", func() {
		d.text("vendor", "Microsoft")
		d.text("product", e.observerProduct)
		d.text("name", e.observerName)
	})
	d.object("related", func() { e.related.write(d) })
	d.object("tributary", func() {
		d.buf = appendEnvelope(d.buf, a)
		d.text("severity", a.Severity.String())
	})
	if len(e.vendor) > 2 {
		d.object(e.namespace[0], func() {
			d.name(e.namespace[1])
			d.buf = append(d.buf, e.vendor...)
		})
	}
	return append(d.buf, '}')
}

func (e *ecsAlert) event(d *document) {
	d.text("kind", "alert")
	d.texts("category", e.categories)
	d.texts("type", e.types)
	d.text("id", e.eventID)
	d.text("action", e.action)
	d.text("module", e.module)
	d.text("dataset", e.dataset)
	d.text("provider", e.provider)
	d.integer("severity", e.severity)
	d.text("created", string(e.created))
	d.text("start", string(e.start))
	d.text("end", string(e.end))
	d.integer("duration", nanosecondsBetween(e.start, e.end))
	d.text("url", e.url)
}

func (e *ecsAlert) threat(d *document) {
	tactics := tacticIDs(e.tactics)
	techniques, subtechniques := splitTechniques(e.techniques)
	if len(tactics) > 0 || len(techniques) > 0 {
		d.text("framework", "MITRE ATT&CK")
	}
	d.object("tactic", func() {
		d.texts("id", tactics)
		d.texts("name", e.tactics)
	})
	d.object("technique", func() {
		d.texts("id", techniques)
		d.object("subtechnique", func() { d.texts("id", subtechniques) })
	})
	d.object("group", func() { d.text("name", e.group) })
	d.object("software", func() { d.text("name", e.software) })
}

func (h *ecsHost) write(d *document) {
	d.text("id", h.id)
	d.text("name", strings.ToLower(h.name))
	d.text("hostname", h.hostname)
	d.text("domain", h.domain)
	d.texts("ip", h.ips)
	d.object("os", func() {
		d.text("name", h.osName)
		d.text("version", h.osVersion)
		d.text("type", osType(h.osName))
	})
}

// osType is one of the words that ECS allows, or nothing.
func osType(platform string) string {
	p := strings.ToLower(platform)
	for _, t := range []struct{ in, out string }{
		{"windows", "windows"}, {"macos", "macos"}, {"ios", "ios"}, {"android", "android"},
		{"linux", "linux"}, {"ubuntu", "linux"}, {"debian", "linux"}, {"redhat", "linux"}, {"centos", "linux"}, {"suse", "linux"},
	} {
		if strings.HasPrefix(p, t.in) {
			return t.out
		}
	}
	return ""
}

func (u *ecsUser) write(d *document) {
	d.text("id", u.id)
	d.text("name", u.name)
	d.text("domain", u.domain)
	d.text("email", u.email)
	d.text("full_name", u.fullName)
}

func (h *ecsHash) write(d *document) {
	d.text("md5", h.md5)
	d.text("sha1", h.sha1)
	d.text("sha256", h.sha256)
}

func (p *ecsProcess) write(d *document) {
	d.integer("pid", p.pid)
	d.text("name", p.name)
	d.text("executable", p.executable)
	d.text("command_line", p.commandLine)
	d.text("start", string(p.start))
	d.object("hash", func() { p.hash.write(d) })
	d.object("user", func() {
		d.text("id", p.user.id)
		d.text("name", p.user.name)
	})
	if p.parent != nil {
		d.object("parent", func() { p.parent.write(d) })
	}
}

func (f *ecsFile) write(d *document) {
	d.text("name", f.name)
	d.text("directory", f.directory)
	d.text("path", f.path)
	d.integer("size", f.size)
	d.object("hash", func() { f.hash.write(d) })
}

// hives are the short names that ECS wants.
var hives = map[string]string{
	"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_CURRENT_USER": "HKCU", "HKEY_USERS": "HKU",
	"HKEY_CLASSES_ROOT": "HKCR", "HKEY_CURRENT_CONFIG": "HKCC",
}

func (r *ecsRegistry) write(d *document) {
	hive := r.hive
	if short, ok := hives[strings.ToUpper(hive)]; ok {
		hive = short
	}
	d.text("hive", hive)
	d.text("key", r.key)
	d.text("value", r.value)
	if r.key != "" {
		parts := []string{hive, r.key, r.value}
		d.text("path", strings.Trim(strings.Join(parts, `\`), `\`))
	}
	d.object("data", func() {
		d.text("type", r.kind)
		if r.data != "" {
			d.texts("strings", []string{r.data})
		}
	})
}

// writeURL splits what can be split. Microsoft also gives bare host names,
// which have no url.full, and text that is no URL: that stands in url.original
// alone.
func writeURL(d *document, link string) {
	d.text("original", link)
	u, err := url.Parse(link)
	if err == nil && u.Scheme != "" && u.Host != "" {
		d.text("full", link)
	} else if u, err = url.Parse("//" + link); err != nil || !strings.Contains(u.Host, ".") {
		return
	}
	d.text("scheme", u.Scheme)
	d.text("domain", u.Hostname())
	if port, err := strconv.ParseInt(u.Port(), 10, 64); err == nil {
		d.integer("port", &port)
	}
	d.text("path", u.Path)
	d.text("query", u.RawQuery)
	d.text("fragment", u.Fragment)
}

func (m *ecsEmail) write(d *document) {
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	d.text("subject", m.subject)
	d.object("from", func() { d.texts("address", list(m.from)) })
	d.object("sender", func() { d.text("address", m.sender) })
	d.object("to", func() { d.texts("address", m.to) })
	d.text("message_id", m.messageID)
	d.text("local_id", m.localID)
	d.text("direction", m.direction)
	d.text("delivery_timestamp", string(m.delivered))
}
