package main

import (
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, 0)
	show := func(terminal bool, step time.Duration) string {
		var b strings.Builder
		p := &progress{out: &b, terminal: terminal, now: func() time.Time { return at }}
		for _, part := range []string{"look up", "add"} {
			for done := 1; done <= 4; done++ {
				at = at.Add(step)
				p.tell(part, done, 4)
			}
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		terminal bool
		step     time.Duration
		want     string
	}{
		"lines, quick": {false, time.Millisecond, "look up: 4 of 4\nadd: 4 of 4\n"},
		"lines, slow":  {false, 3 * time.Second, "look up: 3 of 4\nlook up: 4 of 4\nadd: 3 of 4\nadd: 4 of 4\n"},
		"bar, quick": {true, time.Millisecond, "\rlook up  [=======                       ] 1 of 4" +
			"\rlook up  [==============================] 4 of 4\n\radd      [==============================] 4 of 4\n"},
	} {
		if got := show(c.terminal, c.step); got != c.want {
			t.Errorf("%s:\n%q\nwant\n%q", name, got, c.want)
		}
	}
}
