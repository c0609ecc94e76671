package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
		c.tenantAddCommand(), c.tenantConnectCommand(), c.tenantCheckCommand(),
		&cobra.Command{
			Use: "list", Short: "List every customer with how its feeds do", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.tenantList(cmd.Context()) },
		},
		&cobra.Command{
			Use: "show <tenant>", Short: "Show all that is known of one customer", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.tenantShow(cmd.Context(), args[0]) },
		},
		&cobra.Command{
			Use: "pause <tenant>", Short: "Stop polling a customer; its place is kept", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.tenantPause(cmd.Context(), args[0], true) },
		},
		&cobra.Command{
			Use: "resume <tenant>", Short: "Poll a paused customer again, from where it stopped", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.tenantPause(cmd.Context(), args[0], false) },
		},
		c.tenantRemoveCommand(),
	)
	return cmd
}

// sameTenant compares two records as they are stored.
func sameTenant(a, b tributary.Tenant) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
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

func (c *cli) tenantList(ctx context.Context) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	rows, err := tenantRows(ctx, i.store)
	if err != nil {
		return err
	}
	if len(rows) == 0 && c.output == "table" {
		c.say("no tenant yet: tributary tenant add <domain>")
		return nil
	}
	return c.print(rows, func(w io.Writer) {
		row(w, "TENANT", "AUTH", "SOURCES", "STATE", "FETCHED", "LAST POLL", "PROBLEM")
		for _, r := range rows {
			row(w, r.Slug, string(r.Auth), sourceNames(r.Sources), r.State, fmt.Sprint(r.Fetched), ago(r.LastPoll), problemText(r.Problem))
		}
	})
}

func (c *cli) tenantShow(ctx context.Context, slug string) error {
	i, err := c.open(ctx)
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
	shown := struct {
		tenantRow
		Feeds []stream.FeedStatus `json:"feeds"`
	}{newTenantRow(t, statuses), []stream.FeedStatus{}}
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
		row(w, "labels", labelText(t.Labels))
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
				row(w, "  problem", f.Problem.Text)
				row(w, "  who can mend it", f.Problem.Fix.String())
				row(w, "  next", f.Problem.Next)
			}
		}
	})
}

func (c *cli) tenantPause(ctx context.Context, slug string, paused bool) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, revision, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	word := map[bool]string{true: "paused", false: "resumed"}[paused]
	if t.Paused == paused {
		c.say("%s is %s already", slug, map[bool]string{true: "paused", false: "active"}[paused])
		return nil
	}
	t.Paused = paused
	if _, err := i.store.PutTenant(ctx, t, revision); err != nil {
		return err
	}
	i.audit(ctx, "command", slug, "tenant "+word, "")
	c.say("%s is %s", slug, word)
	return nil
}

func (c *cli) tenantRemoveCommand() *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "remove <tenant>",
		Short: "Forget a customer",
		Long: `Remove stops polling a customer and erases its refresh token. Alerts that were
fetched stay in the stream until they have been delivered and are older than
the retention; --purge erases them at once, delivered or not.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.tenantRemove(cmd.Context(), args[0], purge) },
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "erase the customer's alerts and cursors too")
	return cmd
}

func (c *cli) tenantRemove(ctx context.Context, slug string, purge bool) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, _, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	if t.FromFile {
		return &tributary.Error{
			Code: "tenant-from-file", Op: "remove the tenant", Tenant: slug, Err: errors.New("the configuration file manages it"),
			Fix: tributary.FixMSSP, Next: "remove it from " + c.configPath + " and restart, or pause it",
		}
	}
	if err := i.store.RemoveTenant(ctx, slug); err != nil {
		return err
	}
	if err := i.store.RemoveGrant(ctx, slug); err != nil {
		return err
	}
	if purge {
		for _, feed := range t.Feeds() {
			if err := i.store.Purge(ctx, feed); err != nil {
				return err
			}
		}
	}
	i.audit(ctx, "command", slug, "tenant removed", map[bool]string{true: "alerts purged"}[purge])
	c.say("%s is removed", slug)
	return nil
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
