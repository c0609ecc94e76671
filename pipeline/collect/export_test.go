package collect

import "time"

// RetryDelay is how long a feed waits after so many failures in a row.
func RetryDelay(failures int, err error) time.Duration {
	return (&feed{failures: failures}).retryDelay(err)
}
