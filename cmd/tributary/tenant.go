package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/pipeline/stream"
)

func (c *cli) tenantCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tenant",
		Short: "Connect customers and look after them",
	}
	cmd.AddCommand(
		c.tenantAddCommand(), c.tenantImportCommand(), c.tenantExportCommand(), c.tenantConnectCommand(), c.tenantInvitesCommand(), c.tenantCheckCommand(),
		&cobra.Command{
			Use: "list", Short: "List every customer and how it is doing", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.tenantList(cmd.Context()) },
		},
		&cobra.Command{
			Use: "show <tenant>", Short: "Show all that is known of one customer", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.tenantShow(cmd.Context(), args[0]) },
		},
		c.tenantOpenCommand(), c.tenantAccessCommand(), c.tenantCalendarCommand(),
		c.tenantPauseCommand(), c.tenantResumeCommand(), c.tenantRemoveCommand(),
	)
	return cmd
}

// tenantRow is one customer in a list.
type tenantRow struct {
	tributary.Tenant
	Fetched   uint64          `json:"fetched"`
	LastPoll  time.Time       `json:"last_poll,omitzero"`
	State     string          `json:"state"` // ok, waiting, paused, problem
	Problem   *stream.Problem `json:"problem,omitempty"`
	Watermark time.Time       `json:"watermark,omitzero"`
}

// tenantRows joins the tenants with how their feeds do.
func tenantRows(ctx context.Context, store *stream.Store) ([]tenantRow, error) {
	tenants, err := store.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	statuses, err := feedStatuses(ctx, store)
	if err != nil {
		return nil, err
	}
	rows := []tenantRow{}
	for _, t := range tenants {
		rows = append(rows, newTenantRow(t, statuses))
	}
	return rows, nil
}

// feedStatuses is empty when nothing is running: the status lives in memory.
func feedStatuses(ctx context.Context, store *stream.Store) (map[tributary.Feed]stream.FeedStatus, error) {
	list, err := store.FeedStatuses(ctx)
	if err != nil {
		return nil, err
	}
	statuses := map[tributary.Feed]stream.FeedStatus{}
	for _, st := range list {
		statuses[tributary.Feed{Tenant: st.Tenant, Source: st.Source}] = st
	}
	return statuses, nil
}

func newTenantRow(t tributary.Tenant, statuses map[tributary.Feed]stream.FeedStatus) tenantRow {
	r := tenantRow{Tenant: t, State: "waiting"}
	for _, feed := range t.Feeds() {
		st, ok := statuses[feed]
		if !ok {
			continue
		}
		r.Fetched += st.Fetched
		if st.LastPoll.After(r.LastPoll) {
			r.LastPoll = st.LastPoll
		}
		if r.Watermark.IsZero() || st.Watermark.Before(r.Watermark) {
			r.Watermark = st.Watermark
		}
		if r.State == "waiting" {
			r.State = "ok"
		}
		if st.Problem != nil {
			r.State, r.Problem = "problem", st.Problem
		}
	}
	if t.Paused {
		r.State, r.Problem = "paused", nil
	}
	return r
}

// noTenant is for a command that has nothing to show.
const noTenant = "no tenant yet: tributary tenant add <domain>"

func (c *cli) tenantList(ctx context.Context) error {
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	rows, err := tenantRows(ctx, i.store)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		c.say(noTenant)
	}
	return c.print(rows, func(w io.Writer) {
		if len(rows) == 0 {
			return
		}
		row(w, "TENANT", "AUTH", "SOURCES", "STATE", "FETCHED", "LAST POLL", "PROBLEM")
		for _, r := range rows {
			row(w, r.Slug, string(r.Auth), sourceNames(r.Sources), r.State, fmt.Sprint(r.Fetched), ago(r.LastPoll), problemText(r.Problem))
		}
	})
}

func sourceNames(sources []tributary.Source) string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = string(s)
	}
	return strings.Join(names, ",")
}

func orDefault(name string) string {
	if name == "" {
		return "(default)"
	}
	return name
}

func labelText(labels map[string]string) string {
	var parts []string
	for k, v := range labels {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// withoutTenant spares the reader a name that stands before the text already.
func withoutTenant(text, slug string) string { return strings.TrimPrefix(text, slug+": ") }

func problemText(p *stream.Problem) string {
	if p == nil {
		return ""
	}
	return p.Code
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// ago is how long ago something was, for people.
func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return time.Since(t).Round(time.Second).String() + " ago"
}
