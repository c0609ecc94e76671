package identity

// The permissions of Microsoft's APIs with their ids in the global cloud
// (Graph: permissions-reference; the Defender APIs' own service principals).
// They are those that an MSSP's application, its registration and its set-up
// may come to need.
var (
	graphRoles = []Permission{
		{"472e4a4d-bb4a-4026-98d1-0b0d74cb74a5", "SecurityAlert.Read.All"},
		{"ed4fca05-be46-441f-9803-1873825f8fdb", "SecurityAlert.ReadWrite.All"},
		{"45cc0394-e837-488b-a098-1918f48d186c", "SecurityIncident.Read.All"},
		{"34bf0e97-1971-4929-b999-9e2442d941d7", "SecurityIncident.ReadWrite.All"},
		{"bf394140-e372-4bf9-a898-299cfc7564e5", "SecurityEvents.Read.All"},
		{"d903a879-88e0-4c09-b0c9-82f6a1333f84", "SecurityEvents.ReadWrite.All"},
		{"9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30", "Application.Read.All"},
		{"1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "Application.ReadWrite.All"},
		{"18a4783c-866b-4cc7-a460-3d5e5662c884", "Application.ReadWrite.OwnedBy"},
		{"06b708a9-e830-4db3-a914-8e69da51d44f", "AppRoleAssignment.ReadWrite.All"},
		{"8e8e4742-1d95-4f68-9d56-6ee75648c72a", "DelegatedPermissionGrant.ReadWrite.All"},
		{"7ab1d382-f21e-4acd-a863-ba3e13f7da61", "Directory.Read.All"},
		{"19dbc75e-c2e2-444c-a770-ec69d8559fc7", "Directory.ReadWrite.All"},
		{"498476ce-e0fe-48b0-b801-37ba7e2685c6", "Organization.Read.All"},
		{"cac88765-0581-4025-9725-5ebc13f729ee", "CrossTenantInformation.ReadBasic.All"},
		{"f6e9e124-4586-492f-adc0-c6f96e4823fd", "DelegatedAdminRelationship.Read.All"},
		{"cc13eba4-8cd8-44c6-b4d4-f93237adce58", "DelegatedAdminRelationship.ReadWrite.All"},
	}
	graphScopes = []Permission{
		{"37f7f235-527c-4136-accd-4a02d197296e", "openid"},
		{"14dad69e-099b-42c9-810b-d002981feec1", "profile"},
		{"64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", "email"},
		{"7427e0e9-2fba-42fe-b0c0-848c9e6a8182", "offline_access"},
		{"e1fe6dd8-ba31-4d61-89e7-88639da4683d", "User.Read"},
		{"bc257fb8-46b4-4b15-8713-01e91bfbe4ea", "SecurityAlert.Read.All"},
		{"471f2a7f-2a42-4d45-a2bf-594d0838070d", "SecurityAlert.ReadWrite.All"},
		{"b9abcc4f-94fc-4457-9141-d20ce80ec952", "SecurityIncident.Read.All"},
		{"128ca929-1a19-45e6-a3b8-435ec44a36ba", "SecurityIncident.ReadWrite.All"},
		{"64733abd-851e-478a-bffb-e47a14b18235", "SecurityEvents.Read.All"},
		{"6aedf524-7e1c-45a7-bd76-ded8cab8d0fc", "SecurityEvents.ReadWrite.All"},
		{"c79f8feb-a9db-4090-85f9-90d820caa0eb", "Application.Read.All"},
		{"bdfbf15f-ee85-4955-8675-146e8e5296b5", "Application.ReadWrite.All"},
		{"84bccea3-f856-4a8a-967b-dbe0a3d53a64", "AppRoleAssignment.ReadWrite.All"},
		{"41ce6ca6-6826-4807-84f1-1c82854f7ee5", "DelegatedPermissionGrant.ReadWrite.All"},
		{"06da0dbc-49e2-44d2-8312-53f166ab848a", "Directory.Read.All"},
		{"c5366453-9fb0-48a5-a156-24f0c49a4b84", "Directory.ReadWrite.All"},
		{"4908d5b9-3fb2-4b1e-9336-1888b7937185", "Organization.Read.All"},
		{"81594d25-e88e-49cf-ac8c-fecbff49f994", "CrossTenantInformation.ReadBasic.All"},
		{"0c0064ea-477b-4130-82a5-4c2cc4ff68aa", "DelegatedAdminRelationship.Read.All"},
		{"885f682f-a990-4bad-a642-36736a74b0c7", "DelegatedAdminRelationship.ReadWrite.All"},
	}
	directoryRoles  = []Permission{{"5778995a-e1bf-45b8-affa-663a9f3f4d04", "Directory.Read.All"}}
	directoryScopes = []Permission{
		{"311a71cc-e848-46a1-bdf8-97ff7156d8e6", "User.Read"},
		{derivedID("Azure AD Graph Directory.Read.All"), "Directory.Read.All"},
		{"a42657d6-7f20-40e3-b6f0-cee03008a62a", "Directory.AccessAsUser.All"},
		{derivedID("Azure AD Graph user_impersonation"), "user_impersonation"},
	}
	endpointRoles = []Permission{
		{"71fe6b80-7034-4028-9ed8-0f316df9c3ff", "Alert.Read.All"},
		{"0f7000ec-157b-497f-b70e-ef0b0584f140", "Alert.ReadWrite.All"},
		{"ea8291d3-4b9a-44b5-bc3a-6cea3026dc79", "Machine.Read.All"},
		{"93489bf5-0fbc-4f2d-b901-33f2fe08ff05", "AdvancedQuery.Read.All"},
	}
	endpointScopes = []Permission{
		{"b2069dc0-9fe9-4e6d-9aca-ccf3dd503819", "Alert.Read"},
		{"cbc3b413-21e6-416d-95a4-af87687efbd0", "Alert.ReadWrite"},
		{"fbd3d33a-b1f5-4573-906c-51b39682fbcf", "Machine.Read"},
		{derivedID("WindowsDefenderATP user_impersonation"), "user_impersonation"},
	}
	xdrRoles = []Permission{
		{"a9790345-4595-42e4-971a-ccdc79f19b7c", "Incident.Read.All"},
		{"8d90f441-09cf-4fdc-ab45-e874fa3a28e8", "Incident.ReadWrite.All"},
		{"7734e8e5-8dde-42fc-b5ae-6eafea078693", "AdvancedHunting.Read.All"},
	}
	xdrScopes = []Permission{
		{"12c153a4-4204-4224-aa3c-4626e2f47c2b", "Incident.Read"},
		{"2af415cc-88cf-4146-a0c8-444c3a80d5db", "Incident.ReadWrite"},
		{"15f11de4-5113-4268-a2d1-0bad43d781f9", "AdvancedHunting.Read"},
	}
)
