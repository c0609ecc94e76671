package sim

import (
	"encoding/json"
	"net/http"
	"strconv"

	"tributary"
	"tributary/microsoft/sim/alerts"
	"tributary/microsoft/sim/odata"
)

const defenderJSON = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8"

// maxDefenderTop is the documented largest page; a larger $top is refused.
const maxDefenderTop = 10_000

var defenderProperties = map[string]odata.Type{
	"alertCreationTime": odata.Moment, "lastUpdateTime": odata.Moment, "lastEventTime": odata.Moment,
	"incidentId": odata.Number, "investigationId": odata.Number, "id": odata.Text, "assignedTo": odata.Text,
	"detectionSource": odata.Enum, "status": odata.Enum, "severity": odata.Enum, "category": odata.Text,
}

var defenderOptions = []string{"$filter", "$top", "$skip", "$expand"}

// defenderAPI is Defender for Endpoint's GET /api/alerts (Defender for Endpoint
// reference: get-alerts). $orderby, $count and $select are not documented and
// refused.
func defenderAPI() *api {
	return &api{
		source: tributary.SourceEndpoint,
		audiences: []string{
			"https://api.securitycenter.microsoft.com", "https://api.securitycenter.windows.com",
			"https://securitycenter.onmicrosoft.com/windowsatpservice", "fc780465-2017-40d4-a0c5-307022471b92",
		},
		roles:  []string{"Alert.Read.All", "Alert.ReadWrite.All"},
		scopes: []string{"Alert.Read", "Alert.ReadWrite"},
		refuse: refuseDefender, serve: serveDefender,
	}
}

func refuseDefender(c *call, status int, code, message string) {
	switch code {
	case "InvalidAuthenticationToken":
		code = "Unauthorized"
	case "TooManyRequests":
		// Live bodies have the number as code, not the documented name.
		code = "429"
	}
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Target  string `json:"target"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message, body.Error.Target = code, message, c.id
	if status == http.StatusTooManyRequests {
		body.Error.Target = c.claims.TenantID
	}
	text, _ := json.Marshal(body) // texts only: there is no error
	respond(c.w, status, "application/json", string(text))
}

func serveDefender(c *call) {
	bad := func(code, message string) { refuseDefender(c, http.StatusBadRequest, code, message) }
	in, err := queryOf(c.r, defenderOptions)
	if err != nil {
		bad("ODataError", err.Error())
		return
	}
	var shape alerts.Shape
	switch expand := in.Get("$expand"); expand {
	case "":
	case "evidence":
		shape.Evidence = true
	default:
		bad("ODataError", "Could not find a property named '"+expand+"' on type 'Alert' to expand.")
		return
	}
	if id := c.r.PathValue("id"); id != "" {
		ref, ok := c.alerts.One(c.tenant, c.api.source, c.now, id)
		if !ok {
			refuseDefender(c, http.StatusNotFound, "ResourceNotFound", "Alert "+id+" was not found")
			return
		}
		// A single alert always shows its evidence.
		c.one(defenderJSON, ref, alerts.Shape{Evidence: true}, "")
		return
	}
	q := alerts.Query{Tenant: c.tenant, Source: c.api.source, Now: c.now, Newest: true}
	if q.Limit, err = in.number("$top", c.defenderPage); err != nil || q.Limit > maxDefenderTop || q.Limit == 0 {
		bad("BadRequest", "The limit of '10000' for Top query has been exceeded. The value from the incoming request is '"+in.Get("$top")+"'.")
		return
	}
	if q.Skip, err = in.number("$skip", 0); err != nil {
		bad("BadRequest", "Invalid value '"+in.Get("$skip")+"' for $skip query option found.")
		return
	}
	if err := filterBy(&q, in.Get("$filter"), defenderProperties, "lastUpdateTime"); err != nil {
		bad("ODataError", "The query specified in the URI is not valid: "+err.Error()+".")
		return
	}
	found := c.alerts.Find(q)
	base := "https://" + c.r.Host + "/mde/api/"
	head := `{"@odata.context":` + quote(base+"$metadata#Alerts") + `,"value":`
	tail := "}"
	if found.More && !in.has("$top") {
		next := in.with("$skip", strconv.Itoa(q.Skip+len(found.Refs)))
		tail = `,"@odata.nextLink":` + quote(base+"alerts?"+next.String()) + "}"
	}
	c.list(defenderJSON, head, tail, len(found.Refs), func(dst []byte, i int) []byte {
		return c.alerts.Render(dst, found.Refs[i], shape)
	})
}
