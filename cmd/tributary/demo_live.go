package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"tributary"
	"tributary/pipeline/stream"
)

// live shows how it goes until the person ends it.
func (d *demo) live(ctx context.Context) error {
	d.cli.say("the alerts are written to %s", filepath.Join(d.dir, "alerts"))
	err := d.running(ctx, d.watch)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil {
		d.cli.say("ended")
	}
	return err
}

// watch draws a table every second on a terminal, and tells the totals in a
// line every few seconds elsewhere.
func (d *demo) watch(ctx context.Context) error {
	out, tall := terminal(d.cli.stdout)
	every := 5 * time.Second
	if out != nil {
		every = time.Second
	}
	for {
		v, err := d.view(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			if out != nil {
				_, _ = fmt.Fprint(out, "\x1b[H\x1b[J"+v.table(tall()))
			} else {
				_, _ = fmt.Fprintln(d.cli.stdout, v.line())
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

// terminal returns the writer if it is a terminal, and how many lines it has.
func terminal(w io.Writer) (out io.Writer, lines func() int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, nil
	}
	return f, func() int {
		if _, height, err := term.GetSize(int(f.Fd())); err == nil && height > 8 {
			return height
		}
		return 24
	}
}

// view is one look at the demo.
type view struct {
	rows      []viewRow
	lanes     []stream.LaneStatus
	fetched   uint64
	delivered uint64
	since     time.Duration
}

type viewRow struct {
	tenant, auth, sources string
	fetched               uint64
	delivered             int
	lag                   time.Duration
	doing                 string
}

func (d *demo) view(ctx context.Context) (view, error) {
	tenants, err := d.instance.store.Tenants(ctx)
	if err != nil {
		return view{}, err
	}
	statuses, err := feedStatuses(ctx, d.instance.store)
	if err != nil {
		return view{}, err
	}
	v := view{since: time.Since(d.begun)}
	if v.lanes, err = d.instance.store.LaneStatuses(ctx); err != nil {
		return view{}, err
	}
	counts := d.receiver.tenants()
	for _, t := range tenants {
		r := viewRow{tenant: t.Slug, auth: string(t.Auth), sources: sourceNames(t.Sources)}
		r.delivered, r.lag = counts[t.Slug].delivered, counts[t.Slug].lag
		r.doing = doing(t, statuses)
		for _, feed := range t.Feeds() {
			r.fetched += statuses[feed].Fetched
		}
		v.fetched += r.fetched
		v.delivered += uint64(r.delivered)
		v.rows = append(v.rows, r)
	}
	return v, nil
}

// doing is what happens to a tenant now, in a few words.
func doing(t tributary.Tenant, statuses map[tributary.Feed]stream.FeedStatus) string {
	text := "waits for its first turn"
	for _, feed := range t.Feeds() {
		st, ok := statuses[feed]
		switch {
		case !ok:
		case st.Problem != nil:
			return st.Problem.Code + ", tries again in " + until(st.NextPoll)
		case time.Since(st.Watermark) > 5*time.Minute:
			text = "reads its history, up to " + st.Watermark.Local().Format("15:04")
		default:
			text = "up to date, asks again in " + until(st.NextPoll)
		}
	}
	return text
}

func until(t time.Time) string {
	return max(time.Until(t), 0).Round(time.Second).String()
}

// table is the whole picture, in as many lines as there are.
func (v view) table(lines int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Tributary demo · a simulated Microsoft · %s · Ctrl-C ends it\n\n", v.since.Round(time.Second))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row(w, "CUSTOMER", "CONNECTED BY", "SOURCE", "FETCHED", "DELIVERED", "LAG", "NOW")
	shown := v.rows
	if room := max(lines-7-len(v.lanes), 1); len(shown) > room {
		shown = shown[:room]
	}
	for _, r := range shown {
		row(w, r.tenant, r.auth, r.sources, fmt.Sprint(r.fetched), fmt.Sprint(r.delivered), lagText(r.lag), r.doing)
	}
	_ = w.Flush() // to memory
	if hidden := len(v.rows) - len(shown); hidden > 0 {
		fmt.Fprintf(&b, "… and %d customers more\n", hidden)
	}
	b.WriteByte('\n')
	for _, lane := range v.lanes {
		fmt.Fprintf(&b, "to %s: %d delivered, %d waiting%s\n", lane.Destination, lane.Delivered, lane.Pending, problemSuffix(lane.Problem))
	}
	fmt.Fprintf(&b, "in all: %d fetched, %d delivered", v.fetched, v.delivered)
	return b.String()
}

// line is the totals, for a log.
func (v view) line() string {
	problems := 0
	for _, r := range v.rows {
		if strings.Contains(r.doing, "tries again") {
			problems++
		}
	}
	return fmt.Sprintf("%s: %d customers, %d fetched, %d delivered, %d customers with a problem",
		v.since.Round(time.Second), len(v.rows), v.fetched, v.delivered, problems)
}

func lagText(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(10 * time.Millisecond).String()
}

func problemSuffix(p *stream.Problem) string {
	if p == nil {
		return ""
	}
	return ", " + p.Code
}
