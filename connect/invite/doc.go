// Package invite lets a customer's administrator connect their tenant in their
// own browser: a link to mail, and the pages behind it.
//
// A link is signed, expires, and is good for one tenant and one way in, once.
// What was sent to Microsoft and awaited (state, PKCE verifier) lies sealed in
// the store, so another instance, or this one after a restart, can finish what
// was begun. The pages show what is in the record and nothing from the address,
// and every change is made by compare-and-set.
package invite
