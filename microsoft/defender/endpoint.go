package defender

// endpoint is Defender for Endpoint, GET /api/alerts (Defender for Endpoint
// reference: get-alerts). A page holds up to 10,000 alerts. Newest first is
// what the documents imply, $orderby is not documented, and no next link comes
// where $top is given. Without $expand an alert has no evidence.
//
// A next link is taken as a sign that there is more, and never followed: the
// service is known under several hosts and may name another one in it.
var endpoint = dialect{
	path:    "/api/alerts",
	column:  "lastUpdateTime",
	expand:  "evidence",
	pageMax: 10_000,
	layout:  layout{take: takeEndpoint, want: 4},
}

func takeEndpoint(e *envelope, name, value []byte) bool {
	switch string(name) {
	case "id":
		return setText(&e.id, value)
	case "severity":
		return setText(&e.severity, value)
	case "lastUpdateTime":
		return setTime(&e.updated, value)
	case "alertCreationTime":
		return setTime(&e.created, value)
	}
	return false
}
