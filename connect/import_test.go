package connect_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tributary"
	"tributary/connect"
	"tributary/microsoft/sim"
	"tributary/microsoft/sim/fault"
)

// shelf keeps tenants as the stream does.
type shelf struct {
	mu      sync.Mutex
	tenants map[string]tributary.Tenant
	puts    int
}

func (s *shelf) Tenants(context.Context) ([]tributary.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []tributary.Tenant
	for _, t := range s.tenants {
		list = append(list, t)
	}
	return list, nil
}

func (s *shelf) PutTenant(_ context.Context, t tributary.Tenant, revision uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.tenants[t.Slug]; there != (revision > 0) {
		return 0, tributary.ErrConflict
	}
	s.tenants[t.Slug] = t
	s.puts++
	return 1, nil
}

func customers(t *testing.T, text string) []connect.Customer {
	t.Helper()
	list, err := connect.ReadCustomers(strings.NewReader(text), rules())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// told is a report's line in few words.
func told(r connect.Imported) string {
	text := fmt.Sprintf("%d %s %s %s", r.Line, r.Tenant, r.Result, r.Code)
	if r.Needs != nil {
		text += " needs " + r.Needs.Name
	}
	return strings.TrimSpace(text + " " + strings.Join(r.Differs, ","))
}

func tellAll(report []connect.Imported) string {
	lines := make([]string, len(report))
	for i, r := range report {
		lines[i] = told(r)
	}
	return strings.Join(lines, "\n")
}

func TestImport(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 4, Alerts: 4, Seed: 1})
	sims := l.microsoft.Tenants()
	l.microsoft.Consent(sims[0].ID, l.app.ClientID)
	l.microsoft.Consent(sims[2].ID, l.app.ClientID)
	store := &shelf{tenants: map[string]tributary.Tenant{
		"adatum": {Slug: "adatum", ID: sims[2].ID, Auth: tributary.AuthAppOnly, Sources: []tributary.Source{tributary.SourceGraph}, Name: "A. Datum"},
		"taken":  {Slug: "taken", ID: contosoID, Auth: tributary.AuthAppOnly, Sources: []tributary.Source{tributary.SourceGraph}},
	}}
	file := customers(t, `domain,tenant_id,slug,auth,sources,name
contoso.com,,,,,Contoso
fabrikam.com,,fab,delegated,siem,
,`+sims[2].ID+`,,,graph endpoint,A. Datum Corporation
nosuch.example,,,,,
northwindtraders.com,,taken,,,
,`+sims[0].ID+`,again,,,
adatum.com,`+sims[1].ID+`,wrong,,,
`)
	const failures = "\n5 nosuch failed tenant-unknown\n6 taken failed tenant-exists\n7 again failed tenant-exists\n8 wrong failed tenant-unknown"
	var added atomic.Int32
	parts := map[string]int{}
	im := &connect.Import{
		Connector: l.Connector, Store: store, DryRun: true,
		Added:    func(context.Context, tributary.Tenant) { added.Add(1) },
		Progress: func(part string, done, of int) { parts[fmt.Sprintf("%s of %d", part, of)] = done },
	}
	run := func(want string) []connect.Imported {
		t.Helper()
		report, err := im.Run(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		if got := tellAll(report); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		return report
	}
	run("2 contoso new\n3 fab new\n4 adatum already there  name,sources" + failures)
	if store.puts != 0 || added.Load() != 0 {
		t.Error("the dry run changed something")
	}
	im.DryRun = false
	run("2 contoso added\n3 fab added  needs grant\n4 adatum already there  name,sources" + failures)
	if got := store.tenants["fab"]; got.ID != sims[1].ID || got.Auth != tributary.AuthDelegated || got.Sources[0] != tributary.SourceSIEM || added.Load() != 2 {
		t.Errorf("stored %+v, told of %d", got, added.Load())
	}
	if parts["look up of 7"] != 7 || parts["add of 2"] != 2 || len(parts) != 2 {
		t.Errorf("progress %v", parts)
	}
	im.Check = true
	report := run("2 contoso already there\n3 fab already there  needs grant\n4 adatum already there  name,sources" + failures)
	if store.puts != 2 || store.tenants["adatum"].Name != "A. Datum" {
		t.Error("the second run changed something")
	}
	if !report[0].Right || !report[0].Checked || report[1].Right || !report[2].Right || report[3].Checked {
		t.Errorf("checked: %+v", report)
	}
	for _, r := range report[3:] {
		if r.Reason == "" || r.Next == "" || r.Fix != tributary.FixMSSP {
			t.Errorf("incomplete: %+v", r)
		}
	}
}

// A cut off import says how far it came, and goes on when it is repeated.
func TestImportStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 60, Alerts: 60, Seed: 1})
	var b strings.Builder
	b.WriteString("domain,slug\n")
	for i, tenant := range l.microsoft.Tenants() {
		fmt.Fprintf(&b, "%s,t-%d\n", tenant.Domain, i)
	}
	file := customers(t, b.String())
	store := &shelf{tenants: map[string]tributary.Tenant{}}
	ctx, stop := context.WithCancel(t.Context())
	im := &connect.Import{Connector: l.Connector, Store: store}
	im.Progress = func(part string, done, _ int) {
		if part == "add" && done == 20 {
			stop()
		}
	}
	report, err := im.Run(ctx, file)
	if err == nil || len(store.tenants) < 20 || len(store.tenants) == 60 {
		t.Fatalf("%d of 60 are there, %v", len(store.tenants), err)
	}
	added := 0
	for _, r := range report {
		if r.Result == connect.ResultAdded {
			added++
		}
	}
	if added != len(store.tenants) {
		t.Errorf("the report says %d, the store has %d", added, len(store.tenants))
	}
	report, err = im.Run(t.Context(), file)
	if err != nil || len(store.tenants) != 60 {
		t.Errorf("after going on %d of 60 are there, %v", len(store.tenants), err)
	}
	if slices.ContainsFunc(report, func(r connect.Imported) bool { return r.Result == connect.ResultFailed }) {
		t.Error(tellAll(report))
	}
}

func TestEachIsBounded(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int32
	gate := make(chan struct{})
	go func() {
		for now.Load() < connect.AtOnce {
			select {
			case <-t.Context().Done():
				return
			default:
				runtime.Gosched()
			}
		}
		close(gate)
	}()
	sum := 0
	connect.Each(t.Context(), 100, func(int) {
		for at := now.Add(1); ; {
			if was := most.Load(); at <= was || most.CompareAndSwap(was, at) {
				break
			}
		}
		<-gate
		now.Add(-1)
	}, func(done int) { sum += done })
	if most.Load() > connect.AtOnce || sum != 5050 {
		t.Errorf("%d at once, counted to a sum of %d", most.Load(), sum)
	}
}

// The identity service may ask for patience in the middle.
func TestImportIsPatient(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 2, Alerts: 4, Seed: 1})
	if err := l.microsoft.SetFaults([]fault.Fault{{Kind: fault.ServerError, Source: fault.Login, Count: 1}}); err != nil {
		t.Fatal(err)
	}
	im := &connect.Import{Connector: l.Connector, Store: &shelf{tenants: map[string]tributary.Tenant{}}}
	report, err := im.Run(t.Context(), customers(t, "domain\ncontoso.com\nfabrikam.com\n"))
	if err != nil || tellAll(report) != "2 contoso added\n3 fabrikam added" {
		t.Errorf("%s, %v", tellAll(report), err)
	}
}
