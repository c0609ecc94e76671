package invite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"tributary"
	"tributary/connect"
	"tributary/vault"
)

// How long an invitation is good for.
const (
	DefaultLife = 7 * 24 * time.Hour
	MinLife     = time.Hour
	MaxLife     = 90 * 24 * time.Hour
)

// keepSettled is how long an invitation that has ended is remembered, so that
// its link can still say why it doesn't work.
const keepSettled = 90 * 24 * time.Hour

// Purpose names the key of the links' signatures, derived from the vault's.
const Purpose = "invite"

// Config is what invitations need.
type Config struct {
	Connector *connect.Connector
	Records   Records
	Vault     *vault.Vault
	// Tenant finds a tenant by its slug, or fails with [tributary.ErrNotFound].
	Tenant func(ctx context.Context, slug string) (tributary.Tenant, error)
	// Connected is told when a customer has let us in. Detail says how, for the
	// audit.
	Connected func(ctx context.Context, tenant tributary.Tenant, detail string) error
	// Failed is told, for the audit, when an attempt came to nothing; nil: nobody is.
	Failed func(ctx context.Context, tenant tributary.Tenant, detail string)
	// URL is where customers' browsers reach the pages: scheme, host and port.
	URL string
	// Name is whom the pages name as the one who asks; empty: the host of URL.
	Name string
	// Proxied: a proxy of this machine stands before the pages, and its
	// X-Forwarded-For names the customer's address.
	Proxied bool
	// Patience is how long to wait for a consent to reach all of Microsoft;
	// zero: 15 seconds; negative: not at all.
	Patience time.Duration
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: slog.Default
}

// Invites issues invitations and serves their pages. It is safe for concurrent
// use, and several instances may serve one store.
type Invites struct {
	c      Config
	signer signer
	secure bool // customers come by https
	texts  *catalogue
}

// New checks the configuration and derives the key of the signatures.
func New(c Config) (*Invites, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Path != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, &tributary.Error{
			Code: CodeNoPublic, Op: "prepare invitations", Err: errors.New("there is no public address that customers' browsers reach"), Fix: tributary.FixMSSP,
			Next: "add public: { url: https://…, listen: …, tls: … } to the configuration, and register its address with /callback behind it as a redirect URI of the application",
		}
	}
	if c.Name == "" {
		c.Name = u.Hostname()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Patience == 0 {
		c.Patience = 15 * time.Second
	}
	key, err := c.Vault.Derive(Purpose)
	if err != nil {
		return nil, err
	}
	texts, err := loadCatalogue()
	if err != nil {
		return nil, err
	}
	return &Invites{c: c, signer: signer{[]byte(key.Reveal())}, secure: u.Scheme == "https", texts: texts}, nil
}

// Codes of the conditions that only invitations have.
const (
	CodeNoPublic = "invite-no-public"
	CodeInvite   = "invite"
)

// Languages are the codes of the languages that the pages and the mail have.
func (s *Invites) Languages() []string { return s.texts.codes }

// RedirectURI is what has to be registered for the application.
func (s *Invites) RedirectURI() string { return s.c.URL + callbackPath }

// Order is an invitation to be issued.
type Order struct {
	Tenant   tributary.Tenant
	Language string        // of the mail; empty: English
	Life     time.Duration // zero: [DefaultLife]
	V1       bool          // sign in at the v1 endpoints
}

// Issue makes an invitation and the mail that carries its link. The link is a
// secret between us and the customer: whoever has it can connect the tenant, if
// they can sign in there.
func (s *Invites) Issue(ctx context.Context, o Order) (Invite, Mail, error) {
	if err := s.check(&o); err != nil {
		return Invite{}, Mail{}, err
	}
	now := s.c.Now().UTC().Truncate(time.Second)
	r := record{Invite: Invite{
		ID: newID(), Tenant: o.Tenant.Slug, TenantID: strings.ToLower(o.Tenant.ID), Way: o.Tenant.Auth,
		V1: o.V1, Language: o.Language, Issued: now, Expires: now.Add(o.Life),
	}}
	link, err := s.link(r.Invite)
	if err != nil {
		return Invite{}, Mail{}, err
	}
	s.prune(ctx, now)
	if err := s.store(ctx, r, 0); err != nil {
		return Invite{}, Mail{}, err
	}
	return r.Invite, s.mail(r.Invite, o.Tenant, link), nil
}

