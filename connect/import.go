package connect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tributary"
	"tributary/microsoft/entra"
)

// Tenants keeps tenants with compare-and-set. The stream does.
type Tenants interface {
	Tenants(ctx context.Context) ([]tributary.Tenant, error)
	PutTenant(ctx context.Context, t tributary.Tenant, revision uint64) (uint64, error)
}

// Import brings customers of a file into the store.
type Import struct {
	*Connector
	Store  Tenants
	DryRun bool // look up and compare, change nothing
	Check  bool // go through the steps of each connection too
	// Added is told of each tenant that has been added, from several goroutines.
	Added func(context.Context, tributary.Tenant)
	// Progress is told how many of a part's customers are done: "look up",
	// "add", "check".
	Progress func(part string, done, of int)
}

// Result is what became of a line.
type Result string

const (
	ResultNew    Result = "new"           // would be added, in a dry run
	ResultAdded  Result = "added"         // has been added
	ResultThere  Result = "already there" // was there before; it is not changed
	ResultFailed Result = "failed"        // Reason says why
)

// Imported is what became of one line of a file of customers.
type Imported struct {
	Line     int    `json:"line"`
	Tenant   string `json:"tenant"`
	TenantID string `json:"tenant_id,omitempty"`
	Domain   string `json:"domain,omitempty"`
	// Auth is how the customer lets us in: as the store has it, where it is there.
	Auth   tributary.AuthMethod `json:"auth"`
	Result Result               `json:"result"`
	Code   string               `json:"code,omitempty"`
	Reason string               `json:"reason,omitempty"`
	Fix    tributary.Fixer      `json:"fix,omitempty"`
	Next   string               `json:"next,omitempty"`
	// Differs are the columns in which the file says something else than the
	// store about a tenant that was there.
	Differs []string `json:"differs,omitempty"`
	// Checked: the steps have been gone through; Right: all are as they must be.
	Checked bool `json:"checked"`
	Right   bool `json:"right"`
	// Needs is the first step that is not right, as far as it is known.
	Needs *Step `json:"needs,omitempty"`

	tenant tributary.Tenant
}

func (r *Imported) fail(err error) {
	r.Result, r.Reason, r.Fix = ResultFailed, err.Error(), tributary.FixRetry
	if e := tributary.AsError(err); e != nil {
		r.Code, r.Fix, r.Next = e.Code, e.Fix, e.Next
		r.Reason = strings.TrimPrefix(e.Error(), e.Tenant+": ")
	}
}

// Run looks every customer's tenant id up, adds those that are not there yet,
// and goes through their connections if that is wanted. It may be repeated: what
// is there stays as it is. The report has a line for each customer, in the
// file's order; the error is for what stops the whole, and the report then
// tells how far it came.
func (im *Import) Run(ctx context.Context, customers []Customer) ([]Imported, error) {
	report := make([]Imported, len(customers))
	for i, c := range customers {
		report[i] = Imported{Line: c.Line, Tenant: c.Tenant.Slug, TenantID: c.Tenant.ID, Domain: c.Domain, Auth: c.Tenant.Auth, tenant: c.Tenant}
		report[i].fail(errors.New("stopped before its turn came"))
	}
	im.each(ctx, "look up", len(customers), func(i int) { im.lookUp(ctx, customers[i], &report[i]) })
	stored, err := im.Store.Tenants(ctx)
	if err != nil {
		return report, err
	}
	im.compare(customers, report, stored)
	if !im.DryRun {
		chosen := pick(report, ResultNew)
		im.each(ctx, "add", len(chosen), func(i int) { im.add(ctx, chosen[i]) })
	}
	im.need(ctx, report)
	if ctx.Err() != nil {
		return report, fmt.Errorf("import the customers: %w", ctx.Err())
	}
	return report, nil
}

func (im *Import) each(ctx context.Context, part string, n int, do func(i int)) {
	Each(ctx, n, do, func(done int) {
		if im.Progress != nil {
			im.Progress(part, done, n)
		}
	})
}

func pick(report []Imported, results ...Result) []*Imported {
	var chosen []*Imported
	for i := range report {
		if slices.Contains(results, report[i].Result) {
			chosen = append(chosen, &report[i])
		}
	}
	return chosen
}

