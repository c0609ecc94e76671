package directory

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tributary"
)

// Kind is how a permission is used.
type Kind string

const (
	Application Kind = "application" // by the application itself: an app role
	Delegated   Kind = "delegated"   // by a person through the application: a scope
)

// Permission is one permission of an API.
type Permission struct {
	API      string // the API's name, such as Microsoft Graph
	APIAppID string // its application id
	Name     string // such as SecurityAlert.Read.All; empty where the API doesn't know the id
	ID       string // GUID; differs between clouds
	Kind     Kind
	// Principal is the one person that a delegated permission is granted for
	// (object id); empty is everybody, and everything that isn't a grant.
	Principal string
}

func (p Permission) String() string {
	name := p.Name
	if name == "" {
		name = p.ID
	}
	api := p.API
	if api == "" {
		api = p.APIAppID
	}
	return name + " of " + api + " (" + string(p.Kind) + ")"
}

// Need is a permission that a source needs, by its name.
type Need struct {
	API      string // name of the API as Entra's pages list it
	APIAppID string
	Name     string
	Kind     Kind
}

func (n Need) String() string { return n.Name + " of " + n.API + " (" + string(n.Kind) + ")" }

// Microsoft's own applications have the same application ids everywhere
// (Graph: permissions-reference; Defender: exposed-apis-create-app-partners,
// api-partner-access). The ids of their permissions are looked up.
const (
	graphAppID    = "00000003-0000-0000-c000-000000000000"
	aadGraphAppID = "00000002-0000-0000-c000-000000000000"
	defenderAppID = "fc780465-2017-40d4-a0c5-307022471b92"
	xdrAppID      = "8ee8fdad-f234-4243-8f3b-15c294843740"
)

type sourceNeed struct {
	api, appID, role, scope string
}

// sourceNeeds holds the least that reads each source.
var sourceNeeds = map[tributary.Source]sourceNeed{
	tributary.SourceGraph:          {"Microsoft Graph", graphAppID, "SecurityAlert.Read.All", "SecurityAlert.Read.All"},
	tributary.SourceGraphIncidents: {"Microsoft Graph", graphAppID, "SecurityIncident.Read.All", "SecurityIncident.Read.All"},
	tributary.SourceEndpoint:       {"WindowsDefenderATP", defenderAppID, "Alert.Read.All", "Alert.Read"},
	tributary.SourceXDR:            {"Microsoft Threat Protection", xdrAppID, "Incident.Read.All", "Incident.Read"},
	// The SIEM API lets in whom the portal's MSSP page lists. Its tokens are
	// Azure AD Graph's, which wants to be named in the registration: the least
	// that it has is reading the profile of whoever signs in.
	tributary.SourceSIEM: {"Windows Azure Active Directory", aadGraphAppID, "", "User.Read"},
}

// signInScopes are what a person's sign-in asks for besides the API. In the
// registration they are covered by an administrator's consent, so that nobody
// is asked again in a directory where users may not consent.
var signInScopes = []string{"openid", "profile", "offline_access"}

// Needs lists the permissions, all of them read-only, that an application must
// have for the sources: by API, then by name.
func Needs(sources []tributary.Source, auth tributary.AuthMethod) ([]Need, error) {
	var needs []Need
	for _, source := range sources {
		s, known := sourceNeeds[source]
		if !known {
			return nil, fmt.Errorf("unknown source %q", source)
		}
		n := Need{API: s.api, APIAppID: s.appID, Name: s.scope, Kind: Delegated}
		if auth == tributary.AuthAppOnly && s.role != "" {
			n.Name, n.Kind = s.role, Application
		}
		needs = append(needs, n)
	}
	if auth == tributary.AuthDelegated {
		for _, scope := range signInScopes {
			needs = append(needs, Need{API: "Microsoft Graph", APIAppID: graphAppID, Name: scope, Kind: Delegated})
		}
	}
	slices.SortStableFunc(needs, func(a, b Need) int { return strings.Compare(a.API+"\x00"+a.Name, b.API+"\x00"+b.Name) })
	return slices.Compact(needs), nil
}

// principal is a service principal: an application as a directory knows it.
type principal struct {
	ID       string       `json:"id"`
	AppID    string       `json:"appId"`
	Name     string       `json:"displayName"`
	Enabled  *bool        `json:"accountEnabled"`
	Roles    []permission `json:"appRoles"`
	Scopes   []permission `json:"oauth2PermissionScopes"`
	AppOwner string       `json:"appOwnerOrganizationId"`
}

