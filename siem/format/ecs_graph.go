package format

import (
	"strings"

	"tributary"
)

// graphNaming gives Microsoft's members the names that Elastic's integration
// (m365_defender.alert) gives them, so that its dashboards and mappings fit.
var graphNaming = &naming{
	snake:    true,
	cutTimes: true,
	rename: map[string]rename{
		"alertWebUrl":                   {name: "web_url"},
		"antiSpamDirection":             {name: "antispam_direction"},
		"comment":                       {name: "message"},
		"externalIPs":                   {name: "external_ips"},
		"fileName":                      {name: "name"},
		"filePath":                      {name: "path"},
		"filePublisher":                 {name: "publisher"},
		"fileSize":                      {name: "size"},
		"ioTHub":                        {name: "iot_hub"},
		"ioTSecurityAgentId":            {name: "iot_security_agent_id"},
		"rbacGroupId":                   {"rbac_group", "id"},
		"rbacGroupName":                 {"rbac_group", "name"},
		"processId":                     {"process", "id"},
		"processCommandLine":            {"process", "command_line"},
		"processCreationDateTime":       {"process", "creation_datetime"},
		"parentProcessId":               {"parent_process", "id"},
		"parentProcessCreationDateTime": {"parent_process", "creation_datetime"},
		"parentProcessImageFile":        {"parent_process", "image_file"},
	},
	open:   map[string]bool{"additionalData": true, "customDetails": true, "labels": true, "selector": true},
	asText: map[string]bool{"osBuild": true, "rbacGroupId": true, "appId": true, "saasAppId": true, "instanceId": true, "incidentId": true},
	urls:   map[string]bool{"alertWebUrl": true, "incidentWebUrl": true},
}

// severity numbers of Elastic's pipeline for Graph: those of its own detection
// engine.
var graphSeverity = map[tributary.Severity]int64{
	tributary.SeverityInformational: 21,
	tributary.SeverityLow:           21,
	tributary.SeverityMedium:        47,
	tributary.SeverityHigh:          73,
}

// mapGraph reads an alert of GET /v1.0/security/alerts_v2.
func mapGraph(e *ecsAlert, a *tributary.Alert, body value) {
	o := body.object()
	e.module, e.dataset = "m365_defender", "m365_defender.alert"
	e.namespace = [2]string{"m365_defender", "alert"}
	e.vendor = graphNaming.vendor(make([]byte, 0, len(body)+len(body)/4), body, e.related.collect)

	e.eventID = first(o.get("id").text(), e.eventID)
	e.message = first(o.get("description").text(), o.get("title").text())
	e.provider = o.get("serviceSource").text()
	e.url = first(o.get("alertWebUrl").text(), e.url)
	if n, ok := graphSeverity[a.Severity]; ok {
		e.severity = &n
	}
	e.created = millis(o.get("createdDateTime"))
	e.start = millis(o.get("firstActivityDateTime"))
	e.end = millis(o.get("lastActivityDateTime"))
	e.ruleID = o.get("detectorId").text()
	e.ruleName = o.get("title").text()
	e.tactics = appendNew(nil, o.get("category").text())
	for _, category := range o.get("categories").texts() {
		e.tactics = appendNew(e.tactics, category)
	}
	e.techniques = techniqueList(o.get("mitreTechniques"))
	e.group = o.get("actorDisplayName").text()
	e.software = first(o.get("threatFamilyName").text(), o.get("threatDisplayName").text())
	e.observerProduct = o.get("productName").text()

	e.types = []string{"info"}
	if c := categoryOfDetermination[strings.ToLower(o.get("determination").text())]; c != "" {
		e.categories = appendNew(e.categories, c)
		if c == "threat" {
			e.types = append(e.types, "indicator")
		}
	}
	e.graphEvidence(o.get("evidence"))
	e.categories = allowTypes(e.categories, e.types)
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
