package config

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	durationForm = regexp.MustCompile(`^([0-9]{1,9}(d|h|ms|m|s))+$`)
	durationPart = regexp.MustCompile(`([0-9]+)(d|h|ms|m|s)`)
	sizeForm     = regexp.MustCompile(`(?i)^([0-9]{1,19}) ?(|b|kb|mb|gb|tb|kib|mib|gib|tib)$`)
)

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

var sizeUnits = map[string]uint64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseDuration reads 90s, 1h30m, 7d or 0. A day has 24 hours.
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if !durationForm.MatchString(s) {
		return 0, errors.New("not a duration: write a number and a unit, such as 90s, 10m, 1h30m or 7d")
	}
	var sum time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(s, -1) {
		n, err := strconv.ParseInt(part[1], 10, 64)
		unit := durationUnits[part[2]]
		if err != nil || n > int64((math.MaxInt64-sum)/unit) {
			return 0, errors.New("longer than a duration can be: write at most 100000d")
		}
		sum += time.Duration(n) * unit
	}
	return sum, nil
}

// ParseSize reads a number of bytes: 10GiB, 500MB or 1048576.
func ParseSize(s string) (int64, error) {
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return 0, errors.New("not a size: write a whole number and a unit, such as 10GiB, 500MB or 1048576")
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	over, bytes := bits.Mul64(n, sizeUnits[strings.ToLower(m[2])])
	if err != nil || over > 0 || bytes > math.MaxInt64 {
		return 0, errors.New("larger than a size can be: write at most 8000000TiB")
	}
	return int64(bytes), nil
}

// formatDuration writes a duration as the file would.
func formatDuration(d time.Duration) string {
	var b strings.Builder
	for _, unit := range []string{"d", "h", "m", "s", "ms"} {
		if n := d / durationUnits[unit]; n > 0 && (unit != "d" || d%durationUnits[unit] == 0) {
			fmt.Fprintf(&b, "%d%s", n, unit)
			d -= n * durationUnits[unit]
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// formatSize writes a size as the file would.
func formatSize(n int64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if by := int64(sizeUnits[strings.ToLower(unit)]); n >= by && n%by == 0 {
			return strconv.FormatInt(n/by, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

// duration checks a duration from least to most.
func (p *parse) duration(t *amountText, def, least, most time.Duration) time.Duration {
	if !t.ok() {
		return def
	}
	d, err := ParseDuration(t.value)
	if err != nil {
		p.amount(t, err)
		return def
	}
	if d < least || d > most {
		p.report(t.place, t.shown()+" is out of range", "use "+formatDuration(least)+" to "+formatDuration(most))
		return def
	}
	return d
}

// size checks a number of bytes, least at the fewest.
func (p *parse) size(t *amountText, def, least int64) int64 {
	if !t.ok() {
		return def
	}
	n, err := ParseSize(t.value)
	if err != nil {
		p.amount(t, err)
		return def
	}
	if n < least {
		p.report(t.place, t.shown()+" is too little", "use "+formatSize(least)+" or more")
		return def
	}
	return n
}

// amount reports an amount that can't be read. Its error has two halves: what
// is wrong, and what to write.
func (p *parse) amount(t *amountText, err error) {
	what, next, _ := strings.Cut(err.Error(), ": ")
	p.report(t.place, t.shown()+" is "+what, next)
}
