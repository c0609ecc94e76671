package splunk

import (
	"encoding/json"
	"strconv"
	"time"

	"tributary"
)

// envelope is what stands around the bodies: the metadata of Splunk's events.
type envelope struct {
	host, source string // empty: by the alert
	fixed        []byte // sourcetype and index, as members
}

func newEnvelope(o Options) envelope {
	sourceType := o.SourceType
	if sourceType == "" {
		switch o.Format {
		case "", "raw":
			// What Splunk's add-on for Microsoft Security gives the same
			// alerts, so that its fields and CIM tags work on ours.
			sourceType = "ms:defender:atp:alerts"
		default:
			sourceType = "tributary:" + o.Format
		}
	}
	e := envelope{host: o.Host, source: o.Source}
	e.fixed = appendText(append(e.fixed, `,"sourcetype":`...), sourceType)
	if o.Index != "" {
		e.fixed = appendText(append(e.fixed, `,"index":`...), o.Index)
	}
	return e
}

// appendEvent appends one object of a request's body. Time is the alert's
// update time, as in Splunk's add-on.
func (e *envelope) appendEvent(dst []byte, r tributary.Record) []byte {
	dst = append(dst, '{')
	if !r.Alert.Updated.IsZero() {
		dst = append(appendEpoch(append(dst, `"time":`...), r.Alert.Updated), ',')
	}
	dst = appendText(append(dst, `"host":`...), or(e.host, r.Alert.Tenant))
	dst = appendText(append(dst, `,"source":`...), or(e.source, "tributary:"+string(r.Alert.Source)))
	dst = append(dst, e.fixed...)
	dst = append(dst, `,"event":`...)
	if len(r.Body) > 0 && r.Body[0] == '{' {
		dst = append(dst, r.Body...) // one JSON object: the formats promise it
	} else {
		dst = appendText(dst, string(r.Body))
	}
	dst = appendText(append(dst, `,"fields":{"tenant":`...), r.Alert.Tenant)
	dst = appendText(append(dst, `,"tributary_event_id":`...), r.Alert.EventID().String())
	return append(dst, "}}"...)
}

// appendEpoch writes seconds with three decimals, cut and not rounded. It is
// plain notation: Splunk refuses an exponent.
func appendEpoch(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		dst = append(dst, '-')
		ms = -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	decimals := ms % 1000
	return append(dst, '.', byte('0'+decimals/100), byte('0'+decimals/10%10), byte('0'+decimals%10))
}

func appendText(dst []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		return append(dst, `""`...) // a string always has a JSON form
	}
	return append(dst, quoted...)
}
