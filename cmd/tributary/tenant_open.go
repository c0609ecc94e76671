package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (c *cli) tenantOpenCommand() *cobra.Command {
	var alert string
	var noBrowser bool
	cmd := &cobra.Command{
		Use:   "open <tenant>",
		Short: "Open the customer's Defender portal",
		Long: `Open shows the customer's Defender portal in the browser, or an alert in it. The
browser is the one that the environment variable BROWSER names, otherwise the
desktop's. The address is printed too.`,
		Example: `  tributary tenant open contoso
  tributary tenant open contoso --alert da637472900382838869_1364969609`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.tenantOpen(cmd.Context(), args[0], alert, noBrowser)
		},
	}
	cmd.Flags().StringVar(&alert, "alert", "", "open this alert, by its `id`")
	cmd.Flags().BoolVar(&noBrowser, "no-browser", false, "print the address, open nothing")
	return cmd
}

func (c *cli) tenantOpen(ctx context.Context, slug, alert string, noBrowser bool) error {
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	t, _, err := i.tenant(ctx, slug)
	if err != nil {
		return err
	}
	cloud, _, err := i.cloud(t)
	if err != nil {
		return err
	}
	address := cloud.Portal + "?tid=" + t.ID
	if alert != "" {
		address = cloud.AlertURL(t.ID, alert)
	}
	if c.output == "json" {
		err = c.print(map[string]string{"url": address}, nil)
	} else {
		_, err = fmt.Fprintln(c.stdout, address)
	}
	if err != nil || noBrowser {
		return err
	}
	if err := openBrowser(address); err != nil {
		c.say("no browser could be started here: open the page by hand")
		c.logger().Debug("start a browser", "err", err)
	}
	return nil
}
