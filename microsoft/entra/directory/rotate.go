package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Rotation renews an application's certificate or secret with overlap: the new
// one is added, proved, and only then the old one is removed.
//
// An attempt that was cut is resumed by making it again with the same Rotation,
// and with Pending set to what Keep was given last, if it was called.
type Rotation struct {
	AppID string
	// Mark is the registration's; see [Registration.Mark].
	Mark string
	// Current is the application with the credential in use, which is to be
	// replaced. It is found by its certificate, by CurrentKeyID, or by the
	// beginning of its secret.
	Current      tributary.App
	CurrentKeyID string

	// Certificate is the new one. The caller has stored it, key and all, before
	// the first attempt. Nil has Entra make a client secret.
	Certificate    *Certificate
	SecretLifetime time.Duration // zero: 180 days
	// Pending is the new credential of an earlier attempt.
	Pending *Pending

	// Keep stores the new credential beside the old one, durably. A secret that
	// can't be stored is taken back. It must be given.
	Keep func(context.Context, Pending) error
	// Prove gets a token with the new credential. It is tried again until it
	// works, because a new credential takes minutes to spread, so it must not
	// answer from a memory of earlier failures. It must be given.
	Prove func(context.Context, tributary.App) error
	// Adopt makes the new credential the one in use; the old one is still valid
	// then, and is removed after it. Nil: the caller does so when Rotate returns.
	Adopt func(context.Context, Pending) error
	// Patience is how long Prove is tried; zero is 10 minutes.
	Patience time.Duration
	Progress func(step string) // may be nil
}

// Pending is a new credential that an application has beside its old one.
type Pending struct {
	Credential Credential
	App        tributary.App // the application with the new credential
}

// Rotated is how a rotation ended.
type Rotated struct {
	Pending              // the credential in use from now on
	Removed []Credential // the old one, and secrets that nobody held
	Left    []Credential // others that the application has: not of this rotation
}

const rotateOp = "renew the application's credential"

// Rotate renews a credential. At every moment the application has one that
// works, wherever it is cut.
func (c *Client) Rotate(ctx context.Context, r Rotation) (Rotated, error) {
	wrong := func(err error) (Rotated, error) {
		return Rotated{}, c.failure(rotateOp, CodeSettings, tributary.FixMSSP, err, "correct it and start again")
	}
	switch {
	case !markForm.MatchString(r.Mark):
		return wrong(errors.New("the mark must be 1 to 64 letters, digits and hyphens"))
	case r.Keep == nil || r.Prove == nil:
		return wrong(errors.New("nothing stores or proves the new credential"))
	case r.SecretLifetime < 0 || r.SecretLifetime > maxLifetime:
		return wrong(errors.New("a client secret lives for two years at most"))
	case r.Certificate != nil:
		if err := checkCertificate(r.Certificate.X509, c.cfg.Now()); err != nil {
			return wrong(err)
		}
		if cert, err := leaf(tributary.App{Certificate: r.Certificate.PEM}); err != nil || !cert.Equal(r.Certificate.X509) {
			return wrong(errors.New("the new certificate's PEM is not that of the certificate"))
		}
	}
	say := func(format string, args ...any) {
		if r.Progress != nil {
			r.Progress(fmt.Sprintf(format, args...))
		}
	}
	app, err := c.registered(ctx, rotateOp, r.AppID)
	if err != nil {
		return Rotated{}, err
	}
	// A list may be older than the thing itself.
	if app, err = c.application(ctx, rotateOp, app.ID); err != nil {
		return Rotated{}, err
	}
	old, err := c.current(app, r)
	if err != nil {
		return Rotated{}, err
	}
	var done Rotated
	if err := c.renew(ctx, r, app, old, &done); err != nil {
		return done, err
	}
	say("new %s %s, valid until %s", done.Credential.Kind, done.Credential.KeyID, done.Credential.Expires.Format(time.DateOnly))
	if err := c.prove(ctx, r, done.Pending); err != nil {
		return done, err
	}
	say("it works")
	if r.Adopt != nil {
		if err := r.Adopt(ctx, done.Pending); err != nil {
			return done, c.hookFailed("put the new credential into use", err)
		}
		say("it is in use")
	}
	if old.KeyID != "" && !strings.EqualFold(old.KeyID, done.Credential.KeyID) {
		if err := c.remove(ctx, app.ID, old, done.Credential); err != nil {
			return done, err
		}
		done.Removed = append(done.Removed, old)
		say("old %s %s removed", old.Kind, old.KeyID)
	}
	for _, one := range app.credentials() {
		gone := func(r Credential) bool { return strings.EqualFold(r.KeyID, one.KeyID) }
		if !strings.EqualFold(one.KeyID, done.Credential.KeyID) && !slices.ContainsFunc(done.Removed, gone) {
			done.Left = append(done.Left, one)
		}
	}
	c.cfg.Log.Info("credential renewed", "app", app.AppID, "key", done.Credential.KeyID, "expires", done.Credential.Expires)
	return done, nil
}

