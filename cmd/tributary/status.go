package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tributary/pipeline/stream"
)

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how all is going: tenants, destinations, the stream",
		Long: `Status shows whether an instance is running, what it has fetched and delivered,
how full the stream is, and every problem with who can mend it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.status(cmd.Context()) },
	}
}

// overview is what status prints.
type overview struct {
	Running      bool                `json:"running"`
	Tenants      int                 `json:"tenants"`
	Problems     []tenantRow         `json:"problems"`
	Paused       int                 `json:"paused"`
	Fetched      uint64              `json:"fetched"`
	Destinations []stream.LaneStatus `json:"destinations"`
	StreamBytes  uint64              `json:"stream_bytes"`
	StreamMax    uint64              `json:"stream_max_bytes"`
}

func (c *cli) status(ctx context.Context) error {
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	rows, err := tenantRows(ctx, i.store)
	if err != nil {
		return err
	}
	lanes, err := i.store.LaneStatuses(ctx)
	if err != nil {
		return err
	}
	if lanes == nil {
		lanes = []stream.LaneStatus{}
	}
	usage, err := i.store.Usage(ctx)
	if err != nil {
		return err
	}
	o := overview{
		Running: !i.store.Running(), // the store is ours only when nobody else has it
		Tenants: len(rows), Problems: []tenantRow{}, Destinations: lanes,
		StreamBytes: usage.Bytes, StreamMax: usage.MaxBytes,
	}
	for _, r := range rows {
		o.Fetched += r.Fetched
		switch r.State {
		case "problem":
			o.Problems = append(o.Problems, r)
		case "paused":
			o.Paused++
		}
	}
	return c.print(o, func(w io.Writer) { o.table(w) })
}

func (o overview) table(w io.Writer) {
	row(w, "instance", map[bool]string{true: "running", false: "not running: tributary run"}[o.Running])
	row(w, "tenants", fmt.Sprintf("%d, of which %d with a problem and %d paused", o.Tenants, len(o.Problems), o.Paused))
	if o.Running {
		row(w, "fetched since start", count(int(o.Fetched), "alert"))
	}
	row(w, "stream", fmt.Sprintf("%s of %s", size(o.StreamBytes), size(o.StreamMax)))
	for _, lane := range o.Destinations {
		row(w, "destination "+lane.Destination, laneText(lane))
		if lane.Problem != nil {
			row(w, "", lane.Problem.Text)
			if lane.Problem.Next != "" {
				row(w, "", "next: "+lane.Problem.Next)
			}
		}
	}
	for _, r := range o.Problems {
		row(w, "tenant "+r.Slug, withoutTenant(r.Problem.Text, r.Slug))
		row(w, "", problemNext(r.Problem))
	}
}

// problemNext is who can mend a running instance's problem, and how.
func problemNext(p *stream.Problem) string {
	if p.Next == "" {
		return p.Fix.String()
	}
	return p.Fix.String() + ": " + p.Next
}

func laneText(l stream.LaneStatus) string {
	return fmt.Sprintf("%d delivered, %d refused, %d waiting, last receipt %s", l.Delivered, l.Refused, l.Pending, ago(l.LastReceipt))
}

// size is a number of bytes for people.
func size(bytes uint64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (bytes+1023)/1024)
}
