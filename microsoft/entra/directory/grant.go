package directory

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tributary"
)

// Provisioned is an application as a directory has let it in.
type Provisioned struct {
	ServicePrincipalID string
	AppID, Name        string
	Enabled            bool   // an administrator may have switched it off
	Home               string // tenant id of the directory where it is registered
	// Granted are the permissions that the directory gave it.
	Granted []Permission
}

// Has reports whether a permission is granted, for everybody if it is a
// delegated one.
func (p Provisioned) Has(n Need) bool {
	return slices.ContainsFunc(p.Granted, func(g Permission) bool {
		return g.Kind == n.Kind && g.Principal == "" && strings.EqualFold(g.APIAppID, n.APIAppID) && strings.EqualFold(g.Name, n.Name)
	})
}

// Lacks lists the needs that are not granted.
func (p Provisioned) Lacks(needs []Need) []Need {
	return slices.DeleteFunc(slices.Clone(needs), p.Has)
}

type assignment struct {
	ID          string `json:"id"`
	PrincipalID string `json:"principalId"`
	ResourceID  string `json:"resourceId"`
	RoleID      string `json:"appRoleId"`
}

type scopeGrant struct {
	ID          string `json:"id"`
	ClientID    string `json:"clientId"`
	ConsentType string `json:"consentType"` // AllPrincipals or Principal
	PrincipalID string `json:"principalId"`
	ResourceID  string `json:"resourceId"`
	Scope       string `json:"scope"` // space separated
}

const everybody = "AllPrincipals"

// Granted looks at what this directory has granted the application. An
// application that the directory doesn't know is an error of code
// [tributary.CodeConsentMissing] that wraps [tributary.ErrNotFound].
func (c *Client) Granted(ctx context.Context, appID string) (Provisioned, error) {
	const op = "look at what the application is granted"
	own, err := c.principal(ctx, op, appID)
	if err != nil {
		return Provisioned{}, err
	}
	if own == nil {
		return Provisioned{}, c.failure(op, tributary.CodeConsentMissing, c.cfg.Fix,
			fmt.Errorf("the application %s is not provisioned in this directory: %w", clean(appID, 60), tributary.ErrNotFound),
			"have an administrator of this directory consent to it")
	}
	p := Provisioned{ServicePrincipalID: own.ID, AppID: own.AppID, Name: own.Name, Home: own.AppOwner, Enabled: own.Enabled == nil || *own.Enabled}
	roles, err := c.assignments(ctx, op, own.ID)
	if err != nil {
		return Provisioned{}, err
	}
	scopes, err := c.scopeGrants(ctx, op, own.ID)
	if err != nil {
		return Provisioned{}, err
	}
	apis := map[string]*principal{}
	api := func(id string) (*principal, error) {
		if apis[id] == nil {
			found := &principal{}
			err := c.do(ctx, call{
				op: op, need: readApps, method: http.MethodGet, path: "/servicePrincipals/" + url.PathEscape(id),
				query: url.Values{"$select": {principalFields}}, into: found,
			})
			if err != nil && !missing(err) {
				return nil, err
			}
			apis[id] = found
		}
		return apis[id], nil
	}
	for _, r := range roles {
		found, err := api(r.ResourceID)
		if err != nil {
			return Provisioned{}, err
		}
		p.Granted = append(p.Granted, found.byID(Application, r.RoleID))
	}
	for _, g := range scopes {
		found, err := api(g.ResourceID)
		if err != nil {
			return Provisioned{}, err
		}
		for _, scope := range strings.Fields(g.Scope) {
			one, ok := found.find(Delegated, scope)
			if !ok {
				one = Permission{API: found.Name, APIAppID: found.AppID, Name: scope, Kind: Delegated}
			}
			if g.ConsentType != everybody {
				one.Principal = g.PrincipalID
			}
			p.Granted = append(p.Granted, one)
		}
	}
	slices.SortStableFunc(p.Granted, func(a, b Permission) int { return strings.Compare(a.String(), b.String()) })
	return p, nil
}

func (c *Client) assignments(ctx context.Context, op, id string) ([]assignment, error) {
	return list[assignment](ctx, c, call{
		op: op, need: readApps, method: http.MethodGet, path: "/servicePrincipals/" + url.PathEscape(id) + "/appRoleAssignments",
	})
}

