package main

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/config"
	"tributary/siem/format"
)

func (c *cli) fetchCommand() *cobra.Command {
	var source, since, formatName string
	cmd := &cobra.Command{
		Use:   "fetch <tenant>",
		Short: "Fetch a customer's alerts once and print them as NDJSON",
		Long: `Fetch reads a customer's alerts of the last hours and prints them on stdout, one
a line; how it goes is told on stderr. It changes nothing: neither the customer's
place in the stream nor what is delivered.`,
		Example: `  tributary fetch contoso --source graph --since 24h > alerts.ndjson`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.fetch(cmd.Context(), args[0], source, since, formatName)
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "the `API` to read: graph, endpoint or siem (default: all of the tenant's)")
	cmd.Flags().StringVar(&since, "since", "24h", "how far back: a `duration` such as 90m, 24h or 7d")
	cmd.Flags().StringVar(&formatName, "format", format.NameRaw, "the `format` of the printed alerts: raw or ecs")
	return cmd
}

func (c *cli) fetch(ctx context.Context, slug, source, since, formatName string) error {
	write, err := format.ByName(formatName)
	if err != nil {
		return &usageError{"tributary fetch", err}
	}
	span, err := config.ParseDuration(since)
	if err != nil {
		return &usageError{"tributary fetch", fmt.Errorf("--since %q: %w", since, err)}
	}
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, _, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	sources := t.Sources
	if source != "" {
		s, err := tributary.ParseSource(source)
		if err != nil {
			return &usageError{"tributary fetch", err}
		}
		sources = []tributary.Source{s}
	}
	out := bufio.NewWriterSize(c.stdout, 64<<10)
	for _, s := range sources {
		n, err := c.fetchSource(ctx, i, t, s, span, func(a tributary.Alert) error {
			line, err := write(&a)
			if err != nil {
				return err
			}
			_, err = out.Write(append(line, '\n'))
			return err
		})
		if n > 0 || err == nil {
			c.say("%s: %s", s, count(n, "alert"))
		}
		if err != nil {
			_ = out.Flush() // what came is good; the error matters more
			return err
		}
	}
	return out.Flush()
}

// fetchSource reads the last span of a source, every version once.
func (c *cli) fetchSource(ctx context.Context, i *instance, t tributary.Tenant, s tributary.Source, span time.Duration, yield func(tributary.Alert) error) (int, error) {
	reader, err := i.reader(t, s)
	if err != nil {
		return 0, err
	}
	seen := map[tributary.EventID]bool{}
	once := func(a tributary.Alert) error {
		if id := a.EventID(); !seen[id] {
			seen[id] = true
			return yield(a)
		}
		return nil
	}
	clock, err := reader.Read(ctx, tributary.Request{Window: tributary.Window{From: time.Now()}, Limit: 1}, func(tributary.Alert) error { return nil })
	if err != nil {
		return 0, err
	}
	from := clock.Served.Add(-span)
	for {
		window := tributary.Window{From: from}
		if limit := reader.MaxWindow(); limit > 0 && from.Add(limit).Before(clock.Served) {
			window.To = from.Add(limit)
		}
		page := tributary.Page{}
		for first := true; first || page.Next != ""; first = false {
			page, err = reader.Read(ctx, tributary.Request{Window: window, Page: page.Next}, once)
			if err != nil {
				return len(seen), err
			}
			if page.Next != "" {
				c.say("%s: %s so far", s, count(len(seen), "alert"))
			}
		}
		if window.Open() {
			return len(seen), nil
		}
		from = window.To
	}
}
