package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tributary"
	"tributary/microsoft/sim"
	"tributary/pipeline/stream"
)

// result is what demo --once prints.
type result struct {
	Tenants      int          `json:"tenants"`
	Connected    int          `json:"connected"`
	Versions     int          `json:"versions"`   // alert versions in the truth
	Delivered    int          `json:"delivered"`  // of those, in the files
	Missing      int          `json:"missing"`    // over all destinations
	Duplicates   int          `json:"duplicates"` // over all destinations
	Invented     int          `json:"invented"`   // delivered, but not in the truth
	Seconds      float64      `json:"seconds"`
	PerSecond    float64      `json:"versions_per_second"` // while collecting and delivering
	CPUSeconds   float64      `json:"cpu_seconds,omitempty"`
	PeakMiB      int64        `json:"peak_memory_mib,omitempty"`
	Destinations []comparison `json:"destinations"`
	Out          string       `json:"out,omitempty"`
}

// comparison is one destination held against the truth.
type comparison struct {
	Destination string `json:"destination"`
	Delivered   int    `json:"delivered"` // distinct versions
	Missing     int    `json:"missing"`
	Duplicates  int    `json:"duplicates"`
	Invented    int    `json:"invented"`
}

// stall is how long --once waits without any progress before it gives up.
const stall = 90 * time.Second

// once delivers what there is and compares both ends.
func (d *demo) once(ctx context.Context) error {
	begun := time.Now()
	err := d.running(ctx, func(ctx context.Context) error {
		d.cli.say("collecting and delivering %d alerts", d.flags.alerts)
		if err := d.settle(ctx); err != nil {
			return err
		}
		n := max(d.flags.alerts/50, 1)
		d.cli.say("then changes, new alerts and late alerts")
		d.microsoft.Change(n)
		d.microsoft.Arrive(n)
		d.microsoft.ArriveLate(n/2+1, 4*time.Minute)
		if err := d.settle(ctx); err != nil {
			return err
		}
		// Apart from the changes before: an API shows only the newest state, and
		// nobody could have read one that another replaced at once.
		d.cli.say("then many closed at one instant")
		d.microsoft.CloseMany(d.microsoft.Tenants()[0].Slug, n)
		return d.settle(ctx)
	})
	if err != nil && !errors.Is(err, errStalled) {
		return err
	}
	spent := time.Since(begun).Seconds()
	r, err := d.compare()
	if err != nil {
		return err
	}
	r.Seconds = time.Since(d.begun).Seconds()
	r.PerSecond = float64(r.Delivered) / spent
	r.CPUSeconds, r.PeakMiB = resources()
	if d.flags.out != "" {
		r.Out = d.flags.out
	}
	if err := d.cli.print(r, func(w io.Writer) {
		row(w, "customers connected", fmt.Sprintf("%d of %d", r.Connected, r.Tenants))
		row(w, "alert versions at Microsoft", fmt.Sprint(r.Versions))
		for _, c := range r.Destinations {
			row(w, "delivered to "+c.Destination, fmt.Sprintf("%d, missing %d, twice %d", c.Delivered, c.Missing, c.Duplicates))
		}
		row(w, "time", fmt.Sprintf("%.1f s, %.0f versions a second, %.1f CPU seconds, at most %d MiB", r.Seconds, r.PerSecond, r.CPUSeconds, r.PeakMiB))
		if r.Out != "" {
			row(w, "compare for yourself", filepath.Join(r.Out, "truth.ndjson")+" with "+filepath.Join(r.Out, "delivered.ndjson"))
		}
	}); err != nil {
		return err
	}
	if r.Missing+r.Duplicates+r.Invented > 0 || r.Connected < r.Tenants {
		return errNotRight
	}
	return nil
}

var errStalled = errors.New("no progress")

// scope is the part of the truth that the demo's customers are read through.
func (d *demo) inScope(tenants map[string][]tributary.Source) func(sim.Version) bool {
	return func(v sim.Version) bool { return slices.Contains(tenants[v.Tenant], v.Source) }
}

// truth is every version that the demo ought to deliver.
func (d *demo) truth() (map[tributary.EventID]sim.Version, error) {
	tenants, err := d.instance.store.Tenants(context.Background())
	if err != nil {
		return nil, err
	}
	sources := map[string][]tributary.Source{}
	for _, t := range tenants {
		sources[t.Slug] = t.Sources
	}
	wanted := d.inScope(sources)
	all := map[tributary.EventID]sim.Version{}
	for v := range d.microsoft.Truth(sim.Scope{}) {
		if wanted(v) {
			all[v.EventID()] = v
		}
	}
	return all, nil
}

