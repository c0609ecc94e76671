package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tributary"
	"tributary/microsoft/entra"
)

const registerOp = "register the application"

// Register creates the application, or completes one that an earlier attempt
// with the same mark began: the registration with its permissions and redirect
// URIs, its service principal, its certificate or secret, and, if asked, what
// it is granted in this directory. It may be repeated at any time; a later call
// with other sources or redirect URIs changes the application to them.
func (c *Client) Register(ctx context.Context, r Registration) (Registered, error) {
	if err := r.check(c.cfg.Now()); err != nil {
		return Registered{}, c.failure(registerOp, CodeSettings, tributary.FixMSSP, err, "correct it and start again")
	}
	say := func(format string, args ...any) {
		if r.Progress != nil {
			r.Progress(fmt.Sprintf(format, args...))
		}
	}
	done, err := c.whereRegistered(ctx, r)
	if err != nil {
		return Registered{}, err
	}
	say("signed in to %s", done.Directory)
	needs, err := Needs(r.Sources, r.Auth)
	if err != nil {
		return Registered{}, c.failure(registerOp, CodeSettings, tributary.FixMSSP, err, "correct the sources")
	}
	found, err := c.resolve(ctx, needs, true)
	if err != nil {
		return Registered{}, err
	}
	done.Permissions = found.permissions
	app, err := c.ensureApplication(ctx, r, &done)
	if err != nil {
		return done, err
	}
	say("application %s has id %s", app.Name, app.AppID)
	own, err := c.ensurePrincipal(ctx, app.AppID)
	if err != nil {
		return done, err
	}
	done.ServicePrincipalID = own.ID
	say("it is provisioned in the directory")
	if err := c.ensureCredential(ctx, r, app, &done); err != nil {
		return done, err
	}
	if done.Credential.KeyID != "" {
		say("%s %s is valid until %s", done.Credential.Kind, done.Credential.KeyID, done.Credential.Expires.Format(time.DateOnly))
	}
	if r.Grant {
		if err := c.grant(ctx, own, found); err != nil {
			return done, err
		}
		done.Granted = true
		say("its permissions are granted in the directory")
	}
	if err := c.dropDuplicates(ctx, r, &done); err != nil {
		return done, err
	}
	c.cfg.Log.Info("application registered", "directory", done.DirectoryID, "app", done.AppID, "created", done.Created)
	return done, nil
}

// whereRegistered finds out whose directory this is, and refuses a
// single-directory application in the wrong one.
func (c *Client) whereRegistered(ctx context.Context, r Registration) (Registered, error) {
	org, err := c.Organization(ctx)
	if e := tributary.AsError(err); e != nil && e.Code == tributary.CodeForbidden {
		// The token says which directory it is for, too.
		token, terr := c.cfg.Token(ctx, c.graph.resource)
		claims, cerr := entra.ReadClaims(token.Value)
		if terr != nil || cerr != nil || claims.TenantID == "" {
			return Registered{}, err
		}
		org, err = Organization{TenantID: claims.TenantID}, nil
	}
	if err != nil {
		return Registered{}, err
	}
	where := Registered{DirectoryID: org.TenantID, Directory: org.Name, Name: r.DisplayName, MultiTenant: r.MultiTenant}
	if where.Directory == "" {
		where.Directory = org.TenantID
	}
	if where.Name == "" {
		where.Name = clean(where.Directory, 90) + " SIEM MSSP Connector"
	}
	if !slices.ContainsFunc(r.Sources, func(s tributary.Source) bool { return s != tributary.SourceSIEM }) {
		where.Notes = append(where.Notes,
			"the SIEM API is deprecated, and Azure AD Graph, whose tokens it takes, is being retired: name graph or endpoint among the sources too")
	}
	switch {
	case r.MultiTenant:
	case r.Customer == "":
		where.Notes = append(where.Notes, fmt.Sprintf(
			"the application is registered for %s (%s) alone: it can't sign in to any other directory. Registered in the provider's own directory it reads no customer's alerts",
			where.Directory, where.DirectoryID))
	case !strings.EqualFold(r.Customer, org.TenantID):
		return Registered{}, c.failure(registerOp, CodeSingleDirectory, tributary.FixMSSP,
			fmt.Errorf("the sign-in was in %s (%s), and a single-directory application registered there can't sign in to the customer's directory %s",
				where.Directory, where.DirectoryID, strings.ToLower(r.Customer)),
			"let an administrator of the customer's directory sign in, or register one application for many directories")
	}
	return where, nil
}

// known lists what earlier attempts made.
func (c *Client) known(ctx context.Context, r Registration, name string) ([]application, error) {
	if r.AppID == "" {
		return c.marked(ctx, registerOp, r.tag(), name)
	}
	app, err := c.registered(ctx, registerOp, r.AppID)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(app.Tags, r.tag()) {
		return nil, c.failure(registerOp, CodeNotOurs, tributary.FixMSSP,
			fmt.Errorf("the application %s (%s) wasn't made by this registration", clean(app.Name, 120), app.AppID), "take it over first: tributary app register --take-over "+app.AppID)
	}
	return []application{*app}, nil
}

