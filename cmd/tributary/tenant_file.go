package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tributary"
)

// syncTenants brings the tenants that the file manages into the store, and
// takes out those that it managed and no longer names. Their alerts and grants
// stay: who brings a line of the file back finds everything as it was.
func (i *instance) syncTenants(ctx context.Context) error {
	stored, err := i.store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range i.cfg.Tenants {
		if err := takenByCommand(stored, t, i.cfg.Path); err != nil {
			return err
		}
	}
	for _, t := range i.cfg.Tenants {
		if err := i.putFromFile(ctx, t); err != nil {
			return err
		}
	}
	for _, t := range stored {
		if t.FromFile && !i.fromFile(t.Slug) {
			if err := i.store.RemoveTenant(ctx, t.Slug); err != nil {
				return err
			}
			i.audit(ctx, "system", t.Slug, "tenant removed", "no longer in "+i.cfg.Path)
		}
	}
	return nil
}

// takenByCommand refuses a tenant of the file whose name a command gave to
// another customer, which would mix the two up, or whose alerts already come
// under another name, which would repeat them. A tenant that is the same in
// both is the file's from now on.
func takenByCommand(stored []tributary.Tenant, t tributary.Tenant, file string) error {
	for _, have := range stored {
		if have.FromFile || (have.Slug == t.Slug) == (have.ID == t.ID) {
			continue
		}
		e := &tributary.Error{
			Code: "tenant-exists", Op: "read the tenant from " + file, Tenant: t.Slug, Fix: tributary.FixMSSP,
			Next: "give it another slug in " + file + ", or forget the other with: tributary tenant remove " + have.Slug,
		}
		if have.Slug == t.Slug {
			e.Err = fmt.Errorf("tributary tenant add gave this name to another customer, tenant id %s", have.ID)
		} else {
			e.Err = fmt.Errorf("tributary tenant add added this customer as %s", have.Slug)
			e.Next = "name it " + have.Slug + " in " + file + ", or forget the other with: tributary tenant remove " + have.Slug
		}
		return e
	}
	return nil
}

func (i *instance) putFromFile(ctx context.Context, t tributary.Tenant) error {
	have, revision, err := i.store.Tenant(ctx, t.Slug)
	if err != nil && !errors.Is(err, tributary.ErrNotFound) {
		return err
	}
	if err == nil {
		t.Paused = have.Paused // paused by a command, which the file can't say
		if sameTenant(have, t) {
			return nil
		}
	}
	if _, err := i.store.PutTenant(ctx, t, revision); err != nil {
		return err
	}
	i.audit(ctx, "system", t.Slug, "tenant set", "by "+i.cfg.Path)
	return nil
}

// sameTenant compares two records as they are stored.
func sameTenant(a, b tributary.Tenant) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
