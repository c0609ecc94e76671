package main

import (
	"context"
	"fmt"
	"io"

	"tributary/pipeline/stream"
)

// tenantShown is what tenant show prints.
type tenantShown struct {
	tenantRow
	Feeds []stream.FeedStatus `json:"feeds"`
}

func (c *cli) tenantShow(ctx context.Context, slug string) error {
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, _, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	statuses, err := feedStatuses(ctx, i.store)
	if err != nil {
		return err
	}
	shown := tenantShown{newTenantRow(t, statuses), []stream.FeedStatus{}}
	for _, feed := range t.Feeds() {
		st, ok := statuses[feed]
		if !ok {
			cursor, err := i.store.Cursor(ctx, feed)
			if err != nil {
				return err
			}
			st = stream.FeedStatus{Tenant: feed.Tenant, Source: feed.Source, Watermark: cursor.Watermark}
		}
		shown.Feeds = append(shown.Feeds, st)
	}
	return c.print(shown, func(w io.Writer) {
		row(w, "tenant", t.Slug)
		if t.Name != "" {
			row(w, "name", t.Name)
		}
		row(w, "tenant id", t.ID)
		row(w, "auth", string(t.Auth))
		row(w, "cloud", orDefault(t.Cloud))
		row(w, "app", orDefault(t.App))
		if t.Region != "" {
			row(w, "region", t.Region)
		}
		if len(t.Labels) > 0 {
			row(w, "labels", labelText(t.Labels))
		}
		row(w, "managed by", map[bool]string{true: "the configuration file", false: "commands"}[t.FromFile])
		row(w, "state", shown.State)
		for _, f := range shown.Feeds {
			row(w, "")
			row(w, "source", string(f.Source))
			row(w, "  read up to", moment(f.Watermark))
			row(w, "  last poll", moment(f.LastPoll))
			row(w, "  next poll", moment(f.NextPoll))
			row(w, "  fetched since start", fmt.Sprint(f.Fetched))
			if f.Problem != nil {
				row(w, "  problem", withoutTenant(f.Problem.Text, t.Slug))
				row(w, "  who can mend it", f.Problem.Fix.String())
				if f.Problem.Next != "" {
					row(w, "  next", f.Problem.Next)
				}
			}
		}
	})
}
