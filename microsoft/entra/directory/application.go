package directory

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// application is an app registration, as Graph writes it.
type application struct {
	ID          string               `json:"id"` // object id: the address of every change
	AppID       string               `json:"appId"`
	Name        string               `json:"displayName"`
	Audience    string               `json:"signInAudience"`
	Tags        []string             `json:"tags"`
	Created     time.Time            `json:"createdDateTime"`
	Fallback    *bool                `json:"isFallbackPublicClient"`
	Web         redirects            `json:"web"`
	Public      redirects            `json:"publicClient"`
	SPA         redirects            `json:"spa"`
	Permissions []resourceAccess     `json:"requiredResourceAccess"`
	Keys        []json.RawMessage    `json:"keyCredentials"` // whole: a change has to hand them back as they are
	Passwords   []passwordCredential `json:"passwordCredentials"`
}

type redirects struct {
	URIs []string `json:"redirectUris"`
}

// resourceAccess is what a registration asks for of one API.
type resourceAccess struct {
	APIAppID string        `json:"resourceAppId"`
	Access   []accessEntry `json:"resourceAccess"`
}

type accessEntry struct {
	ID   string `json:"id"`
	Type string `json:"type"` // Role or Scope
}

const (
	audienceSingle = "AzureADMyOrg"
	audienceMulti  = "AzureADMultipleOrgs"
)

func (k Kind) accessType() string {
	if k == Application {
		return "Role"
	}
	return "Scope"
}

func accessKind(text string) Kind {
	if text == "Role" {
		return Application
	}
	return Delegated
}

// access writes permissions as a registration has them: by API, in a stable
// order.
func access(permissions []Permission) []resourceAccess {
	list := []resourceAccess{} // never null
	for _, p := range permissions {
		list = withAccess(list, p.APIAppID, accessEntry{p.ID, p.Kind.accessType()})
	}
	return list
}

// withAccess adds a permission to a copy of a registration's list, unless it
// is there.
func withAccess(list []resourceAccess, api string, entry accessEntry) []resourceAccess {
	list = slices.Clone(list)
	at := slices.IndexFunc(list, func(r resourceAccess) bool { return strings.EqualFold(r.APIAppID, api) })
	if at < 0 {
		return append(list, resourceAccess{api, []accessEntry{entry}})
	}
	if !slices.ContainsFunc(list[at].Access, entry.same) {
		list[at].Access = append(slices.Clone(list[at].Access), entry)
	}
	return list
}

func (e accessEntry) same(other accessEntry) bool {
	return strings.EqualFold(e.ID, other.ID) && e.Type == other.Type
}

// sameAccess compares two registrations' lists whatever their order.
func sameAccess(a, b []resourceAccess) bool { return covers(a, b) && covers(b, a) }

// covers reports whether every permission of b is in a.
func covers(a, b []resourceAccess) bool {
	for _, r := range b {
		for _, e := range r.Access {
			if !hasAccess(a, r.APIAppID, e) {
				return false
			}
		}
	}
	return true
}

func hasAccess(list []resourceAccess, api string, entry accessEntry) bool {
	return slices.ContainsFunc(list, func(r resourceAccess) bool {
		return strings.EqualFold(r.APIAppID, api) && slices.ContainsFunc(r.Access, entry.same)
	})
}

// byAppID finds a registration of this directory; nil if there is none.
func (c *Client) byAppID(ctx context.Context, op, appID string) (*application, error) {
	found, err := c.applications(ctx, op, "appId eq "+quoted(appID))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// marked lists the registrations with a tag, the oldest first. Where Graph
// doesn't filter by tags, the name finds them.
func (c *Client) marked(ctx context.Context, op, tag, name string) ([]application, error) {
	found, err := c.applications(ctx, op, "tags/any(t:t eq "+quoted(tag)+")")
	if e := refusal(err); e != nil && e.status == http.StatusBadRequest {
		found, err = c.applications(ctx, op, "displayName eq "+quoted(name))
	}
	found = slices.DeleteFunc(found, func(a application) bool { return !slices.Contains(a.Tags, tag) })
	slices.SortStableFunc(found, func(a, b application) int {
		if order := a.Created.Compare(b.Created); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return found, err
}

func (c *Client) applications(ctx context.Context, op, filter string) ([]application, error) {
	return list[application](ctx, c, call{
		op: op, need: readApps, method: http.MethodGet, path: "/applications", query: url.Values{"$filter": {filter}},
	})
}

// application reads a registration by its object id.
func (c *Client) application(ctx context.Context, op, id string) (*application, error) {
	var app application
	err := c.do(ctx, call{
		op: op, need: readApps, method: http.MethodGet, path: "/applications/" + url.PathEscape(id), into: &app,
	})
	if err != nil {
		return nil, err
	}
	return &app, nil
}

// change patches members of a registration. What is not named stays.
func (c *Client) change(ctx context.Context, op, id string, members map[string]any) error {
	return c.do(ctx, call{
		op: op, need: manageApps, method: http.MethodPatch, path: "/applications/" + url.PathEscape(id), body: members,
	})
}
