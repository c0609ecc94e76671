package alerts

import (
	"encoding/hex"
	"math/bits"
	"math/rand/v2"
	"time"
)

// The independent streams of numbers that hang off one seed. A new stream
// leaves what the others give unchanged.
const (
	streamPlan uint64 = iota + 1
	streamFacts
	streamStep
	streamDevice
	streamUser
	streamTenant
	streamPart
	streamLive
	streamScript
)

// draw gives numbers that depend on its seed and path alone. Only the
// generator comes from the library and the rest is done here, so that a new Go
// release can't change what a seed means.
type draw struct{ pcg rand.PCG }

func newDraw(seed uint64, path ...uint64) *draw {
	h := mix(seed + 0x9e3779b97f4a7c15)
	for _, p := range path {
		h = mix(h ^ mix(p+0xd1b54a32d192ed03))
	}
	d := &draw{}
	d.pcg.Seed(h, mix(h+1))
	return d
}

// mix is the finaliser of SplitMix64: every bit of x changes half of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// n is a number from 0 to limit-1.
func (d *draw) n(limit int) int {
	if limit <= 1 {
		return 0
	}
	return int(d.wide(uint64(limit)))
}

func (d *draw) wide(limit uint64) uint64 {
	hi, _ := bits.Mul64(d.pcg.Uint64(), limit)
	return hi
}

// between is a number from low to high, both included.
func (d *draw) between(low, high int) int { return low + d.n(high-low+1) }

// unit is a number in [0, 1).
func (d *draw) unit() float64 { return float64(d.pcg.Uint64()>>11) / (1 << 53) }

func (d *draw) chance(p float64) bool { return d.unit() < p }

// span is a duration in [low, high), in steps of Microsoft's tick of 100 ns.
func (d *draw) span(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(d.wide(uint64((high-low)/tick)))*tick
}

// steep is a duration in [low, high) of which short ones are far more frequent:
// each doubling is as likely as the next.
func (d *draw) steep(low, high time.Duration) time.Duration {
	doublings := bits.Len64(uint64(high/low)) - 1
	base := low << d.n(doublings+1)
	return min(d.span(base, min(2*base, high)), high-tick)
}

func (d *draw) bytes(b []byte) {
	for i := 0; i < len(b); i += 8 {
		v := d.pcg.Uint64()
		for j := i; j < len(b) && j < i+8; j++ {
			b[j] = byte(v)
			v >>= 8
		}
	}
}

// hex is a text of that many hexadecimal digits, such as a hash.
func (d *draw) hex(digits int) string {
	b := make([]byte, digits/2)
	d.bytes(b)
	return hex.EncodeToString(b)
}

// guid is a random (version 4) GUID in lower case.
func (d *draw) guid() string {
	var b [16]byte
	d.bytes(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var t [36]byte
	hex.Encode(t[:8], b[:4])
	hex.Encode(t[9:13], b[4:6])
	hex.Encode(t[14:18], b[6:8])
	hex.Encode(t[19:23], b[8:10])
	hex.Encode(t[24:], b[10:])
	t[8], t[13], t[18], t[23] = '-', '-', '-', '-'
	return string(t[:])
}

func pick[T any](d *draw, list []T) T { return list[d.n(len(list))] }
