package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tributary"
	"tributary/config"
	"tributary/pipeline/stream"
)

func (c *cli) destinationCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "destination", Short: "Look after where alerts go"}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List every destination and how it is doing", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.destinationList(cmd.Context()) },
		},
		&cobra.Command{
			Use:   "test <destination>",
			Short: "Send one clearly marked test alert",
			Long: `Test sends one alert that says it is a test, in the destination's own format and
over its own protocol, and waits for the destination to confirm it. It passes by
the stream: nothing that waits there is touched.`,
			Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.destinationTest(cmd.Context(), args[0]) },
		},
	)
	return cmd
}

// destinationRow is one destination in a list.
type destinationRow struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Format      string `json:"format"`
	DeadLetters uint64 `json:"dead_letters"`
	stream.LaneStatus
}

func (c *cli) destinationList(ctx context.Context) error {
	i, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer i.close()
	statuses, err := i.store.LaneStatuses(ctx)
	if err != nil {
		return err
	}
	rows := []destinationRow{}
	for _, d := range i.cfg.Destinations {
		r := destinationRow{Name: d.Base().Name, Type: typeName(d), Format: d.Base().Format}
		for _, st := range statuses {
			if st.Destination == r.Name {
				r.LaneStatus = st
			}
		}
		r.Destination = r.Name
		if r.DeadLetters, err = i.store.DeadLetters(ctx, r.Name); err != nil {
			return err
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		c.say("no destination is configured: add one to %s", c.configPath)
	}
	return c.print(rows, func(w io.Writer) {
		if len(rows) == 0 {
			return
		}
		row(w, "DESTINATION", "TYPE", "FORMAT", "DELIVERED", "WAITING", "DEAD LETTERS", "LAST RECEIPT", "PROBLEM")
		for _, r := range rows {
			row(w, r.Name, r.Type, r.Format, fmt.Sprint(r.Delivered), fmt.Sprint(r.Pending), fmt.Sprint(r.DeadLetters), ago(r.LastReceipt), problemText(r.Problem))
		}
	})
}

// testWait is how long a test waits for the destination's confirmation.
const testWait = 2 * time.Minute

func (c *cli) destinationTest(ctx context.Context, name string) error {
	cfg, err := config.Load(c.configPath)
	if err != nil {
		return err
	}
	var found config.Destination
	for _, d := range cfg.Destinations {
		if d.Base().Name == name {
			found = d
		}
	}
	if found == nil {
		return &tributary.Error{
			Code: "destination-unknown", Op: "test destination " + name, Err: errors.New("the configuration has none of that name"),
			Fix: tributary.FixMSSP, Next: "tributary destination list shows the names",
		}
	}
	d, err := c.destination(&instance{cfg: cfg, log: c.logger()}, found)
	if err != nil {
		return err
	}
	defer d.Sender.Close()
	alert := testAlert(time.Now().UTC())
	body, err := d.Format(alert)
	if err != nil {
		return fmt.Errorf("write the test alert in the format %s: %w", found.Base().Format, err)
	}
	ctx, cancel := context.WithTimeout(ctx, testWait)
	defer cancel()
	begun := time.Now()
	result, err := d.Sender.Send(ctx, []tributary.Record{{Alert: alert, Body: body}})
	if err == nil && len(result.Refused) > 0 {
		err = &tributary.SendError{
			Kind: tributary.SendMisconfigured, Err: errors.New("it refused the test alert: " + result.Refused[0].Reason),
			Next: "such alerts become dead letters: check the destination's settings",
		}
	}
	if err != nil {
		return testFailed(name, inUse(ctx, cfg, found), err)
	}
	t := tested{
		Destination: name, EventID: alert.EventID().String(), Answer: result.Answer,
		Milliseconds: time.Since(begun).Milliseconds(),
	}
	c.say("%s confirmed the test alert after %d ms: %s", name, t.Milliseconds, t.answer())
	c.say("look there for the event id %s", t.EventID)
	if c.output == "json" {
		return c.print(t, nil)
	}
	return nil
}

// tested is what destination test prints.
type tested struct {
	Destination  string `json:"destination"`
	EventID      string `json:"event_id"`
	Answer       string `json:"answer"`
	Milliseconds int64  `json:"milliseconds"`
}

func (t tested) answer() string {
	if t.Answer == "" {
		return "no words of its own"
	}
	return t.Answer
}

// inUse reports whether a running instance has the destination to itself, as
// it has the folder of its files.
func inUse(ctx context.Context, cfg *config.Config, d config.Destination) bool {
	if _, ok := d.(config.File); !ok {
		return false
	}
	store, err := stream.Connect(ctx, cfg.Store.Dir, nil)
	return err == nil && store.Close() == nil
}

// testFailed says what kept a test alert from arriving.
func testFailed(name string, inUse bool, err error) error {
	failure := tributary.AsSendError(err)
	e := &tributary.Error{
		Code: "destination-" + string(failure.Kind), Op: "test destination " + name, Err: failure.Err, Fix: tributary.FixMSSP, Next: failure.Next,
	}
	switch {
	case inUse:
		e.Next = "tributary run is delivering into this folder, and tributary destination list shows how; to test it all the same, stop tributary run"
	case e.Next == "":
		e.Next = "check that the destination runs and that this machine reaches it, then try again"
	}
	return e
}

// testAlert is an alert that nobody can take for a real one.
func testAlert(now time.Time) *tributary.Alert {
	const id = "tributary-destination-test"
	stamp := now.Format(time.RFC3339Nano)
	return &tributary.Alert{
		Version:  tributary.Version{TenantID: "00000000-0000-0000-0000-000000000000", Source: tributary.SourceGraph, ID: id, Updated: now},
		Tenant:   "tributary-test",
		Severity: tributary.SeverityInformational,
		Created:  now, Fetched: now,
		Raw: fmt.Appendf(nil, `{"id":%q,"title":"Test alert from Tributary: please ignore","description":"Sent by tributary destination test. No customer is concerned.",`+
			`"severity":"informational","status":"resolved","category":"Test","serviceSource":"unknown","tenantId":"00000000-0000-0000-0000-000000000000",`+
			`"createdDateTime":%q,"lastUpdateDateTime":%q,"evidence":[]}`, id, stamp, stamp),
	}
}