type permission struct {
	ID      string `json:"id"`
	Value   string `json:"value"`
	Enabled *bool  `json:"isEnabled"`
}

// find looks a permission up by its name.
func (p *principal) find(kind Kind, name string) (Permission, bool) {
	list := p.Scopes
	if kind == Application {
		list = p.Roles
	}
	for _, one := range list {
		if strings.EqualFold(one.Value, name) && (one.Enabled == nil || *one.Enabled) {
			return Permission{API: p.Name, APIAppID: p.AppID, Name: one.Value, ID: one.ID, Kind: kind}, true
		}
	}
	return Permission{}, false
}

// byID names a permission.
func (p *principal) byID(kind Kind, id string) Permission {
	found := Permission{API: p.Name, APIAppID: p.AppID, ID: id, Kind: kind}
	list := p.Scopes
	if kind == Application {
		list = p.Roles
	}
	for _, one := range list {
		if strings.EqualFold(one.ID, id) {
			found.Name = one.Value
		}
	}
	return found
}

const principalFields = "id,appId,displayName,accountEnabled,appRoles,oauth2PermissionScopes,appOwnerOrganizationId"

// principal finds an application's service principal in the directory; nil if
// there is none.
func (c *Client) principal(ctx context.Context, op, appID string) (*principal, error) {
	return c.principalWhere(ctx, op, "appId eq "+quoted(appID))
}

func (c *Client) principalWhere(ctx context.Context, op, filter string) (*principal, error) {
	found, err := list[principal](ctx, c, call{
		op: op, need: readApps, method: http.MethodGet, path: "/servicePrincipals",
		query: url.Values{"$filter": {filter}, "$select": {principalFields}},
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// resolved are needs that were looked up, with the service principals of their
// APIs by application id.
type resolved struct {
	permissions []Permission
	apis        map[string]*principal
	absent      []Need // of APIs that the directory doesn't have; none where they were let in
}

// resolve looks the needs up, by name. An API that the directory doesn't know
// yet is let in first, if asked: Microsoft's own are there from the day of
// their licence on, or when somebody asks for them.
func (c *Client) resolve(ctx context.Context, needs []Need, letIn bool) (resolved, error) {
	r := resolved{apis: map[string]*principal{}}
	for _, n := range needs {
		api := r.apis[n.APIAppID]
		if api == nil {
			var err error
			if api, err = c.principal(ctx, lookUp(n), n.APIAppID); err == nil && api == nil && letIn {
				api, err = c.letIn(ctx, n)
			}
			if err != nil {
				return resolved{}, err
			}
			r.apis[n.APIAppID] = api
		}
		if api == nil {
			r.absent = append(r.absent, n)
			continue
		}
		p, ok := api.find(n.Kind, n.Name)
		if !ok {
			return resolved{}, c.failure("look up the permission "+n.String(), CodeAPIMissing, tributary.FixMSSP,
				fmt.Errorf("%s has no such permission in this cloud", n.API), "leave out the source that needs it")
		}
		r.permissions = append(r.permissions, p)
	}
	return r, nil
}

func lookUp(n Need) string { return "look up the API " + n.API }

const apiAdvice = "open the Microsoft Defender portal once in this directory, which brings the API in where the licence has it, or leave out the source that needs it"

// letIn makes the service principal of a need's API.
func (c *Client) letIn(ctx context.Context, n Need) (*principal, error) {
	op := lookUp(n)
	err := c.do(ctx, call{
		op: op, need: manageApps, method: http.MethodPost, path: "/servicePrincipals", body: map[string]string{"appId": n.APIAppID},
	})
	if e := refusal(err); e != nil && !conflict(err) && (e.status == http.StatusBadRequest || e.status == http.StatusNotFound) {
		return nil, c.failure(op, CodeAPIMissing, c.cfg.Fix, fmt.Errorf("the directory doesn't have %s: %w", n.API, err), apiAdvice)
	}
	if err != nil && !conflict(err) {
		return nil, err
	}
	var p *principal
	err = c.settle(ctx, func() error {
		if p, err = c.principal(ctx, op, n.APIAppID); err == nil && p == nil {
			err = c.failure(op, CodeAPIMissing, tributary.FixRetry, errNotSpread, "start it again")
		}
		return err
	})
	return p, err
}
