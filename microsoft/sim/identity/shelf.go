package identity

import (
	"container/list"
	"sync"
	"time"
)

// shelf keeps things under unguessable names for a while: all for the same
// time, so the oldest is always the next to go, and never more than a number.
type shelf[T any] struct {
	mu    sync.Mutex
	now   func() time.Time
	life  time.Duration
	limit int
	items map[string]*list.Element
	order *list.List // of shelved[T], oldest first
}

type shelved[T any] struct {
	name    string
	thing   T
	expires time.Time
}

func newShelf[T any](now func() time.Time, life time.Duration, limit int) *shelf[T] {
	return &shelf[T]{now: now, life: life, limit: limit, items: map[string]*list.Element{}, order: list.New()}
}

// put keeps a thing. A full shelf drops its oldest.
func (s *shelf[T]) put(name string, thing T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	s.drop(s.items[name])
	for s.order.Len() >= s.limit {
		s.drop(s.order.Front())
	}
	s.items[name] = s.order.PushBack(shelved[T]{name, thing, s.now().Add(s.life)})
}

// get returns the thing of that name, if it is still there.
func (s *shelf[T]) get(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	if e := s.items[name]; e != nil {
		return e.Value.(shelved[T]).thing, true
	}
	var none T
	return none, false
}

// take is get, and the thing is gone.
func (s *shelf[T]) take(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	e := s.items[name]
	if e == nil {
		var none T
		return none, false
	}
	s.drop(e)
	return e.Value.(shelved[T]).thing, true
}

// sweep drops what has expired. The caller holds the lock.
func (s *shelf[T]) sweep() {
	now := s.now()
	for e := s.order.Front(); e != nil && !now.Before(e.Value.(shelved[T]).expires); e = s.order.Front() {
		s.drop(e)
	}
}

func (s *shelf[T]) drop(e *list.Element) {
	if e == nil {
		return
	}
	delete(s.items, e.Value.(shelved[T]).name)
	s.order.Remove(e)
}
