package format

import (
	"slices"
	"strings"
)

// typesOfCategory is ECS's list of the event types that a category allows, for
// the categories that are used here.
var typesOfCategory = map[string][]string{
	"authentication":      {"start", "end", "info"},
	"configuration":       {"access", "change", "creation", "deletion", "info"},
	"email":               {"info"},
	"file":                {"access", "change", "creation", "deletion"},
	"host":                {"access", "change", "end", "info", "start"},
	"iam":                 {"admin", "change", "creation", "deletion", "group", "info", "user"},
	"intrusion_detection": {"allowed", "denied", "info"},
	"malware":             {"info"},
	"network":             {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
	"process":             {"access", "change", "end", "info", "start"},
	"registry":            {"access", "change", "creation", "deletion"},
	"session":             {"start", "end", "info"},
	"threat":              {"indicator"},
}

// allowTypes returns the categories, sorted, with intrusion_detection added
// where no other one allows a type: a type that no category allows makes a
// document that ECS doesn't know, and an alert on a file alone would be one.
func allowTypes(categories, types []string) []string {
	for _, t := range types {
		allowed := slices.ContainsFunc(categories, func(c string) bool { return slices.Contains(typesOfCategory[c], t) })
		if !allowed {
			categories = appendNew(categories, "intrusion_detection")
		}
	}
	slices.Sort(categories)
	return categories
}

// categoryOfEvidence gives the event category of a Graph evidence type, named
// without its namespace and "Evidence". A type that is not listed has none.
var categoryOfEvidence = map[string]string{
	"analyzedMessage":      "email",
	"mailbox":              "email",
	"mailCluster":          "email",
	"mailboxConfiguration": "email",
	"submissionMail":       "email",
	"device":               "host",
	"ioTDevice":            "host",
	"file":                 "file",
	"fileHash":             "file",
	"malware":              "malware",
	"ip":                   "network",
	"dns":                  "network",
	"networkConnection":    "network",
	"process":              "process",
	"registryKey":          "registry",
	"registryValue":        "registry",
	"user":                 "iam",
	"securityGroup":        "iam",
	"oauthApplication":     "iam",
	"servicePrincipal":     "iam",
	"cloudLogonRequest":    "authentication",
	"cloudLogonSession":    "session",
	"hostLogonSession":     "session",
}

// categoryOfDetermination gives the event category of an analyst's verdict.
var categoryOfDetermination = map[string]string{
	"malware":               "malware",
	"malicioususeractivity": "malware",
	"phishing":              "email",
	"apt":                   "threat",
}

// evidenceKind is "device" for "#microsoft.graph.security.deviceEvidence".
func evidenceKind(odataType string) string {
	return strings.TrimSuffix(odataType[strings.LastIndexByte(odataType, '.')+1:], "Evidence")
}
