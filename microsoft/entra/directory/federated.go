package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"tributary"
)

// Federated is a federated identity credential: the tokens of another issuer
// that an application takes for its own proof. It is how a workload proves
// itself without a secret (Entra: workload-identity-federation).
type Federated struct {
	ID          string // given by Entra
	Name        string // 3 to 120 letters, digits, hyphens and underscores; can't be changed later
	Issuer      string // an OpenID Connect issuer, to the letter
	Subject     string // the sub of its tokens, to the letter
	Audience    string // their aud; empty: api://AzureADTokenExchange
	Description string
}

// exchangeAudience is what Microsoft recommends, and most issuers send.
const exchangeAudience = "api://AzureADTokenExchange"

var federatedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$`)

func (f Federated) check() error {
	issuer, err := url.Parse(f.Issuer)
	switch {
	case !federatedName.MatchString(f.Name):
		return errors.New("the name must have 3 to 120 letters, digits, hyphens and underscores, a letter or digit first")
	case err != nil || issuer.Scheme != "https" || issuer.Host == "" || issuer.User != nil || len(f.Issuer) > 600:
		return errors.New("the issuer must be an https address, as its tokens name it")
	case f.Subject == "" || len(f.Subject) > 600:
		return errors.New("the subject must have 1 to 600 characters")
	case len(f.Audience) > 600 || len(f.Description) > 600:
		return errors.New("the audience or the description has more than 600 characters")
	}
	return nil
}

type federated struct {
	ID          string   `json:"id,omitempty"`
	Name        string   `json:"name,omitempty"`
	Issuer      string   `json:"issuer"`
	Subject     string   `json:"subject"`
	Audiences   []string `json:"audiences"`
	Description string   `json:"description,omitempty"`
}

func (f federated) exported() Federated {
	return Federated{ID: f.ID, Name: f.Name, Issuer: f.Issuer, Subject: f.Subject, Audience: strings.Join(f.Audiences, " "), Description: f.Description}
}

func federatedPath(id string) string {
	return "/applications/" + url.PathEscape(id) + "/federatedIdentityCredentials"
}

func (c *Client) federated(ctx context.Context, op, id string) ([]Federated, error) {
	found, err := list[federated](ctx, c, call{op: op, need: readApps, method: http.MethodGet, path: federatedPath(id)})
	all := make([]Federated, len(found))
	for i, f := range found {
		all[i] = f.exported()
	}
	return all, err
}

// Federated lists an application's federated credentials.
func (c *Client) Federated(ctx context.Context, appID string) ([]Federated, error) {
	const op = "list the federated credentials"
	app, err := c.registered(ctx, op, appID)
	if err != nil {
		return nil, err
	}
	return c.federated(ctx, op, app.ID)
}

// AddFederated lets the application take the tokens of another issuer. One of
// that name is changed to what is given; the same again changes nothing. It
// takes minutes to work (AADSTS70021 until then).
func (c *Client) AddFederated(ctx context.Context, appID string, f Federated) (Federated, error) {
	const op = "add the federated credential"
	if f.Audience == "" {
		f.Audience = exchangeAudience
	}
	if err := f.check(); err != nil {
		return Federated{}, c.failure(op, CodeSettings, tributary.FixMSSP, err, "correct it and start again")
	}
	app, err := c.registered(ctx, op, appID)
	if err != nil {
		return Federated{}, err
	}
	body := federated{Issuer: f.Issuer, Subject: f.Subject, Audiences: []string{f.Audience}, Description: f.Description}
	for range 2 {
		have, err := c.federated(ctx, op, app.ID)
		if err != nil {
			return Federated{}, err
		}
		if at := slices.IndexFunc(have, func(h Federated) bool { return strings.EqualFold(h.Name, f.Name) }); at >= 0 {
			f.ID, f.Name = have[at].ID, have[at].Name
			if have[at] == f {
				return f, nil
			}
			return f, c.do(ctx, call{
				op: op, need: manageApps, method: http.MethodPatch, path: federatedPath(app.ID) + "/" + url.PathEscape(f.ID), body: body,
			})
		}
		if at := slices.IndexFunc(have, func(h Federated) bool { return h.Issuer == f.Issuer && h.Subject == f.Subject }); at >= 0 {
			return Federated{}, c.failure(op, CodeSettings, tributary.FixMSSP,
				fmt.Errorf("the application takes this issuer and subject already, under the name %s", clean(have[at].Name, 120)), "use that name, or remove it first")
		}
		var made federated
		create := body
		create.Name = f.Name
		err = c.do(ctx, call{op: op, need: manageApps, method: http.MethodPost, path: federatedPath(app.ID), body: create, into: &made})
		if err == nil {
			return made.exported(), nil
		}
		if !conflict(err) {
			return Federated{}, err
		}
		// Made by an attempt whose answer was lost: look again.
	}
	return Federated{}, c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errNotSpread, "start it again")
}

// RemoveFederated takes a federated credential from an application, by its
// name. One that is not there is fine.
func (c *Client) RemoveFederated(ctx context.Context, appID, name string) error {
	const op = "remove the federated credential"
	app, err := c.registered(ctx, op, appID)
	if err != nil {
		return err
	}
	have, err := c.federated(ctx, op, app.ID)
	if err != nil {
		return err
	}
	for _, f := range have {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		err := c.do(ctx, call{op: op, need: manageApps, method: http.MethodDelete, path: federatedPath(app.ID) + "/" + url.PathEscape(f.ID)})
		if err != nil && !missing(err) {
			return err
		}
	}
	return nil
}
