package identity

import (
	"strconv"
	"testing"
	"time"
)

func TestShelf(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Unix(0, 0)}
	s := newShelf[int](c.Now, time.Minute, 3)
	has := func(name string, want bool) {
		t.Helper()
		if _, ok := s.get(name); ok != want {
			t.Errorf("%s: %v", name, ok)
		}
	}
	for i := range 4 {
		s.put(strconv.Itoa(i), i)
	}
	has("0", false) // pushed out
	has("1", true)
	if v, ok := s.take("2"); !ok || v != 2 {
		t.Errorf("took %d, %v", v, ok)
	}
	has("2", false)
	c.Add(30 * time.Second)
	s.put("1", 11) // renewed, so it outlives its neighbour
	c.Add(30 * time.Second)
	has("3", false)
	has("1", true)
	c.Add(30 * time.Second)
	has("1", false)
	if s.order.Len() != 0 || len(s.items) != 0 {
		t.Errorf("%d and %d left", s.order.Len(), len(s.items))
	}
}
