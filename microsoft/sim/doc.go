// Package sim is Microsoft in a box: one TLS server that behaves as Entra ID,
// the Defender portal and the alert APIs do for any number of customer tenants.
// The demonstration runs against it, and so do the tests of everything that
// speaks to Microsoft.
//
//	s, err := sim.New(sim.Options{Tenants: 25, Alerts: 5000})
//	err = s.Start("127.0.0.1:0")
//	defer s.Close()
//	s.Cloud()   // where its services answer
//	s.Client()  // an http.Client that trusts its certificate
//	s.Tenants() // the customers, with who signs in there
//	s.App()     // the provider's multi-tenant application
//
// Besides the alerts it serves what leads to them: sign-in, consent and tokens
// (package identity), Microsoft Graph's directory calls (package directory),
// Partner Center (package partner) and the portal. What goes wrong on that road
// is brought about by [Server.Refuse], by its AADSTS number, and by
// [Server.Set]; what goes wrong with single requests by [Server.SetFaults]. All
// of it also by HTTP, under /control.
//
// What it serves comes from a seed and is the same on every run: see package
// alerts. What has been visible is known exactly: [Server.Truth].
package sim