func (c *Client) scopeGrants(ctx context.Context, op, id string) ([]scopeGrant, error) {
	return list[scopeGrant](ctx, c, call{
		op: op, need: readGrants, method: http.MethodGet, path: "/servicePrincipals/" + url.PathEscape(id) + "/oauth2PermissionGrants",
	})
}

// Provision lets an application into this directory and grants it what the
// sources need: what an administrator's consent does, by API. Whoever signed in
// must be allowed to grant (see [TaskGrant]). It may be repeated.
func (c *Client) Provision(ctx context.Context, appID string, sources []tributary.Source, auth tributary.AuthMethod) (Provisioned, error) {
	const op = "grant the application its permissions"
	needs, err := Needs(sources, auth)
	if err != nil {
		return Provisioned{}, c.failure(op, CodeSettings, tributary.FixMSSP, err, "correct the sources")
	}
	found, err := c.resolve(ctx, needs, true)
	if err != nil {
		return Provisioned{}, err
	}
	own, err := c.ensurePrincipal(ctx, appID)
	if err != nil {
		return Provisioned{}, err
	}
	if err := c.grant(ctx, own, found); err != nil {
		return Provisioned{}, err
	}
	return c.Granted(ctx, appID)
}

// grant gives a service principal the permissions that it hasn't.
func (c *Client) grant(ctx context.Context, own *principal, wanted resolved) error {
	const op = "grant the application its permissions"
	var roles []assignment
	var scopes []scopeGrant
	err := c.settle(ctx, func() (err error) {
		if roles, err = c.assignments(ctx, op, own.ID); err == nil {
			scopes, err = c.scopeGrants(ctx, op, own.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	delegated := map[string][]string{} // API's application id → scopes
	for _, p := range wanted.permissions {
		api := wanted.apis[p.APIAppID]
		if p.Kind == Delegated {
			delegated[p.APIAppID] = append(delegated[p.APIAppID], p.Name)
			continue
		}
		if slices.ContainsFunc(roles, func(a assignment) bool { return a.ResourceID == api.ID && strings.EqualFold(a.RoleID, p.ID) }) {
			continue
		}
		err := c.settle(ctx, func() error {
			return c.do(ctx, call{
				op: "grant " + p.String(), need: assignRoles, method: http.MethodPost,
				path: "/servicePrincipals/" + url.PathEscape(api.ID) + "/appRoleAssignedTo",
				body: map[string]string{"principalId": own.ID, "resourceId": api.ID, "appRoleId": p.ID},
			})
		})
		if err != nil && !conflict(err) { // there already, said by another copy of the directory
			return err
		}
	}
	for _, appID := range slices.Sorted(maps.Keys(delegated)) {
		if err := c.grantScopes(ctx, own, wanted.apis[appID], delegated[appID], scopes); err != nil {
			return err
		}
	}
	return nil
}

// grantScopes gives delegated permissions for everybody. A directory has one
// such grant for each API, which a change replaces as a whole.
func (c *Client) grantScopes(ctx context.Context, own, api *principal, names []string, have []scopeGrant) error {
	op := "grant " + strings.Join(names, ", ") + " of " + api.Name
	theirs := func(g scopeGrant) bool { return g.ResourceID == api.ID && g.ConsentType == everybody }
	at := slices.IndexFunc(have, theirs)
	if at < 0 {
		err := c.settle(ctx, func() error {
			return c.do(ctx, call{
				op: op, need: grantScopes, method: http.MethodPost, path: "/oauth2PermissionGrants",
				body: map[string]any{
					"clientId": own.ID, "consentType": everybody, "principalId": nil, "resourceId": api.ID, "scope": strings.Join(names, " "),
				},
			})
		})
		if !conflict(err) {
			return err
		}
		// Made a moment ago, which the list doesn't show yet: see what it holds.
		err = c.settle(ctx, func() error {
			if have, err = c.scopeGrants(ctx, op, own.ID); err != nil {
				return err
			}
			if at = slices.IndexFunc(have, theirs); at < 0 {
				return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errNotSpread, "start it again")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	scopes := strings.Fields(have[at].Scope)
	missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return slices.ContainsFunc(scopes, func(s string) bool { return strings.EqualFold(s, n) })
	})
	if len(missing) == 0 {
		return nil
	}
	return c.do(ctx, call{
		op: op, need: grantScopes, method: http.MethodPatch, path: "/oauth2PermissionGrants/" + url.PathEscape(have[at].ID),
		body: map[string]string{"scope": strings.Join(append(scopes, missing...), " ")},
	})
}
