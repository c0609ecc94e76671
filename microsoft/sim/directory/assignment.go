package directory

import (
	"errors"
	"net/http"

	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/odata"
)

var assignmentKind = kind{
	set: "appRoleAssignments", name: "appRoleAssignment",
	filter: map[string]odata.Type{"appRoleId": odata.Name, "principalId": odata.Name, "resourceId": odata.Name, "principalType": odata.Name},
}

var (
	readAssignments  = []string{"Application.Read.All", "Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	writeAssignments = [][]string{
		{"AppRoleAssignment.ReadWrite.All"},
		{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
	}
)

// assignmentRoutes are the application permissions that the caller's tenant has
// granted, seen from the application (appRoleAssignments) and from the API
// (appRoleAssignedTo). Making one is an administrator's consent (Graph:
// approleassignment).
func assignmentRoutes() []route {
	var list []route
	for _, side := range []string{"appRoleAssignments", "appRoleAssignedTo"} {
		path := "servicePrincipals/{}/" + side
		list = append(list,
			route{http.MethodGet, path, [][]string{readAssignments}, func(c *call) { listAssignments(c, side) }},
			route{http.MethodPost, path, writeAssignments, func(c *call) { createAssignment(c, side) }},
			route{http.MethodGet, path + "/{}", [][]string{readAssignments}, func(c *call) { getAssignment(c, side) }},
			route{http.MethodDelete, path + "/{}", writeAssignments, func(c *call) { deleteAssignment(c, side) }},
		)
	}
	return list
}

// assignments are those on one side of the service principal that the path
// names. Where it returns false it has answered.
func (c *call) assignments(side string) ([]identity.RoleAssignment, identity.Principal, bool) {
	p, ok := c.principal()
	if !ok {
		return nil, p, false
	}
	var list []identity.RoleAssignment
	for _, a := range c.Identity.RoleAssignments(p.TenantID) {
		if side == "appRoleAssignments" && a.PrincipalID == p.ID || side == "appRoleAssignedTo" && a.ResourceID == p.ID {
			list = append(list, a)
		}
	}
	return list, p, true
}

func listAssignments(c *call, side string) {
	found, p, ok := c.assignments(side)
	if !ok {
		return
	}
	var list []object
	for _, a := range found {
		list = append(list, assignmentObject(a))
	}
	k := assignmentKind
	k.set = "appRoleAssignments"
	c.list(k, "servicePrincipals/"+p.ID+"/"+side, list)
}

func createAssignment(c *call, side string) {
	p, ok := c.principal()
	if !ok {
		return
	}
	f, ok := c.read("principalId", "resourceId", "appRoleId")
	if !ok {
		return
	}
	if err := f.required("AppRoleAssignment", "principalId", "resourceId", "appRoleId"); err != nil {
		c.badBody(err)
		return
	}
	principalID, err1 := f.guid("principalId")
	resourceID, err2 := f.guid("resourceId")
	roleID, err3 := f.guid("appRoleId")
	if err := errors.Join(err1, err2, err3); err != nil {
		c.bad("One or more properties contains invalid values.")
		return
	}
	if side == "appRoleAssignments" && principalID != p.ID || side == "appRoleAssignedTo" && resourceID != p.ID {
		c.bad("The id of the path and the body's don't name the same service principal.")
		return
	}
	for _, id := range []string{principalID, resourceID} {
		if other, ok := c.findPrincipal(id); !ok {
			c.missing(id)
			return
		} else if id == resourceID && other.API == nil {
			c.bad("Permission being assigned was not found on application '" + other.AppID + "'.")
			return
		}
	}
	a, err := c.Identity.AssignRole(p.TenantID, principalID, resourceID, roleID)
	switch {
	case errors.Is(err, identity.ErrExists):
		c.bad("Permission being assigned already exists on the object")
	case err != nil:
		c.bad("Permission being assigned was not found on application")
	default:
		c.one(http.StatusCreated, assignmentKind, assignmentObject(a))
	}
}

// assignment finds the one that the path names. Where it returns false it has
// answered.
func (c *call) assignment(side string) (identity.RoleAssignment, bool) {
	list, _, ok := c.assignments(side)
	if !ok {
		return identity.RoleAssignment{}, false
	}
	for _, a := range list {
		if a.ID == c.keys[1] {
			return a, true
		}
	}
	c.missing(c.keys[1])
	return identity.RoleAssignment{}, false
}

func getAssignment(c *call, side string) {
	if a, ok := c.assignment(side); ok {
		c.one(http.StatusOK, assignmentKind, assignmentObject(a))
	}
}

func deleteAssignment(c *call, side string) {
	a, ok := c.assignment(side)
	if !ok {
		return
	}
	if err := c.Identity.UnassignRole(c.claims.TenantID, a.ID); err != nil {
		c.missing(a.ID)
		return
	}
	c.done()
}

func assignmentObject(a identity.RoleAssignment) object {
	return object{
		{"id", a.ID}, {"deletedDateTime", nil}, {"appRoleId", a.RoleID}, {"createdDateTime", moment(a.Created)},
		{"principalDisplayName", a.PrincipalName}, {"principalId", a.PrincipalID}, {"principalType", "ServicePrincipal"},
		{"resourceDisplayName", a.ResourceName}, {"resourceId", a.ResourceID},
	}
}
