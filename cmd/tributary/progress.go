package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progress tells on stderr how far something has come: a bar where that is a
// terminal, elsewhere a line now and then. One goroutine at a time uses it.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	part     string
	last     time.Time
}

// Between two lines, and two pictures of the bar.
const (
	linePause = 5 * time.Second
	barPause  = 100 * time.Millisecond
	barWidth  = 30
)

func (c *cli) newProgress() *progress {
	f, ok := c.stderr.(*os.File)
	return &progress{out: c.stderr, terminal: ok && term.IsTerminal(int(f.Fd())), now: time.Now}
}

// tell is for each thing that is done. The last of a part is always told.
func (p *progress) tell(part string, done, of int) {
	pause := linePause
	if p.terminal {
		pause = barPause
	}
	at := p.now()
	if part != p.part {
		p.part = part
		if !p.terminal {
			p.last = at // a part that is done at once has its last line alone
		}
	}
	if done < of && at.Sub(p.last) < pause {
		return
	}
	p.last = at
	if !p.terminal {
		_, _ = fmt.Fprintf(p.out, "%s: %d of %d\n", part, done, of)
		return
	}
	full := barWidth * done / of
	end := ""
	if done == of {
		end = "\n"
	}
	_, _ = fmt.Fprintf(p.out, "\r%-8s [%s%s] %d of %d%s", part, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), done, of, end)
}
