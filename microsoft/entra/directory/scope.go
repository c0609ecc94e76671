package directory

// Task is something that needs permissions of whoever signs in.
type Task string

const (
	TaskRegister Task = "register" // [Client.Register], Rotate, TakeOver with Mend, federated credentials
	TaskGrant    Task = "grant"    // [Client.Register] with Grant, [Client.Provision]
	TaskShow     Task = "show"     // [Client.Show], [Client.Federated], TakeOver without mending, [Client.Organization]
	TaskGranted  Task = "granted"  // [Client.Granted], [Client.Organization]
	TaskTenant   Task = "tenant"   // [Client.TenantByDomain], [Client.TenantByID]
	TaskPartner  Task = "partner"  // [Client.DelegatedCustomers], [Client.DelegatedRelationships]
)

// ScopesFor lists the delegated permissions of Microsoft Graph that a sign-in
// must ask for, to do all of these tasks.
func ScopesFor(tasks ...Task) []string {
	var scopes []string
	have := map[string]bool{}
	for _, t := range tasks {
		for _, scope := range taskScopes[t] {
			if !have[scope] {
				have[scope] = true
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}

var taskScopes = map[Task][]string{
	TaskRegister: {"Application.ReadWrite.All", "User.Read"},
	TaskGrant:    {"Application.ReadWrite.All", "User.Read", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"},
	TaskShow:     {"Application.Read.All", "User.Read"},
	TaskGranted:  {"Directory.Read.All"},
	TaskTenant:   {"CrossTenantInformation.ReadBasic.All"},
	TaskPartner:  {"DelegatedAdminRelationship.Read.All"},
}

// What the calls need. The roles are the least of Entra's built-in ones that
// can do it.
var (
	readApps = need{
		permissions: []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"},
		role:        "Cloud Application Administrator",
	}
	readGrants = need{
		permissions: []string{"Directory.Read.All", "DelegatedPermissionGrant.ReadWrite.All"},
		role:        "Directory Readers",
	}
	createApps = need{
		permissions: []string{"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"},
		role:        "Application Developer or Cloud Application Administrator",
	}
	manageApps = need{
		permissions: []string{"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"},
		role:        "Cloud Application Administrator",
	}
	assignRoles = need{
		permissions: []string{"AppRoleAssignment.ReadWrite.All"},
		role:        "Privileged Role Administrator",
	}
	grantScopes = need{
		permissions: []string{"DelegatedPermissionGrant.ReadWrite.All"},
		role:        "Cloud Application Administrator",
	}
	readOrganization = need{permissions: []string{"User.Read", "Organization.Read.All", "Directory.Read.All"}}
	readTenants      = need{permissions: []string{"CrossTenantInformation.ReadBasic.All"}}
	readPartner      = need{
		permissions: []string{"DelegatedAdminRelationship.Read.All", "DelegatedAdminRelationship.ReadWrite.All"},
		role:        "Global Reader in the partner's directory, or is a member of its group AdminAgents",
	}
	consentOnBehalf = need{role: "Admin agent of Partner Center (a member of the group AdminAgents), with multifactor authentication"}
)