func (s *Invites) check(o *Order) error {
	fail := func(err error, next string) error {
		return &tributary.Error{Code: CodeInvite, Op: "invite the customer", Tenant: o.Tenant.Slug, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	if err := o.Tenant.Check(); err != nil {
		return fail(err, "correct the tenant")
	}
	if o.Life == 0 {
		o.Life = DefaultLife
	}
	if o.Life < MinLife || o.Life > MaxLife {
		return fail(fmt.Errorf("an invitation can't be good for %v", o.Life), "choose from one hour to 90 days, such as 7d")
	}
	if o.Language == "" {
		o.Language = defaultLanguage
	}
	if s.texts.byCode[o.Language] == nil {
		return fail(fmt.Errorf("there are no texts in the language %q", o.Language), "choose from "+strings.Join(s.texts.codes, ", "))
	}
	if o.V1 && o.Tenant.Auth != tributary.AuthDelegated {
		return fail(errors.New("v1 is for a tenant with auth delegated"), "leave it out: nobody signs in where auth is app-only")
	}
	return nil
}

func (s *Invites) link(i Invite) (string, error) {
	token, err := s.signer.link(ticket{i.ID, i.TenantID, i.Way, i.Expires})
	return s.c.URL + invitePath + token, err
}

// prune forgets what ended long ago. Nothing depends on it.
func (s *Invites) prune(ctx context.Context, now time.Time) {
	list, err := s.all(ctx)
	if err != nil {
		s.c.Log.Warn("look for old invitations", "err", err)
	}
	for _, r := range list {
		if now.Sub(r.Expires) < keepSettled {
			continue
		}
		if err := s.c.Records.RemoveInvite(ctx, r.ID); err != nil {
			s.c.Log.Warn("forget an old invitation", "invitation", r.ID, "err", err)
		}
	}
}

// List returns the invitations of a tenant, or of all where slug is empty, the
// oldest of a tenant first.
func (s *Invites) List(ctx context.Context, slug string) ([]Invite, error) {
	list, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	found := []Invite{}
	for _, r := range list {
		if slug == "" || r.Tenant == slug {
			found = append(found, r.Invite)
		}
	}
	return found, nil
}

// Revoke withdraws an invitation: its link says so, and who is at Microsoft
// comes back in vain. It changes nothing for a customer who has let us in.
func (s *Invites) Revoke(ctx context.Context, id string) (Invite, error) {
	fail := func(err error, next string) error {
		return &tributary.Error{Code: CodeInvite, Op: "withdraw the invitation " + id, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	if b, err := idText.DecodeString(id); err != nil || len(b) != idSize {
		return Invite{}, fail(errors.New("this is not the id of an invitation"), "tributary tenant invites lists them")
	}
	r, err := s.change(ctx, id, func(r *record) error {
		if !r.Completed.IsZero() {
			return fail(errors.New("the customer has completed it already"),
				"to stop reading this customer's alerts: tributary tenant remove "+r.Tenant)
		}
		if r.Revoked.IsZero() {
			r.Revoked = s.c.Now().UTC().Truncate(time.Second)
		}
		for i := range r.Attempts {
			r.Attempts[i].Verifier = ""
		}
		return nil
	})
	if errors.Is(err, tributary.ErrNotFound) {
		return Invite{}, fail(errors.New("there is no such invitation"), "tributary tenant invites lists them")
	}
	return r.Invite, err
}

// Forget erases every invitation of a tenant.
func (s *Invites) Forget(ctx context.Context, slug string) error {
	list, err := s.List(ctx, slug)
	for _, i := range list {
		err = errors.Join(err, s.c.Records.RemoveInvite(ctx, i.ID))
	}
	return err
}
