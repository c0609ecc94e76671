package deliver

import (
	"math/rand/v2"
	"time"

	"tributary"
)

// Delays between the attempts at one batch. Front-loaded: a restarted
// receiver or a dropped connection is back in a second or two. Then patient,
// but never more than a minute: when the SIEM is back, its analysts want to
// see the alerts, and one request a minute troubles nobody.
var retryDelays = []time.Duration{
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
	10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute,
}

// misconfiguredDelay is for a destination that waits for a person. Short
// enough that the person sees at once whether the change helped.
const misconfiguredDelay = 15 * time.Second

// retryDelay is how long to wait before attempt n+1, counted from 1.
func retryDelay(attempt int, err *tributary.SendError) time.Duration {
	if err.After > 0 {
		return err.After
	}
	d := retryDelays[min(attempt, len(retryDelays))-1]
	if err.Kind == tributary.SendMisconfigured {
		d = max(d, misconfiguredDelay)
	}
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1))
}
