package defender

import (
	"bytes"
	"context"
	"errors"
	"time"

	"tributary"
)

const siemPath = "/api/alerts"

var siemLayout = layout{take: takeSIEM, want: 7, identify: identifySIEM}

const (
	// siemWindow is the longest span that the SIEM API is asked for at once: it
	// has no pages, so a span comes whole. Its maximum is not documented.
	siemWindow = 24 * time.Hour
	// siemGlance is the span for a request of one alert, which is a look at the
	// service and its clock. The API's own limit would be no help: it keeps the
	// newest alerts and drops the rest.
	siemGlance = time.Second
)

// siemTime is how the documents write sinceTimeUtc: UTC, three decimals, no Z
// (pull-alerts-using-rest-api). Whether a Z is taken is not documented.
const siemTime = "2006-01-02T15:04:05.000"

// siem reads the SIEM REST API, GET /api/alerts with sinceTimeUtc and
// untilTimeUtc, which bound the time of last processing. Detections never
// change. Long windows are read piece by piece, oldest first; neighbouring
// pieces share an instant, because it isn't documented whether the bounds are
// included.
type siem struct{ *client }

func newSIEM(cfg Config) (tributary.Reader, error) {
	c, err := newClient(cfg, cfg.Cloud.SIEMURL(cfg.Tenant.Region), siemPath, siemLayout)
	if err != nil {
		return nil, err
	}
	c.lenient = true
	return siem{c}, nil
}

// MaxWindow is the longest span that comes in one piece.
func (s siem) MaxWindow() time.Duration { return siemWindow }

// Read fetches one piece of the window, whole: Limit is not a number of alerts
// here, but 1 asks for the smallest piece.
func (s siem) Read(ctx context.Context, req tributary.Request, yield func(tributary.Alert) error) (tributary.Page, error) {
	w, err := begin(req, s.source)
	if err == nil && req.Window.From.IsZero() {
		err = errors.New("the SIEM API needs the beginning of a window: without one it answers with the last two hours")
	}
	if err != nil {
		return tributary.Page{}, s.mistake(err)
	}
	length := siemWindow
	if req.Limit == 1 {
		length = siemGlance
	}
	since := w.stretch(req.Window).from
	end, last := since.Add(length), false
	if req.Window.Open() {
		if end.After(s.now()) {
			end, last = time.Time{}, true
		}
	} else if !end.Before(req.Window.To) {
		end, last = req.Window.To, true
	}
	var q query
	q.add("sinceTimeUtc", since.UTC().Format(siemTime))
	if !end.IsZero() {
		q.add("untilTimeUtc", ceil(end, time.Millisecond).UTC().Format(siemTime))
	}
	ans, err := s.fetch(ctx, q.String(), nil, func(a tributary.Alert, _ bool) error { return yield(a) })
	page := tributary.Page{Served: ans.served, Count: ans.count}
	if err != nil {
		return page, err
	}
	page.Through = end
	if !last {
		page.Next = token{s.source, walk{Lo: end}}.String()
	}
	return page, nil
}

// takeSIEM matches names whatever their case: the documents spell them in
// several ways, and the time of last processing with a letter too few too.
func takeSIEM(e *envelope, name, value []byte) bool {
	var lower [32]byte
	if len(name) > len(lower) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(name)]) {
	case "alertid":
		return setText(&e.id, value)
	case "fullid":
		return setText(&e.fullID, value)
	case "alertpart":
		return setText(&e.part, value)
	case "iocuniqueid":
		return setText(&e.ioc, value)
	case "severity":
		return setText(&e.severity, value)
	case "lastprocessedtimeutc", "lastproccesedtimeutc":
		return setTime(&e.updated, value)
	case "alerttime":
		return setTime(&e.created, value)
	}
	return false
}

// identifySIEM makes a detection's id: FullId is unique for an alert and an
// indicator, and AlertPart counts the parts that one was split into. Without a
// FullId it is built as Microsoft builds it, from AlertId and IocUniqueId.
func identifySIEM(e *envelope) string {
	id := make([]byte, 0, 160)
	switch {
	case len(inner(e.fullID)) > 0:
		id = appendText(id, e.fullID)
	case len(inner(e.id)) > 0:
		id = appendText(id, e.id)
		if len(inner(e.ioc)) > 0 {
			id = appendText(append(id, ':'), e.ioc)
		}
	default:
		return ""
	}
	id = append(id, '#')
	if part := inner(e.part); len(part) > 0 {
		id = append(id, part...)
	} else {
		id = append(id, '0')
	}
	return string(id)
}

func appendText(to, value []byte) []byte {
	if bytes.IndexByte(value, '\\') < 0 && value[0] == '"' {
		return append(to, value[1:len(value)-1]...)
	}
	return append(to, plainText(value)...)
}

// inner is a value without quotes.
func inner(value []byte) []byte { return bytes.Trim(value, `"`) }
