package invite

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A person needs four requests to let us in, and a few more to read and to try
// again. An office may share an address.
const (
	burst        = 40
	perSecond    = 0.5
	maxAddresses = 10_000
)

// limiter bounds the requests of each address.
type limiter struct {
	now     func() time.Time
	proxied bool

	mu   sync.Mutex
	by   map[netip.Prefix]*rate.Limiter
	rest *rate.Limiter // of all that the table has no room for
}

func newLimiter(now func() time.Time, proxied bool) *limiter {
	return &limiter{now: now, proxied: proxied, by: map[netip.Prefix]*rate.Limiter{}, rest: rate.NewLimiter(perSecond, burst)}
}

func (l *limiter) allow(r *http.Request) bool {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of(l.address(r), now).AllowN(now, 1)
}

func (l *limiter) of(from netip.Prefix, now time.Time) *rate.Limiter {
	if one := l.by[from]; one != nil {
		return one
	}
	if len(l.by) >= maxAddresses {
		for address, one := range l.by {
			if one.TokensAt(now) >= burst { // has been quiet for long
				delete(l.by, address)
			}
		}
	}
	if len(l.by) >= maxAddresses {
		return l.rest
	}
	one := rate.NewLimiter(perSecond, burst)
	l.by[from] = one
	return one
}

// address is who asks: an IPv4 address, or an IPv6 network of 64 bits, which
// is what one customer has. Behind a proxy of this machine it is the last that
// the proxy names: what stands before it, anybody can write.
func (l *limiter) address(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err == nil && l.proxied && ip.Unmap().IsLoopback() {
		if list := r.Header.Values("X-Forwarded-For"); len(list) > 0 {
			last := list[len(list)-1]
			if named, nerr := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); nerr == nil {
				ip = named
			}
		}
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, _ := ip.Prefix(bits) // the zero address has the zero prefix
	return prefix
}
