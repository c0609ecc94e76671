package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/connect"
)

func (c *cli) tenantCalendarCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "calendar",
		Short: "List what expires when, across all customers",
		Long: `Calendar lists what expires when, the nearest first: the certificates of the
applications, and the refresh tokens of customers where a person signed in, which
end after 90 days without use. It warns at 60 days (ahead), 30 (soon) and 7
(urgent). The end of a client secret is known to the directory alone: the Entra
admin center shows it.

It exits with 3 if something has expired or does within 7 days.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.tenantCalendar(cmd.Context()) },
	}
}

func (c *cli) tenantCalendar(ctx context.Context) error {
	i, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	tenants, err := i.store.Tenants(ctx)
	if err != nil {
		return err
	}
	var apps []tributary.App
	for _, name := range slices.Sorted(maps.Keys(i.cfg.Apps)) {
		apps = append(apps, i.cfg.Apps[name])
	}
	list, err := i.connect.Calendar(ctx, apps, tenants, time.Now())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		c.say("nothing here expires: there is no application and nobody has signed in")
	}
	err = c.print(list, func(w io.Writer) {
		if len(list) == 0 {
			return
		}
		row(w, "ENDS", "DAYS", "", "WHAT", "WHOSE", "CUSTOMERS", "NEXT")
		for _, e := range list {
			ends, days, mark := "unknown", "-", ""
			if !e.Ends.IsZero() {
				ends, days = e.Ends.Format(time.DateOnly), fmt.Sprint(e.Days)
			}
			if e.Urgency != connect.Fine && e.Urgency != connect.Unknown {
				mark = string(e.Urgency)
			}
			whose := e.Tenant
			if whose == "" {
				whose = "application " + orDefault(e.App)
			}
			row(w, ends, days, mark, e.Kind, whose, fmt.Sprint(e.Tenants), e.Next)
		}
	})
	late := slices.ContainsFunc(list, func(e connect.Expiry) bool { return e.Urgency == connect.Urgent || e.Urgency == connect.Expired })
	if err == nil && late {
		return errNotRight
	}
	return err
}
