package defender

import (
	"time"
)

// literal is how times stand in filters: UTC with Z and the seven decimals
// that Microsoft's services keep.
const literal = "2006-01-02T15:04:05.0000000Z"

// tick is the resolution of Microsoft's times.
const tick = 100 * time.Nanosecond

// from writes a lower bound; never later than t.
func from(t time.Time) string { return t.UTC().Format(literal) }

// upTo writes an upper bound; never earlier than t.
func upTo(t time.Time) string { return ceil(t, tick).UTC().Format(literal) }

// ceil rounds up to a multiple of d.
func ceil(t time.Time, d time.Duration) time.Time {
	if down := t.Truncate(d); down.Before(t) {
		return down.Add(d)
	}
	return t
}

// moment reads a time as Microsoft's services write it: ISO 8601 with nought
// to nine decimals and Z, an offset, or nothing, which means UTC. It reports
// false for anything else, and for years outside 1970 to 2261: .NET's 0001 and
// 9999 stand for "none", and an alert's identity has room for no other.
func moment(b []byte) (time.Time, bool) {
	if len(b) < len("2006-01-02T15:04:05") || b[4] != '-' || b[7] != '-' || b[10]|0x20 != 't' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return time.Time{}, false
	}
	var field [6]int
	for i, at := range [6][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}} {
		for _, c := range b[at[0]:at[1]] {
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
			field[i] = field[i]*10 + int(c-'0')
		}
	}
	rest := b[19:]
	nanos := 0
	if len(rest) > 1 && rest[0] == '.' {
		i := 1
		for scale := 100_000_000; i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; i++ {
			nanos += int(rest[i]-'0') * scale
			scale /= 10
		}
		if i == 1 || i > 10 {
			return time.Time{}, false
		}
		rest = rest[i:]
	}
	offset, ok := zone(rest)
	year, month, day := field[0], time.Month(field[1]), field[2]
	if !ok || year < 1970 || year > 2261 || field[3] > 23 || field[4] > 59 || field[5] > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, month, day, field[3], field[4], field[5], nanos, time.UTC)
	if t.Day() != day || t.Month() != month { // the 31st of February
		return time.Time{}, false
	}
	return t.Add(-offset), true
}

// zone reads what follows the seconds: nothing, Z, or an offset such as +02:00.
func zone(b []byte) (time.Duration, bool) {
	switch {
	case len(b) == 0, len(b) == 1 && b[0]|0x20 == 'z':
		return 0, true
	case len(b) != 6 || b[3] != ':' || b[0] != '+' && b[0] != '-':
		return 0, false
	}
	for _, i := range [4]int{1, 2, 4, 5} {
		if b[i] < '0' || b[i] > '9' {
			return 0, false
		}
	}
	hours, minutes := time.Duration(b[1]-'0')*10+time.Duration(b[2]-'0'), time.Duration(b[4]-'0')*10+time.Duration(b[5]-'0')
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	offset := hours*time.Hour + minutes*time.Minute
	if b[0] == '-' {
		offset = -offset
	}
	return offset, true
}
