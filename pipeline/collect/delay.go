package collect

import (
	"errors"
	"math/rand/v2"
	"time"

	"tributary"
)

// Retry delays. Front-loaded, because most failures of a service are over in
// seconds and a cut page costs nothing to read again; then patient, because
// what lasts minutes usually lasts hours, and a hundred tenants must not
// hammer a service that is down.
var (
	retryDelays = []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute,
	}
	// What a person must mend is looked at less often, but soon enough that
	// the person sees the effect while still at it.
	mendDelays = []time.Duration{
		15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	}
	// fullDelay: the stream or the disk has no room.
	fullDelay = 5 * time.Second
)

// mostHalvings is how often in a row a window can become shorter: 2^20 seconds
// are twelve days. What is too large then stays so.
const mostHalvings = 20

// retryDelay is how long a feed waits after a failure.
func (f *feed) retryDelay(err error) time.Duration {
	if errors.Is(err, tributary.ErrConflict) {
		return jitter(time.Second)
	}
	delays := retryDelays
	if e := tributary.AsError(err); e != nil {
		switch {
		case e.After > 0:
			// Microsoft's own word, and a little more so that all feeds of a
			// tenant don't come at the same instant.
			return e.After + time.Duration(rand.Int64N(int64(time.Second)))
		case e.Code == tributary.CodeStreamFull, e.Code == tributary.CodeDiskFull:
			return jitter(fullDelay)
		case e.Code == tributary.CodeTooLarge && f.failures <= mostHalvings:
			return 0 // the next attempt asks for less
		case e.Fix != tributary.FixRetry:
			delays = mendDelays
		}
	}
	return jitter(delays[min(f.failures, len(delays))-1])
}

// jitter spreads a delay by a tenth to either side.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1))
}
