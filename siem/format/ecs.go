package format

import (
	"bytes"
	"fmt"
	"time"
	"unicode/utf8"

	"tributary"
)

// ecsVersion is what Elastic's own Microsoft packages write. Every field that
// is used here exists in it and in ECS 9.
const ecsVersion = "8.11.0"

// ECS is an Elastic Common Schema document. docs/formats.md has the table of
// fields and the reasons for them; in short:
//
//   - @timestamp is the update time, event.id Microsoft's id, and the customer
//     stands in cloud.account.id, organization.name and tributary.tenant.
//   - A field that ECS calls single holds one value. Where an alert names
//     several processes, files, users or devices, the ECS fields describe the
//     one that Microsoft judged worst, all of them from the same item, and
//     related.* has what all of them name.
//   - All of Microsoft's members stand in a namespace of their own:
//     m365_defender.alert (source graph, named as Elastic's integration names
//     them), microsoft.defender_endpoint (source endpoint) and
//     microsoft.defender_siem (source siem). Only null, "", [] and {} are left
//     out there.
//
// The error says why the body is not one JSON object, or that there is no
// mapping for the alert's source.
func ECS(a *tributary.Alert) ([]byte, error) {
	mapping, ok := ecsMappings[a.Source]
	if !ok {
		return nil, fmt.Errorf("%s: alert %s: format ecs has no mapping for source %s", a.Tenant, a.ID, a.Source)
	}
	body, err := compact(a, 0)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		// Elasticsearch refuses the whole document for one such byte.
		body = bytes.ToValidUTF8(body, []byte("\ufffd"))
	}
	e := ecsAlert{timestamp: a.Updated, eventID: a.ID, url: a.PortalURL, accountID: a.TenantID, organization: a.Tenant}
	mapping(&e, a, value(body))
	return e.document(a, len(body)), nil
}

// ecsMapping fills an ECS document from the body of one source.
type ecsMapping func(*ecsAlert, *tributary.Alert, value)

var ecsMappings = map[tributary.Source]ecsMapping{
	tributary.SourceGraph:    mapGraph,
	tributary.SourceEndpoint: mapEndpoint,
	tributary.SourceSIEM:     mapSIEM,
}

// ecsAlert is what the ECS fields of an alert hold. An empty value is left out
// of the document.
type ecsAlert struct {
	timestamp time.Time
	message   string

	eventID, action, provider, url string
	module, dataset                string
	severity                       *int64
	created, start, end            instant
	categories, types              []string

	ruleID, ruleName, ruleDescription string

	tactics, techniques []string
	group, software     string

	accountID, organization, instanceID string

	host     ecsHost
	deviceID string
	user     ecsUser
	process  ecsProcess
	file     ecsFile
	registry ecsRegistry
	link     string // the URL in question
	email    ecsEmail

	observerName, observerProduct string

	related related

	// vendor is Microsoft's object, to stand under the names of namespace.
	namespace [2]string
	vendor    []byte
}

type ecsHost struct {
	id, name, hostname, domain string
	ips                        []string
	osName, osVersion          string
}

type ecsUser struct{ id, name, domain, email, fullName string }

type ecsHash struct{ md5, sha1, sha256 string }

type ecsProcess struct {
	pid              *int64
	name, executable string
	commandLine      string
	start            instant
	hash             ecsHash
	user             ecsUser
	parent           *ecsProcess
}

type ecsFile struct {
	name, path, directory string
	size                  *int64
	hash                  ecsHash
}

type ecsRegistry struct{ hive, key, value, kind, data string }

type ecsEmail struct {
	subject, messageID, localID, direction string
	from, sender                           string
	to                                     []string
	delivered                              instant
}
