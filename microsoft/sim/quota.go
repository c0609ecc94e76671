package sim

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"tributary"
)

// Quota is how many requests one application may send to one tenant. Zero is
// no limit.
type Quota struct {
	PerMinute, PerHour int
}

// DocumentedQuotas are Microsoft's limits (Defender for Endpoint: get-alerts;
// Microsoft Graph: throttling-limits). None is documented for the SIEM API.
func DocumentedQuotas() map[tributary.Source]Quota {
	return map[tributary.Source]Quota{
		tributary.SourceEndpoint: {PerMinute: 100, PerHour: 1500},
		tributary.SourceGraph:    {PerMinute: 150},
	}
}

// meter counts requests by source, tenant and application. Refused requests
// count as well: that is Microsoft's rule.
type meter struct {
	quotas map[tributary.Source]Quota

	mu    sync.Mutex
	count map[meterKey]*counts
}

type meterKey struct {
	source         tributary.Source
	tenant, client string
}

// counts are of the running minute and hour.
type counts struct {
	minute, hour           int
	minuteBegan, hourBegan time.Time
}

func newMeter(quotas map[tributary.Source]Quota) *meter {
	return &meter{quotas: quotas, count: map[meterKey]*counts{}}
}

// take counts a request. If it is over a limit, it returns that limit and how
// long until the running minute or hour ends.
func (m *meter) take(key meterKey, now time.Time) (limit int, period, wait time.Duration) {
	q, limited := m.quotas[key.source]
	if !limited {
		return 0, 0, 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.count[key]
	if c == nil {
		c = &counts{minuteBegan: now, hourBegan: now}
		m.count[key] = c
	}
	if now.Sub(c.minuteBegan) >= time.Minute {
		c.minute, c.minuteBegan = 0, now
	}
	if now.Sub(c.hourBegan) >= time.Hour {
		c.hour, c.hourBegan = 0, now
	}
	c.minute++
	c.hour++
	switch {
	case q.PerHour > 0 && c.hour > q.PerHour:
		return q.PerHour, time.Hour, c.hourBegan.Add(time.Hour).Sub(now)
	case q.PerMinute > 0 && c.minute > q.PerMinute:
		return q.PerMinute, time.Minute, c.minuteBegan.Add(time.Minute).Sub(now)
	}
	return 0, 0, 0
}

// withinQuota counts the request. Where it returns false it has answered.
func (c *call) withinQuota() bool {
	limit, period, wait := c.quotas.take(meterKey{c.api.source, c.claims.TenantID, c.claims.ClientID}, c.now)
	if limit == 0 {
		return true
	}
	c.w.Header().Set("Retry-After", seconds(wait))
	span := time.Time{}.Add(period).Format(time.TimeOnly)
	c.api.refuse(c, http.StatusTooManyRequests, "TooManyRequests", fmt.Sprintf(
		"API calls quota exceeded! Maximum allowed %d per %s for the key Destination+TenantID+AppID. You can send requests again in %s seconds.",
		limit, span, seconds(wait)))
	return false
}
