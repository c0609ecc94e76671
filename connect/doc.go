// Package connect is a customer's way in: the steps of Microsoft's MSSP
// procedure for one tenant, each of which can be done, repeated and checked.
// The command line and the demo use it alike.
package connect
