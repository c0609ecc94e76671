// Package vault seals what must not be read by others: refresh tokens, client
// secrets, certificates.
//
// A [Vault] is one key of 32 random bytes, kept in a file that only its owner
// can read ([CreateKey], [OpenKey]) or given in an environment variable
// ([ParseKey]). Every record is sealed with AES-256-GCM under a data key of
// its own, and the data key under the vault's key: so the vault's key never
// meets much data, and a change of key only has to seal the data keys again.
// The record's name is authenticated with it: a sealed record that is moved to
// another name doesn't open.
//
// A store that was made with one key and is opened with another would be
// damaged by programs that take unreadable for empty. [Vault.WriteCheck] puts
// a small sealed record beside the store, and [Vault.Check] proves the key by
// it before anything else opens the store.
package vault
