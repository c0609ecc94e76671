package fault

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"tributary"
)

// Box holds the faults in force and draws for each request. It is safe for
// concurrent use.
//
// What happens to the n-th request of a tenant to an API depends on the seed,
// the list and n alone, not on what other tenants do at the same time; only a
// Count is shared.
type Box struct {
	seed uint64

	mu   sync.Mutex
	list []Fault
	left []int // of a Count; -1: no limit
	seen map[feed]uint64
	set  uint64 // how often the list was set
}

type feed struct {
	tenant string
	source tributary.Source
}

// New returns a box without faults.
func New(seed uint64) *Box { return &Box{seed: seed, seen: map[feed]uint64{}} }

// Set replaces the list.
func (b *Box) Set(list []Fault) error {
	if err := Check(list); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list, b.left = slices.Clone(list), make([]int, len(list))
	for i, f := range list {
		b.left[i] = f.Count
		if f.Count == 0 {
			b.left[i] = -1
		}
	}
	b.seen = map[feed]uint64{}
	b.set++
	return nil
}

// List is the list in force.
func (b *Box) List() []Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list)
}

// Strike is what happens to one request.
type Strike struct {
	Delay time.Duration // before the answer
	Fault *Fault        // nil: nothing else
	// Draw is a number from 0 to 1 for whatever else is to be chosen, such as
	// where a body is cut.
	Draw float64
}

// Draw decides about the next request of a tenant, which goes by an id and a
// slug, to an API.
func (b *Box) Draw(tenantID, slug string, source tributary.Source) Strike {
	b.mu.Lock()
	defer b.mu.Unlock()
	var s Strike
	if len(b.list) == 0 {
		return s
	}
	at := feed{tenantID, source}
	n := b.seen[at]
	b.seen[at]++
	pcg := rand.NewPCG(b.seed^hash(tenantID+"/"+string(source)), n<<8|b.set)
	unit := func() float64 { return float64(pcg.Uint64()>>11) / (1 << 53) }
	s.Draw = unit()
	for i := range b.list {
		f := &b.list[i]
		// Each fault takes its number, so that one fault's doings don't move
		// the draws of the next.
		drawn := unit()
		if !f.applies(tenantID, slug, source) || b.left[i] == 0 || f.Probability > 0 && drawn >= f.Probability {
			continue
		}
		if f.Kind != Slow && s.Fault != nil {
			continue
		}
		if b.left[i] > 0 {
			b.left[i]--
		}
		if f.Kind == Slow {
			s.Delay += time.Duration(f.Delay)
			if f.Delay == 0 {
				s.Delay += time.Second
			}
			continue
		}
		copied := *f
		s.Fault = &copied
	}
	return s
}

func (f *Fault) applies(tenantID, slug string, source tributary.Source) bool {
	switch {
	case f.Kind == RevokedGrant || f.Kind == ClockSkew:
		return false
	case f.Tenant != "" && !strings.EqualFold(f.Tenant, tenantID) && f.Tenant != slug:
		return false
	case f.Source == "":
		return !plain(source)
	}
	return f.Source == source
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