// ensureApplication finds what an earlier attempt made and completes it, or
// creates it.
func (c *Client) ensureApplication(ctx context.Context, r Registration, done *Registered) (*application, error) {
	found, err := c.known(ctx, r, done.Name)
	if err != nil {
		return nil, err
	}
	var app *application
	if len(found) > 0 {
		app = furthest(found, r)
		if change := r.members(app, done.Name, done.Permissions); change != nil {
			if err := c.settle(ctx, func() error { return c.change(ctx, registerOp, app.ID, change) }); err != nil {
				return nil, err
			}
		}
	} else {
		app = &application{}
		err := c.do(ctx, call{
			op: registerOp, need: createApps, method: http.MethodPost, path: "/applications",
			body: r.members(nil, done.Name, done.Permissions), into: app, once: true,
		})
		if err != nil {
			return nil, err
		}
		done.Created = true
	}
	if app.ID == "" || app.AppID == "" {
		return nil, c.failure(registerOp, tributary.CodeUnavailable, tributary.FixRetry, errors.New("the answer names no application"), "start it again")
	}
	done.ObjectID, done.AppID = app.ID, app.AppID
	if r.DisplayName == "" && app.Name != "" {
		done.Name = app.Name
	}
	return app, nil
}

// furthest is, of what earlier attempts made, the one with the credential that
// the caller holds, and otherwise the oldest.
func furthest(found []application, r Registration) *application {
	for i := range found {
		if _, have := found[i].key(r.KeyID); have {
			return &found[i]
		}
		if r.Certificate != nil {
			if _, have := found[i].certificate(Thumbprint(r.Certificate)); have {
				return &found[i]
			}
		}
	}
	return &found[0]
}

// ensurePrincipal finds the application's service principal or creates it.
func (c *Client) ensurePrincipal(ctx context.Context, appID string) (*principal, error) {
	const op = "provision the application in the directory"
	var own *principal
	asked := false
	err := c.settle(ctx, func() error {
		var err error
		if own, err = c.principal(ctx, op, appID); own != nil || err != nil {
			return err
		}
		if !asked {
			made := &principal{}
			err = c.do(ctx, call{
				op: op, need: manageApps, method: http.MethodPost, path: "/servicePrincipals", body: map[string]string{"appId": appID}, into: made,
			})
			if err != nil && !conflict(err) {
				return err
			}
			if err == nil && made.ID != "" {
				own = made
				return nil
			}
			asked = true
		}
		return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errNotSpread, "start it again")
	})
	return own, err
}

// ensureCredential lets the application have the certificate or the secret.
func (c *Client) ensureCredential(ctx context.Context, r Registration, app *application, done *Registered) (err error) {
	switch {
	case r.Certificate != nil:
		done.Credential, err = c.addCertificate(ctx, app.ID, r.Certificate, credentialName(r.Mark))
		return err
	case !r.Secret:
		return nil
	}
	var held Credential
	for _, one := range app.credentials() {
		switch {
		case r.KeyID != "" && strings.EqualFold(one.KeyID, r.KeyID):
			held = one
		case one.Kind == SecretCredential && one.Name == credentialName(r.Mark):
			// Made by an attempt that was cut before it could be stored: nobody
			// knows it, and nobody shall.
			if err := c.removeSecret(ctx, "remove a secret that nobody holds", app.ID, one.KeyID); err != nil {
				return err
			}
		}
	}
	if held.KeyID != "" && held.Valid(c.cfg.Now()) {
		done.Credential = held
		return nil
	}
	lifetime := r.SecretLifetime
	if lifetime == 0 {
		lifetime = defaultLifetime
	}
	if done.Credential, done.Secret, err = c.addSecret(ctx, app.ID, credentialName(r.Mark), lifetime); err != nil {
		return err
	}
	if err := r.Keep(ctx, *done); err != nil {
		made := done.Credential
		done.Credential, done.Secret = Credential{}, tributary.Secret{}
		return c.takeBack(ctx, app.ID, made, err)
	}
	return nil
}

// takeBack removes a secret that couldn't be stored.
func (c *Client) takeBack(ctx context.Context, id string, made Credential, why error) error {
	const op = "store the client secret"
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.patience.answer)
	defer cancel()
	next := "see to it that it can be stored, and start again"
	if err := c.removeSecret(ctx, op, id, made.KeyID); err != nil {
		next += "; the secret " + made.KeyID + ", which nobody holds, is removed then"
	}
	if e := tributary.AsError(why); e != nil {
		return why
	}
	return c.failure(op, CodeCutShort, tributary.FixMSSP, why, next)
}

// dropDuplicates removes what an attempt made whose answer was lost, and which
// the directory didn't show to the next one yet. They carry this registration's
// mark, so they are ours.
func (c *Client) dropDuplicates(ctx context.Context, r Registration, done *Registered) error {
	const op = "remove a duplicate of the application"
	found, err := c.marked(ctx, op, r.tag(), done.Name)
	if err != nil {
		return err
	}
	for _, extra := range slices.Backward(found) {
		if extra.ID == done.ObjectID {
			continue
		}
		err := c.do(ctx, call{op: op, need: manageApps, method: http.MethodDelete, path: "/applications/" + url.PathEscape(extra.ID)})
		if err != nil && !missing(err) {
			return err
		}
		c.cfg.Log.Info("duplicate of the application removed", "app", extra.AppID)
	}
	return nil
}
