package format

import "time"

// instant is a time as a document shows it; "" where there is none. Text that
// is no time never becomes one: Elasticsearch would refuse the whole document.
type instant string

// readTime reads Microsoft's times: UTC with a Z, up to seven decimals; old
// bodies leave the Z out.
func readTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// exact keeps all the digits.
func exact(v value) instant {
	if t, ok := readTime(v.text()); ok {
		return instant(t.Format(time.RFC3339Nano))
	}
	return ""
}

// millis cuts to milliseconds, as Elastic's pipeline for Graph does. It cuts
// and never rounds: an event must not lie after the time that it had.
func millis(v value) instant {
	if t, ok := readTime(v.text()); ok {
		return cut(t)
	}
	return ""
}

func cut(t time.Time) instant {
	return instant(t.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z"))
}

// nanosecondsBetween is nil unless both times are there and in order.
func nanosecondsBetween(start, end instant) *int64 {
	from, ok1 := readTime(string(start))
	to, ok2 := readTime(string(end))
	if !ok1 || !ok2 || to.Before(from) {
		return nil
	}
	n := to.Sub(from).Nanoseconds()
	return &n
}
