// Package vault seals what must not be read by others: refresh tokens, client
// secrets, certificates.
//
// A [Vault] is one key of 32 random bytes. A [Source] has it: a file that only
// its owner can read, sealed by a key service or not ([KeyFile]), or a variable
// of the environment ([KeyVariable]). Every record is sealed with AES-256-GCM
// under a data key of its own, and the data key under the vault's key: so the
// vault's key never meets much data. The record's name is authenticated with
// it: a sealed record that is moved to another name doesn't open.
//
// A store's files are encrypted with an at-rest key of the store's own, which
// lies sealed beside it ([AtRestFile]). It proves the vault key before anything
// else opens the store ([OpenAtRest]), and it stays when the vault key is
// changed: a [Rotation] seals the at-rest key and the records anew, and
// rewrites nothing else.
package vault
