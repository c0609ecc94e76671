package sim

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tributary"
	"tributary/microsoft/sim/alerts"
)

const siemJSON = "application/json; charset=utf-8"

// siemDefault is the range without a parameter.
const siemDefault = 2 * time.Hour

// siemAPI is the SIEM REST API, GET /api/alerts (pull-alerts-using-rest-api).
// What is not documented is decided so: both bounds are included, the order is
// oldest first, a request that can't be read is 401 as the documents have it.
func siemAPI() *api {
	return &api{
		source: tributary.SourceSIEM,
		audiences: []string{
			"https://graph.windows.net", "00000002-0000-0000-c000-000000000000", "https://WDATPAlertExport.Seville.onmicrosoft.com",
		},
		listed: func(c *call) bool {
			by, ok := c.allowed.provider(c.claims.TenantID, c.claims.ClientID)
			// The page takes any tenant id; a wrong one is of no use.
			return ok && (c.claims.ClientID != c.app.ClientID || by == c.provider.TenantID)
		},
		refuse: refuseSIEM, serve: serveSIEM,
	}
}

// refuseSIEM answers with the message alone: no form is documented.
func refuseSIEM(c *call, status int, _, message string) {
	respond(c.w, status, siemJSON, `{"Message":`+quote(message)+`}`)
}

func serveSIEM(c *call) {
	q, err := siemQuery(c.r.URL.Query(), c.clock())
	if err != nil {
		refuseSIEM(c, http.StatusUnauthorized, "", "Malformed request: "+err.Error()+".")
		return
	}
	q.Tenant, q.Source, q.Now = c.tenant, c.api.source, c.now
	limited := q.Limit > 0
	q.Newest = limited // a limit keeps the most recent
	refs := c.alerts.Find(q).Refs
	if limited {
		slices.Reverse(refs)
	}
	c.list(siemJSON, "", "", len(refs), func(dst []byte, i int) []byte {
		return c.alerts.Render(dst, refs[i], alerts.Shape{})
	})
}

// siemQuery reads the parameters, whose names are taken in any case.
func siemQuery(in url.Values, clock time.Time) (alerts.Query, error) {
	q := alerts.Query{From: clock.Add(-siemDefault), To: clock}
	given := map[string][]string{}
	for name, values := range in {
		given[strings.ToLower(name)] = append(given[strings.ToLower(name)], values...)
	}
	one := func(name string) string {
		if v := given[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	var err error
	if text := one("ago"); text != "" {
		ago, err := isoDuration(text)
		if err != nil {
			return q, err
		}
		q.From = clock.Add(-ago)
	}
	if text := one("sincetimeutc"); text != "" {
		if q.From, err = siemTime(text); err != nil {
			return q, err
		}
	}
	if text := one("untiltimeutc"); text != "" {
		if q.To, err = siemTime(text); err != nil {
			return q, err
		}
	}
	if text := one("limit"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || n == 0 {
			return q, errors.New("limit '" + text + "' is not a number above zero")
		}
		q.Limit = int(n)
	}
	groups := given["machinegroups"]
	tags := map[string]string{"tags": one("devicecreatedmachinetags"), "cloudTags": one("cloudcreatedmachinetags")}
	q.Match = func(get func(string) any) bool {
		if len(groups) > 0 {
			if group, _ := get("machineGroup").(string); !slices.Contains(groups, group) {
				return false
			}
		}
		for property, want := range tags {
			if want == "" {
				continue
			}
			have, _ := get(property).(string)
			if !slices.Contains(strings.FieldsFunc(have, func(r rune) bool { return r == ',' }), want) {
				return false
			}
		}
		return true
	}
	return q, nil
}

// siemTime reads a time, which is UTC with or without a Z.
func siemTime(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("'" + text + "' is not a time such as 2016-09-12T00:00:00.000")
}

// durationForm bounds the digits, so that the sum can't overflow.
var durationForm = regexp.MustCompile(`^P(?:(\d{1,3})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.\d+)?S)?)?$`)

// isoDuration reads an ISO 8601 duration without years and months, such as
// PT10M or P1DT2H.
func isoDuration(text string) (time.Duration, error) {
	m := durationForm.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "T") || text == "P" {
		return 0, errors.New("'" + text + "' is not a duration such as PT10M")
	}
	total := time.Duration(0)
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] != "" {
			n, err := strconv.Atoi(m[i+1])
			if err != nil {
				return 0, err
			}
			total += time.Duration(n) * unit
		}
	}
	return total, nil
}
