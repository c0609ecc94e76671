package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tributary"
	"tributary/microsoft/sim/alerts"
	"tributary/microsoft/sim/odata"
)

const graphJSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

const (
	// maxGraphTop is where $top is cut; larger values are not refused.
	maxGraphTop = 1000
	// graphPage is a page without $top; the real size is not documented.
	graphPage = 100
	// maxGraphSkip is the documented limit of $skip.
	maxGraphSkip = 500
)

var graphProperties = map[string]odata.Type{
	"id": odata.Text, "createdDateTime": odata.Moment, "lastUpdateDateTime": odata.Moment,
	"severity": odata.Enum, "status": odata.Enum, "serviceSource": odata.Enum,
	"classification": odata.Enum, "determination": odata.Enum, "assignedTo": odata.Text,
}

var graphOptions = []string{"$filter", "$top", "$skip", "$skiptoken", "$orderby", "$count", "$select"}

// graphAPI is GET /v1.0/security/alerts_v2 (Graph reference:
// security-list-alerts_v2). $orderby and $select are not documented, but work.
func graphAPI() *api {
	permissions := []string{"SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All", "SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"}
	return &api{
		source:    tributary.SourceGraph,
		audiences: []string{"https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"},
		roles:     permissions, scopes: permissions,
		refuse: refuseGraph, serve: serveGraph,
	}
}

func refuseGraph(c *call, status int, code, message string) {
	var body struct {
		Error struct {
			Code       string `json:"code"`
			Message    string `json:"message"`
			InnerError struct {
				Date            string `json:"date"`
				RequestID       string `json:"request-id"`
				ClientRequestID string `json:"client-request-id"`
			} `json:"innerError"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = code, message
	body.Error.InnerError.Date = c.clock().UTC().Format("2006-01-02T15:04:05")
	body.Error.InnerError.RequestID, body.Error.InnerError.ClientRequestID = c.id, clientRequestID(c.r, c.id)
	text, _ := json.Marshal(body) // texts only: there is no error
	respond(c.w, status, "application/json", string(text))
}

func serveGraph(c *call) {
	bad := func(message string) { refuseGraph(c, http.StatusBadRequest, "BadRequest", message) }
	in, err := queryOf(c.r, graphOptions)
	if err != nil {
		bad(err.Error())
		return
	}
	shape := alerts.Shape{KnownMembers: !prefers(c.r, "include-unknown-enum-members")}
	if !shape.KnownMembers {
		c.w.Header().Set("Preference-Applied", "include-unknown-enum-members")
	}
	if names := in.Get("$select"); names != "" {
		shape.Select = strings.Split(strings.ReplaceAll(names, " ", ""), ",")
	}
	base := "https://" + c.r.Host + "/graph/" + strings.Split(c.r.URL.Path, "/")[2] + "/"
	if id := c.r.PathValue("id"); id != "" {
		c.oneGraph(id, shape, base)
		return
	}
	q := alerts.Query{Tenant: c.tenant, Source: c.api.source, Now: c.now, Newest: true, Limit: graphPage}
	top, err := in.number("$top", graphPage)
	if err != nil || top == 0 {
		bad("Invalid page size specified: '" + in.Get("$top") + "'. Must be between 1 and 1000 inclusive.")
		return
	}
	q.Limit = min(top, maxGraphTop)
	if q.Skip, err = in.number("$skip", 0); err != nil || q.Skip > maxGraphSkip {
		bad("The limit of '500' for Skip query has been exceeded. The value from the incoming request is '" + in.Get("$skip") + "'.")
		return
	}
	switch order := strings.Join(strings.Fields(in.Get("$orderby")), " "); order {
	case "", "lastUpdateDateTime desc":
	case "lastUpdateDateTime asc", "lastUpdateDateTime":
		q.Newest = false
	default:
		bad("The $orderby '" + order + "' is not supported: use lastUpdateDateTime.")
		return
	}
	switch count := in.Get("$count"); count {
	case "", "false":
	case "true":
		q.Count = true
	default:
		bad("Invalid value '" + count + "' for $count query option found.")
		return
	}
	if err := filterBy(&q, in.Get("$filter"), graphProperties, "lastUpdateDateTime"); err != nil {
		bad("Invalid filter clause: " + err.Error() + ".")
		return
	}
	if token := in.Get("$skiptoken"); token != "" {
		place, err := alerts.ParsePlace(token)
		if err != nil {
			bad("The skiptoken is not valid.")
			return
		}
		q.After, q.Skip = &place, 0
	}
	found := c.alerts.Find(q)
	head := `{"@odata.context":` + quote(base+"$metadata#security/alerts_v2")
	if q.Count {
		head += `,"@odata.count":` + strconv.Itoa(found.Total)
	}
	if found.More {
		next := in.with("$skiptoken", found.Refs[len(found.Refs)-1].Place().String()).without("$skip")
		head += `,"@odata.nextLink":` + quote(base+"security/alerts_v2?"+next.String())
	}
	c.list(graphJSON, head+`,"value":`, "}", len(found.Refs), func(dst []byte, i int) []byte {
		return c.alerts.Render(dst, found.Refs[i], shape)
	})
}

func (c *call) oneGraph(id string, shape alerts.Shape, base string) {
	ref, ok := c.alerts.One(c.tenant, c.api.source, c.now, id)
	if !ok {
		refuseGraph(c, http.StatusNotFound, "ResourceNotFound", "Alert '"+id+"' was not found.")
		return
	}
	c.one(graphJSON, ref, shape, base+"$metadata#security/alerts_v2/$entity")
}

// filterBy puts a $filter into a query; the bounds of the update time let the
// query skip what can't match.
func filterBy(q *alerts.Query, text string, properties map[string]odata.Type, updated string) error {
	if text == "" {
		return nil
	}
	filter, err := odata.Parse(text, properties)
	if err != nil {
		return err
	}
	q.From, q.To = filter.Bounds(updated)
	q.Match = filter.Match
	return nil
}

// prefers reports whether the request's Prefer headers name a preference.
func prefers(r *http.Request, name string) bool {
	for _, line := range r.Header.Values("Prefer") {
		names := strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return true
		}
	}
	return false
}

func quote(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text: there is no error
	return strings.TrimSuffix(b.String(), "\n")
}
