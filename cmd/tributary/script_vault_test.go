package main

import (
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"

	"tributary/vault"
	"tributary/vault/keyservice/transit"
)

// transitCommand starts a key service: $VAULT_ADDR, $VAULT_TOKEN. With down it
// unseals nothing, with up it does again.
func transitCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg {
		ts.Fatalf("transit can't fail")
	}
	if len(args) > 0 {
		s.transit.Down(args[0] == "down")
		return
	}
	s.transit = &transit.Server{Key: "tributary", Token: "hunter2"}
	server := httptest.NewServer(s.transit)
	ts.Defer(server.Close)
	ts.Setenv("VAULT_ADDR", server.URL)
	ts.Setenv("VAULT_TOKEN", s.transit.Token)
}

// newKeyCommand sets a variable to a new key.
func newKeyCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newkey variable")
	}
	ts.Setenv(args[0], vault.NewKey().Reveal())
}
