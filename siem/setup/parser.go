package setup

import (
	"fmt"
	"strings"
)

// What every event says of where it came from. Existing rules and filters at
// customers look for these (api-portal-mapping: the static values).
const (
	deviceVendor  = "Microsoft"
	deviceProduct = "Microsoft Defender ATP"
	deviceVersion = "2.0" // of the mapping
)

// mapping is one line of Microsoft's table: a member of a detection and the
// ESM field that it goes to.
type mapping struct {
	member string // of the SIEM API
	field  string // of the ESM schema
	how    string // the operation on the token, with %s for it; empty: as it is
	label  string // for the custom fields, which are useless without one
}

const (
	// A custom number takes a long, and the API says true, false or null.
	truth = `__safeToLong(__simpleMap(__toLowerCase(%s),"true=1","false=0"))`
	// The working parsers that are public read addresses so: what is none,
	// or empty, leaves the field empty.
	address = `__regexTokenAsAddress(%s,"(.*)")`
	// The API writes 0 to 7 digits of a second. Java's format would take
	// "3191352" for milliseconds, 53 minutes, and a time without a zone for the
	// connector's own. So: date and time to the second, then the zone, which is
	// always UTC.
	instant = `__createOptionalTimeStampFromString(` +
		`__concatenate(__regexToken(%[1]s,"(.{10}).*")," ",__regexToken(%[1]s,".{11}(.{8}).*")," +0000"),"yyyy-MM-dd HH:mm:ss Z")`
)

// mappings is Microsoft's table (api-portal-mapping), in its order.
var mappings = []mapping{
	{member: "AlertTitle", field: "name"},
	{member: "Severity", field: "deviceSeverity"},
	{member: "Category", field: "deviceEventCategory"},
	{member: "Source", field: "sourceServiceName"},
	{member: "MachineName", field: "sourceHostName"},
	{member: "FileName", field: "fileName"},
	{member: "FilePath", field: "filePath"},
	{member: "UserDomain", field: "sourceNtDomain"},
	{member: "UserName", field: "sourceUserName"},
	{member: "Sha1", field: "fileHash"},
	{member: "Sha256", field: "deviceCustomString6", label: "SHA-256"},
	{member: "Md5", field: "deviceCustomString5", label: "MD5"},
	{member: "ThreatName", field: "deviceCustomString1", label: "Threat name"},
	{member: "IpAddress", field: "sourceAddress", how: address},
	{member: "Url", field: "requestUrl"},
	{member: "RemediationIsSuccess", field: "deviceCustomNumber2", how: truth, label: "Remediation is success"},
	{member: "WasExecutingWhileDetected", field: "deviceCustomNumber1", how: truth, label: "Was executing while detected"},
	{member: "AlertId", field: "externalId"},
	{member: "LinkToWDATP", field: "flexString1", label: "Link to the alert"},
	{member: "AlertTime", field: "deviceReceiptTime", how: instant},
	{member: "MachineDomain", field: "sourceDnsDomain"},
	{member: "Actor", field: "deviceCustomString4", label: "Actor"},
	{member: "LogOnUsers", field: "sourceUserId"},
}

// severities maps the words of deviceSeverity to ArcSight's four levels. A
// word that is not here, such as UnSpecified, stays unknown there.
var severities = []struct{ level, words string }{
	{"high", "High"},
	{"medium", "Medium"},
	{"low", "Low,Informational"},
}

// parserFile is WDATP-connector.jsonparser.properties. It is the same for
// every customer and holds no secret.
func parserFile() []byte {
	var p properties
	p.comment(
		"ArcSight FlexConnector REST: detections of the SIEM REST API of Microsoft",
		"Defender for Endpoint, mapped as Microsoft documents it. The same file serves",
		"every customer, and Tributary's endpoint as well as Microsoft's.")
	p.gap()
	p.comment("The answer is a bare array: each of its elements is an event.")
	p.set("trigger.node.location", "/")
	p.gap()
	p.set("token.count", fmt.Sprint(len(mappings)))
	for n, m := range mappings {
		p.gap()
		token := fmt.Sprintf("token[%d].", n)
		p.set(token+"name", m.member)
		p.set(token+"location", m.member)
		p.set(token+"type", "String")
	}
	p.gap()
	p.set("event.deviceVendor", call("__getVendor", deviceVendor))
	p.set("event.deviceProduct", call("__stringConstant", deviceProduct))
	p.set("event.deviceVersion", call("__stringConstant", deviceVersion))
	p.gap()
	p.comment("Of a time the first 19 characters are read: the API writes up to seven digits of",
		"a second, which Java would take for milliseconds. It is always UTC.")
	for _, m := range mappings {
		value := m.member
		if m.how != "" {
			value = fmt.Sprintf(m.how, m.member)
		}
		p.set("event."+m.field, value)
		if m.label != "" {
			p.set("event."+m.field+"Label", call("__stringConstant", m.label))
		}
	}
	p.gap()
	for _, s := range severities {
		p.set("severity.map."+s.level+".if.deviceSeverity", s.words)
	}
	return []byte(p.String())
}

// call is an operation on a constant.
func call(operation, constant string) string {
	if strings.ContainsAny(constant, `"\`) {
		panic("setup: a constant of the parser needs quoting: " + constant)
	}
	return operation + `("` + constant + `")`
}
