package format

import (
	"time"

	"tributary"
)

// envelopeName is the one member that we add to Microsoft's object.
const envelopeName = "tributary"

// appendEnvelope appends the members of the envelope, without the braces, so
// that a format can add its own.
func appendEnvelope(dst []byte, a *tributary.Alert) []byte {
	dst = appendMember(dst, `"tenant":`, a.Tenant)
	dst = appendMember(dst, `,"tenant_id":`, a.TenantID)
	dst = appendMember(dst, `,"source":`, string(a.Source))
	dst = appendMember(dst, `,"event_id":`, a.EventID().String())
	dst = appendInstant(append(dst, `,"updated":`...), a.Updated)
	dst = appendInstant(append(dst, `,"fetched":`...), a.Fetched)
	return appendMember(dst, `,"portal_url":`, a.PortalURL)
}

func appendMember(dst []byte, name, text string) []byte {
	return appendText(append(dst, name...), text)
}

// appendInstant writes the time with all the digits that it has.
func appendInstant(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}
