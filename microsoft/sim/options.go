package sim

import (
	"log/slog"
	"time"

	"tributary"
	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
)

// Options say what the simulated Microsoft holds and how it behaves.
type Options struct {
	Tenants int // how many customers; less than one is one
	Alerts  int // over all tenants at the start; spread unevenly
	Seed    uint64
	// Past is the period before the start in which the first alerts lie. Zero
	// is 24 hours. A client that is to find them all has to ask for as much and
	// for the time that has gone by since the start.
	Past time.Duration
	// Live is how many alerts a minute come by themselves, over all tenants.
	Live float64
	// Changing, Tied and Late are shares of the alerts, from 0 to 1: those that
	// change after a while, those that share their update time with others of
	// the tenant, and those that become visible a minute to six hours after
	// their update time.
	Changing, Tied, Late float64
	// TieSize is how many alerts share one update time. Zero means 2 to 12.
	TieSize int
	// Still lets nothing happen by itself after the start: no live alerts, no
	// planned change, and late alerts are visible from the start. Only the
	// scripted steps change anything. For runs that must end with a known truth.
	Still bool
	// Cloud is one of [tributary.Clouds]: whose audiences and permission ids
	// hold. Empty is the global one.
	Cloud string
	// CredentialDelay is how long a secret or a certificate that is added to a
	// registration takes until it works; DirectoryLag is how long a new
	// application or service principal stays invisible to other calls.
	CredentialDelay, DirectoryLag time.Duration
	// GDAP makes the provider a partner of every customer from the start: with
	// relationships for two years, made at different times within the last two,
	// so that some are about to end.
	GDAP bool
	// Start is when this world began, by the true clock: the first alerts lie in
	// the Past before it, what is live or planned follows it. Zero is now. A
	// process that starts again with the same seed and Start serves the same
	// alerts again, but for the scripted steps.
	Start time.Time
	// Now is the true clock; nil is time.Now. A clock-skew fault puts the
	// service's clock ahead of it.
	Now func() time.Time
	// TokenLifetime of access tokens; zero is as Entra has it.
	TokenLifetime time.Duration
	// RedirectURIs are registered for the application besides http://localhost
	// and the address of Microsoft's MSSP procedure.
	RedirectURIs []string
	// Faults are in force from the start.
	Faults []fault.Fault
	// Refusals and States are in force from the start: see [Server.Refuse] and
	// [Server.Set].
	Refusals []identity.Refusal
	States   []State
	// Quotas limit the requests of an application to a tenant, by source; nil
	// limits nothing. See [DocumentedQuotas].
	Quotas map[tributary.Source]Quota
	// Replay serves recorded alerts as well.
	Replay Replay
	// Log takes one line per request at debug level, and warnings; nil is silent.
	Log *slog.Logger
}

// Replay says which recorded alerts a tenant has.
type Replay struct {
	Files []string // see [recorded.Read]
	// Tenant is a slug; empty is the first tenant.
	Tenant string
	// Move puts the alerts into the period before the start, in their order.
	// Otherwise they keep their own update times, and a client has to ask for a
	// window that reaches back to them.
	Move bool
}

// Defaults is a lively tenant landscape: a day of history in which some alerts
// change, some share their time and a few come late.
func Defaults() Options {
	return Options{Tenants: 25, Alerts: 5000, Seed: 1, Past: 24 * time.Hour, Changing: 0.2, Tied: 0.05, Late: 0.01}
}

// AllFaults is a mix of all faults that a correct client survives within
// seconds. Which requests they strike follows from [Options].Seed.
func AllFaults() []fault.Fault { return fault.All() }
