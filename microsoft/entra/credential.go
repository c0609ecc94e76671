package entra

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"tributary"
)

type credentialKey struct {
	tenant, login, client string
	auth                  tributary.AuthMethod
}

// credential is what a Client keeps for one tenant and application: the tokens
// by API, and the refusals that it won't ask about again yet.
type credential struct {
	app     tributary.App
	flights singleflight.Group // by API
	turn    sync.Mutex         // one request at a time

	mu      sync.Mutex
	tokens  map[string]kept
	refused map[string]refusal // by API; everyAPI where no API would be answered
}

type kept struct {
	token tributary.AccessToken
	renew time.Time // when it is replaced, before it expires
}

type refusal struct {
	err      *tributary.Error
	revision uint64 // of the grant that was refused; 0 for app-only
	until    time.Time
	times    int // in a row
}

const everyAPI = ""

func newCredential(app tributary.App) *credential {
	return &credential{app: app, tokens: make(map[string]kept), refused: make(map[string]refusal)}
}

// sameProof tells whether two states of an application prove it by the same
// secret or certificate.
func sameProof(a, b tributary.App) bool {
	return a.ClientSecret.Reveal() == b.ClientSecret.Reveal() && // compared in memory only
		a.Certificate.Reveal() == b.Certificate.Reveal()
}

const (
	renewBefore = 5 * time.Minute // as Microsoft's own libraries do
	shortLife   = 5               // a token that lives less than this many times renewBefore gives up the same part of its life
)

func (c *credential) token(resource string, now time.Time) (tributary.AccessToken, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.tokens[resource]
	if !ok || !now.Before(k.renew) {
		return tributary.AccessToken{}, false
	}
	return k.token, true
}

// keep stores a new token and clears what was refused before.
func (c *credential) keep(resource string, tok tributary.AccessToken, now time.Time) {
	early := min(renewBefore, tok.Expires.Sub(now)/shortLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[resource] = kept{tok, tok.Expires.Add(-early)}
	delete(c.refused, resource)
	delete(c.refused, everyAPI)
}

func (c *credential) drop(resource string, tok tributary.AccessToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens[resource].token.Value.Reveal() == tok.Value.Reveal() { // compared in memory only
		delete(c.tokens, resource)
	}
}

// waits is how long an answer that a person must mend is taken for the present
// one: soon at first, because they may be mending it now, then patiently.
var waits = [...]time.Duration{2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute}

// throttledWait is for an answer that asks to slow down and doesn't say by how
// much.
const throttledWait = 30 * time.Second

// refuse remembers an answer. What may be different at the next attempt (a
// fault, the network) is not remembered.
func (c *credential) refuse(resource string, revision uint64, e *tributary.Error, now time.Time) {
	where := resource
	switch e.Code {
	case tributary.CodeCredential, tributary.CodeTenantUnknown, tributary.CodeThrottled:
		where = everyAPI
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.refused[where]
	if was.revision != revision {
		was = refusal{}
	}
	wait := waits[min(was.times, len(waits)-1)]
	if e.Fix == tributary.FixRetry {
		wait = e.After
		switch {
		case wait > 0:
		case e.Code == tributary.CodeThrottled:
			wait = throttledWait
		case errors.Is(e, errNotStored):
			wait = waits[0] // each attempt would rotate the refresh token for nothing
		default:
			return
		}
	}
	c.refused[where] = refusal{e, revision, now.Add(wait), was.times + 1}
}

// refusal is the answer that still stands, or nil. A changed grant is tried at
// once.
func (c *credential) refusal(resource string, revision uint64, now time.Time) *tributary.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, where := range []string{everyAPI, resource} {
		r, ok := c.refused[where]
		if !ok || r.revision != revision || !now.Before(r.until) {
			continue
		}
		e := *r.err
		if e.After > 0 {
			e.After = r.until.Sub(now)
		}
		return &e
	}
	return nil
}