// lookUp finds the tenant id, or proves the one that the file gives.
func (im *Import) lookUp(ctx context.Context, c Customer, r *Imported) {
	cloud, client, err := im.Cloud(c.Tenant)
	if err != nil {
		r.fail(err)
		return
	}
	ask := c.Domain
	if ask == "" {
		ask = c.Tenant.ID
	}
	found, err := patient(ctx, func() (entra.Discovery, error) { return entra.Discover(ctx, cloud, client, ask) })
	if err != nil {
		if e := tributary.AsError(err); e != nil && e.Code == tributary.CodeTenantUnknown && c.Domain != "" {
			e.Next = "check how the domain is written, or give the tenant_id; a tenant in another of Microsoft's clouds needs the column cloud"
		}
		r.fail(err)
		return
	}
	if c.Tenant.ID != "" && c.Tenant.ID != found.TenantID {
		r.fail(&tributary.Error{
			Code: tributary.CodeTenantUnknown, Op: "look for the tenant", Tenant: ask, Fix: tributary.FixMSSP,
			Err:  fmt.Errorf("%s belongs to tenant %s, and the file says %s", ask, found.TenantID, c.Tenant.ID),
			Next: "correct the domain or the tenant_id",
		})
		return
	}
	r.tenant.ID = found.TenantID
	r.TenantID, r.Result, r.Reason, r.Fix = found.TenantID, ResultNew, "", ""
}

const (
	attempts    = 3
	longestWait = 30 * time.Second
)

// patient repeats a look-up that may pass the next time: the identity service
// has asked for patience, or failed.
func patient[T any](ctx context.Context, look func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		got, err := look()
		e := tributary.AsError(err)
		if e == nil || attempt == attempts || e.Code != tributary.CodeThrottled && e.Code != tributary.CodeUnavailable {
			return got, err
		}
		wait := min(max(e.After, time.Duration(attempt)*250*time.Millisecond), longestWait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return got, err
		case <-timer.C:
		}
	}
}

// compare tells what is there already, and what can't be added. It goes by the
// file's order, so that the same file always gives the same report.
func (im *Import) compare(customers []Customer, report []Imported, stored []tributary.Tenant) {
	byID, bySlug := map[string]tributary.Tenant{}, map[string]tributary.Tenant{}
	for _, t := range stored {
		byID[t.ID], bySlug[t.Slug] = t, t
	}
	lines := map[string]int{}
	for i := range report {
		r := &report[i]
		if r.Result != ResultNew {
			continue
		}
		e := &tributary.Error{Code: "tenant-exists", Op: "add the tenant", Tenant: r.Tenant, Fix: tributary.FixMSSP}
		if first, twice := lines[r.TenantID]; twice {
			e.Err = fmt.Errorf("it is the same customer as on line %d, tenant id %s", first, r.TenantID)
			e.Next = "remove one of the two lines"
			r.fail(e)
			continue
		}
		lines[r.TenantID] = r.Line
		if have, there := byID[r.TenantID]; there {
			r.Result, r.Tenant, r.Auth, r.Differs, r.tenant = ResultThere, have.Slug, have.Auth, differs(customers[i], have), have
		} else if other, taken := bySlug[r.Tenant]; taken {
			e.Err = fmt.Errorf("the name is taken by another customer, tenant id %s", other.ID)
			e.Next = "give this one another name in the column slug"
			r.fail(e)
		}
	}
}

// differs lists the columns that say something else than the store.
func differs(c Customer, have tributary.Tenant) []string {
	want := c.Tenant
	same := map[string]bool{
		columnSlug: want.Slug == have.Slug, columnName: want.Name == have.Name, columnAuth: want.Auth == have.Auth,
		columnSources: slices.Equal(want.Sources, have.Sources), columnCloud: want.Cloud == have.Cloud, columnApp: want.App == have.App,
		columnRegion: want.Region == have.Region, columnLabels: maps.Equal(want.Labels, have.Labels),
	}
	var list []string
	for _, column := range c.given {
		if equal, compared := same[column]; compared && !equal {
			list = append(list, column)
		}
	}
	return list
}

func (im *Import) add(ctx context.Context, r *Imported) {
	if _, err := im.Store.PutTenant(ctx, r.tenant, 0); err != nil {
		if errors.Is(err, tributary.ErrConflict) {
			err = &tributary.Error{
				Code: "tenant-exists", Op: "add the tenant", Tenant: r.Tenant, Fix: tributary.FixMSSP,
				Err: errors.New("somebody else has added a customer of that name meanwhile"), Next: "repeat the command",
			}
		}
		r.fail(err)
		return
	}
	r.Result = ResultAdded
	if im.Added != nil {
		im.Added(ctx, r.tenant)
	}
}

// need says what each customer still needs: by the steps of its connection, or
// else by what lies here.
func (im *Import) need(ctx context.Context, report []Imported) {
	if im.Check {
		chosen := pick(report, ResultNew, ResultAdded, ResultThere)
		im.each(ctx, "check", len(chosen), func(i int) {
			r := chosen[i]
			steps := im.Connector.Check(ctx, r.tenant)
			r.Checked, r.Right = true, true
			for _, step := range steps {
				if !step.Done {
					r.Right, r.Needs = false, &step
					break
				}
			}
		})
		return
	}
	for _, r := range pick(report, ResultAdded, ResultThere) {
		if r.tenant.Auth != tributary.AuthDelegated {
			continue
		}
		if step := im.checkGrant(ctx, r.tenant); !step.Done {
			r.Needs = &step
		}
	}
}
