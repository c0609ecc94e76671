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
		Short: "Show how the running instance does",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.status(cmd.Context()) },
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
	i, err := c.open(ctx)
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
	return c.print(o, func(w io.Writer) {
		row(w, "instance", map[bool]string{true: "running", false: "not running: tributary run"}[o.Running])
		row(w, "tenants", fmt.Sprintf("%d, of which %d with a problem and %d paused", o.Tenants, len(o.Problems), o.Paused))
		row(w, "fetched since start", fmt.Sprint(o.Fetched))
		row(w, "stream", fmt.Sprintf("%d MiB of %d MiB", o.StreamBytes>>20, o.StreamMax>>20))
		for _, lane := range o.Destinations {
			row(w, "destination "+lane.Destination, laneText(lane))
			if lane.Problem != nil {
				row(w, "", lane.Problem.Text)
				row(w, "", "next: "+lane.Problem.Next)
			}
		}
		for _, r := range o.Problems {
			row(w, "tenant "+r.Slug, r.Problem.Text)
			row(w, "", r.Problem.Fix.String()+": "+r.Problem.Next)
		}
	})
}

func laneText(l stream.LaneStatus) string {
	return fmt.Sprintf("%d delivered, %d refused, %d waiting, last receipt %s", l.Delivered, l.Refused, l.Pending, ago(l.LastReceipt))
}
