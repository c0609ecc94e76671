// Package directory works in a Microsoft Entra directory through Microsoft
// Graph: it registers the application, renews its credentials, looks at what a
// directory holds and has granted, and lists a partner's customers.
//
// One [Client] works in one directory, with the token of whoever signed in
// there: the provider's own administrator, a customer's, or the application
// itself. Which permissions a call needs is listed by [ScopesFor]; an answer
// 403 becomes an error that names the permission or the directory role that is
// missing.
//
// Everything that changes a directory may be repeated. A step looks first
// whether it has been done, so that an attempt that was cut anywhere is resumed
// by making it again. What it made itself it knows by [Registration.Mark].
//
// Facts are those of Microsoft's Graph reference (application,
// servicePrincipal, appRoleAssignment, delegatedAdminRelationship), of Entra's
// how-to-add-credentials, and of the Partner Center reference
// (control-panel-vendor-apis). Permissions are looked up by name on the API's
// service principal, because their ids differ between clouds.
package directory
