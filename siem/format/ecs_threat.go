package format

import "strings"

// tacticID is MITRE's number for the tactics that Microsoft uses as categories,
// by the lower-case name without blanks.
var tacticID = map[string]string{
	"reconnaissance":      "TA0043",
	"resourcedevelopment": "TA0042",
	"initialaccess":       "TA0001",
	"execution":           "TA0002",
	"persistence":         "TA0003",
	"privilegeescalation": "TA0004",
	"defenseevasion":      "TA0005",
	"credentialaccess":    "TA0006",
	"discovery":           "TA0007",
	"lateralmovement":     "TA0008",
	"collection":          "TA0009",
	"exfiltration":        "TA0010",
	"commandandcontrol":   "TA0011",
	"impact":              "TA0040",
}

// tacticIDs leaves out the categories that are no tactic, such as Malware and
// SuspiciousActivity.
func tacticIDs(categories []string) []string {
	var ids []string
	for _, c := range categories {
		if id := tacticID[strings.ToLower(strings.ReplaceAll(c, " ", ""))]; id != "" {
			ids = appendNew(ids, id)
		}
	}
	return ids
}

// splitTechniques tells techniques (T1059) from sub-techniques (T1059.001). A
// sub-technique names its technique too, so that a search for either finds it.
func splitTechniques(all []string) (techniques, subtechniques []string) {
	for _, t := range all {
		parent, _, sub := strings.Cut(t, ".")
		if sub {
			subtechniques = appendNew(subtechniques, t)
		}
		techniques = appendNew(techniques, parent)
	}
	return techniques, subtechniques
}

// techniqueList reads mitreTechniques, which Microsoft documents as a string
// and sends as an array.
func techniqueList(v value) []string {
	var list []string
	for _, text := range v.texts() {
		for _, t := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
			list = appendNew(list, t)
		}
	}
	return list
}
