package connect

import (
	"context"
	"errors"
	"time"

	"tributary"
)

const (
	// idleTime is how long a refresh token may lie unused. It is far below the
	// 90 days of [IdleLife]: an instance that was down for weeks loses nobody.
	idleTime = 3 * 24 * time.Hour
	// keepAlivePause is how often the tenants are looked through.
	keepAlivePause = time.Hour
	// refusedPause is how long a grant that only a person can mend is left
	// alone, unless it is replaced.
	refusedPause = 24 * time.Hour
)

// KeepAlive uses the refresh token of each delegated tenant that nobody has
// used for three days, paused tenants included, until ctx ends. A tenant that is
// polled uses its own about every hour and is left alone.
func (c *Connector) KeepAlive(ctx context.Context, store Tenants) error {
	k := &keepAlive{Connector: c, store: store, tried: map[string]attempt{}}
	ticker := time.NewTicker(keepAlivePause)
	defer ticker.Stop()
	for {
		if err := k.round(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("keep the refresh tokens alive", "err", err) // the next round may do
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

type keepAlive struct {
	*Connector
	store Tenants
	tried map[string]attempt // by slug
}

// attempt is the last use of a grant, in memory only: Entra need not rotate a
// refresh token that is used, so the grant alone doesn't tell.
type attempt struct {
	at       time.Time
	revision uint64
	refused  bool // only a person can mend it
}

func (k *keepAlive) round(ctx context.Context) error {
	tenants, err := k.store.Tenants(ctx)
	if err != nil {
		return err
	}
	var due []tributary.Tenant
	attempts := make(map[string]attempt, len(tenants)) // a tenant that is removed is forgotten
	for _, t := range tenants {
		if t.Auth != tributary.AuthDelegated {
			continue
		}
		grant, revision, err := k.Grants.Grant(ctx, t.Slug)
		if errors.Is(err, tributary.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		last := k.tried[t.Slug]
		if last.revision != revision {
			last = attempt{revision: revision}
		}
		attempts[t.Slug] = last
		if last.due(grant, time.Now()) {
			due = append(due, t)
		}
	}
	k.tried = attempts
	results := make([]attempt, len(due))
	Each(ctx, len(due), func(i int) { results[i] = k.use(ctx, due[i]) }, nil)
	for i, r := range results {
		if !r.at.IsZero() {
			k.tried[due[i].Slug] = r
		}
	}
	return nil
}

func (a attempt) due(g tributary.Grant, now time.Time) bool {
	if a.refused {
		return now.Sub(a.at) >= refusedPause
	}
	used := g.Rotated
	if a.at.After(used) {
		used = a.at
	}
	return now.Sub(used) >= idleTime
}

// use gets a token by the refresh token. What may pass by itself gives no
// attempt, so that it is tried in the next round again.
func (k *keepAlive) use(ctx context.Context, t tributary.Tenant) attempt {
	cloud, _, err := k.Cloud(t)
	if err == nil {
		_, err = k.Tokens.Token(ctx, t, cloud.Resource(t.Sources[0]))
	}
	a := attempt{at: time.Now()}
	if err != nil {
		e := tributary.AsError(err)
		if ctx.Err() != nil || e != nil && e.Fix == tributary.FixRetry {
			return attempt{}
		}
		a.refused = true
		k.Log.Warn("the idle refresh token does not work", "tenant", t.Slug, "err", err)
	} else {
		k.Log.Info("used an idle refresh token, so that it lives on", "tenant", t.Slug)
	}
	if _, a.revision, err = k.Grants.Grant(ctx, t.Slug); err != nil {
		return attempt{}
	}
	return a
}
