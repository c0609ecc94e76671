package defender

import "net/http"

// graph is Microsoft Graph, GET /v1.0/security/alerts_v2 (Graph reference:
// security-list-alerts_v2). A page holds up to 1,000 alerts, larger values of
// $top are clamped. The documented order is newest first; $orderby is not
// documented, but in use by others. Members of enumerations that are younger
// than unknownFutureValue come only when the Prefer header asks for them.
var graph = dialect{
	path:    "/v1.0/security/alerts_v2",
	column:  "lastUpdateDateTime",
	orderBy: "lastUpdateDateTime asc",
	pageMax: 1000,
	header:  http.Header{"Prefer": {"include-unknown-enum-members"}},
	follow:  true,
	layout:  layout{take: takeGraph, want: 5},
}

func takeGraph(e *envelope, name, value []byte) bool {
	switch string(name) {
	case "id":
		return setText(&e.id, value)
	case "severity":
		return setText(&e.severity, value)
	case "alertWebUrl":
		return setText(&e.link, value)
	case "lastUpdateDateTime":
		return setTime(&e.updated, value)
	case "createdDateTime":
		return setTime(&e.created, value)
	}
	return false
}