// settle waits until every destination has everything, or nothing moves.
func (d *demo) settle(ctx context.Context) error {
	truth, err := d.truth()
	if err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	moved, last := time.Now(), -1
	told := time.Now()
	for {
		lanes, err := d.instance.store.LaneStatuses(ctx)
		if err != nil {
			return err
		}
		archived, indexed := settled(lanes, demoArchive), settled(lanes, demoSOC)
		least := min(archived, indexed)
		if least >= len(truth) {
			return nil
		}
		if least != last {
			moved, last = time.Now(), least
		}
		if time.Since(moved) > stall {
			d.cli.say("nothing has moved for %v: comparing what there is", stall)
			return errStalled
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			d.cli.say("of %d versions %d are in the files and %d at the collector", len(truth), archived, indexed)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// settled is how many records a destination has taken or refused for good.
func settled(lanes []stream.LaneStatus, destination string) int {
	for _, lane := range lanes {
		if lane.Destination == destination {
			return int(lane.Delivered + lane.Refused)
		}
	}
	return 0
}

// compare holds what arrived against the truth, from the files themselves and
// from what the collector received, not from our own counters.
func (d *demo) compare() (result, error) {
	truth, err := d.truth()
	if err != nil {
		return result{}, err
	}
	r := result{Tenants: len(d.microsoft.Tenants()), Connected: d.connected, Versions: len(truth)}
	files, err := d.readFiles()
	if err != nil {
		return r, err
	}
	r.add(demoArchive, truth, files)
	r.add(demoSOC, truth, d.receiver.received())
	r.Delivered = r.Destinations[0].Delivered
	if d.flags.out != "" {
		err = d.writeTruth(truth)
	}
	return r, err
}

func (r *result) add(name string, truth map[tributary.EventID]sim.Version, times map[tributary.EventID]int) {
	c := comparison{Destination: name}
	for id, n := range times {
		if _, ok := truth[id]; !ok {
			c.Invented++
			continue
		}
		c.Delivered++
		c.Duplicates += n - 1
	}
	c.Missing = len(truth) - c.Delivered
	r.Missing += c.Missing
	r.Duplicates += c.Duplicates
	r.Invented += c.Invented
	r.Destinations = append(r.Destinations, c)
}

// deliveredLine is one version in delivered.ndjson and truth.ndjson.
type deliveredLine struct {
	Tenant   string           `json:"tenant"`
	TenantID string           `json:"tenant_id"`
	Source   tributary.Source `json:"source"`
	ID       string           `json:"id"`
	Updated  string           `json:"updated"`
	EventID  string           `json:"event_id"`
}

// readFiles counts the versions in the delivered files and writes
// delivered.ndjson, one line for each record in them.
func (d *demo) readFiles() (map[tributary.EventID]int, error) {
	names, err := filepath.Glob(filepath.Join(d.dir, "alerts", "*.ndjson"))
	if err != nil {
		return nil, err
	}
	times := map[tributary.EventID]int{}
	lines := io.Discard
	if d.flags.out != "" {
		f, err := os.Create(filepath.Join(d.dir, "delivered.ndjson"))
		if err != nil {
			return nil, fmt.Errorf("write what was delivered: %w", err)
		}
		defer f.Close()
		lines = f
	}
	out := bufio.NewWriter(lines)
	for _, name := range names {
		if err := readFile(name, times, json.NewEncoder(out)); err != nil {
			return nil, fmt.Errorf("read back %s: %w", name, err)
		}
	}
	return times, out.Flush()
}

func readFile(name string, times map[tributary.EventID]int, out *json.Encoder) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) > 0 {
			line, id, err := project(text)
			if err != nil {
				return err
			}
			times[id]++
			if err := out.Encode(line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// project reads from a delivered record which version it is. The id is the
// alert's own member and the event id is computed again, so that an envelope
// that belongs to another alert would show.
func project(text []byte) (deliveredLine, tributary.EventID, error) {
	var record struct {
		Tributary struct {
			Tenant   string           `json:"tenant"`
			TenantID string           `json:"tenant_id"`
			Source   tributary.Source `json:"source"`
			EventID  string           `json:"event_id"`
			Updated  time.Time        `json:"updated"`
		} `json:"tributary"`
		ID        string `json:"id"`
		FullID    string `json:"FullId"`
		AlertPart *int64 `json:"AlertPart"`
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return deliveredLine{}, tributary.EventID{}, err
	}
	t := record.Tributary
	id := record.ID
	if t.Source == tributary.SourceSIEM && record.AlertPart != nil {
		id = fmt.Sprintf("%s#%d", record.FullID, *record.AlertPart)
	}
	version := tributary.Version{TenantID: t.TenantID, Source: t.Source, ID: id, Updated: t.Updated}
	line := deliveredLine{t.Tenant, t.TenantID, t.Source, id, t.Updated.UTC().Format(time.RFC3339Nano), t.EventID}
	return line, version.EventID(), nil
}

func (d *demo) writeTruth(truth map[tributary.EventID]sim.Version) (err error) {
	f, err := os.Create(filepath.Join(d.dir, "truth.ndjson"))
	if err != nil {
		return fmt.Errorf("write the truth: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	versions := make([]sim.Version, 0, len(truth))
	for _, v := range truth {
		versions = append(versions, v)
	}
	slices.SortFunc(versions, func(a, b sim.Version) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(string(a.Source), string(b.Source)), a.Updated.Compare(b.Updated), strings.Compare(a.ID, b.ID))
	})
	out := bufio.NewWriter(f)
	enc := json.NewEncoder(out)
	for _, v := range versions {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return out.Flush()
}