// renew lets the application have the new credential.
func (c *Client) renew(ctx context.Context, r Rotation, app *application, old Credential, done *Rotated) error {
	fresh := r.Current
	fresh.ClientID = app.AppID
	fresh.ClientSecret, fresh.Certificate = tributary.Secret{}, tributary.Secret{}
	if r.Certificate != nil {
		made, err := c.addCertificate(ctx, app.ID, r.Certificate.X509, credentialName(r.Mark))
		if err != nil {
			return err
		}
		fresh.Certificate = r.Certificate.PEM
		done.Pending = Pending{made, fresh}
		if err := r.Keep(ctx, done.Pending); err != nil {
			return c.hookFailed("store the new credential", err)
		}
		return nil
	}
	if r.Pending != nil && !r.Pending.App.ClientSecret.IsZero() {
		if have, ok := app.key(r.Pending.Credential.KeyID); ok && have.Valid(c.cfg.Now()) {
			done.Pending = *r.Pending
			return nil
		}
	}
	for _, one := range app.credentials() {
		if one.Kind == SecretCredential && one.Name == credentialName(r.Mark) && one.KeyID != old.KeyID {
			// Of an attempt that was cut before the secret could be stored.
			if err := c.removeSecret(ctx, "remove a secret that nobody holds", app.ID, one.KeyID); err != nil {
				return err
			}
			done.Removed = append(done.Removed, one)
		}
	}
	lifetime := r.SecretLifetime
	if lifetime == 0 {
		lifetime = defaultLifetime
	}
	made, secret, err := c.addSecret(ctx, app.ID, credentialName(r.Mark), lifetime)
	if err != nil {
		return err
	}
	fresh.ClientSecret = secret
	pending := Pending{made, fresh}
	if err := r.Keep(ctx, pending); err != nil {
		return c.takeBack(ctx, app.ID, made, err)
	}
	done.Pending = pending
	return nil
}

// current finds the credential in use among the application's. It is zero where
// the application doesn't have it any more.
func (c *Client) current(app *application, r Rotation) (Credential, error) {
	if r.CurrentKeyID != "" {
		found, _ := app.key(r.CurrentKeyID)
		return found, nil
	}
	if !r.Current.Certificate.IsZero() {
		cert, err := leaf(r.Current)
		if err != nil {
			return Credential{}, c.failure(rotateOp, tributary.CodeCredential, tributary.FixMSSP, err, "give the application's certificate as it is in use")
		}
		found, _ := app.certificate(Thumbprint(cert))
		return found, nil
	}
	secret := r.Current.ClientSecret.Reveal() // compared with hints, never kept
	if secret == "" {
		return Credential{}, nil // nothing to be replaced
	}
	var fits, unknown []Credential
	for _, one := range app.credentials() {
		switch pending := r.Pending != nil && strings.EqualFold(one.KeyID, r.Pending.Credential.KeyID); {
		case one.Kind != SecretCredential || pending:
		case one.Hint == "": // Entra keeps none of some old secrets
			unknown = append(unknown, one)
		case strings.HasPrefix(secret, one.Hint):
			fits = append(fits, one)
		}
	}
	switch {
	case len(fits) == 1:
		return fits[0], nil
	case len(fits) == 0 && len(unknown) == 0:
		return Credential{}, nil
	}
	fits = append(fits, unknown...)
	ids := make([]string, len(fits))
	for i, one := range fits {
		ids[i] = fmt.Sprintf("%s (%s, until %s)", one.KeyID, clean(one.Name, 60), one.Expires.Format(time.DateOnly))
	}
	return Credential{}, c.failure(rotateOp, CodeSettings, tributary.FixMSSP,
		errors.New("the secret in use may be any of "+strings.Join(ids, ", ")), "name the id of the secret that is to be replaced")
}

// proveSteps are the waits, in units of patience.settle, between two proofs; the
// last one repeats.
var proveSteps = []int{2, 3, 5, 10, 15, 30}

// prove tries the new credential until it works.
func (c *Client) prove(ctx context.Context, r Rotation, p Pending) error {
	left := r.Patience
	if left == 0 {
		left = 10 * time.Minute
	}
	for i := 0; ; i++ {
		err := r.Prove(ctx, p.App)
		if err == nil {
			return nil
		}
		pause := time.Duration(proveSteps[min(i, len(proveSteps)-1)]) * c.cfg.patience.settle
		if left -= pause; left < 0 || !wait(ctx, pause) {
			return c.failure("prove the new credential", CodeUnproven, tributary.FixMSSP,
				fmt.Errorf("it hasn't worked yet, and the old one stays in use: %w", err), "start the renewal again: it goes on with the new credential")
		}
	}
}

// hookFailed is a step of the caller's that failed.
func (c *Client) hookFailed(op string, err error) error {
	if tributary.AsError(err) != nil {
		return err
	}
	return c.failure(op, CodeCutShort, tributary.FixMSSP, err, "mend it and start again: it goes on where it stopped")
}
