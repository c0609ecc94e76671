package config

import (
	_ "embed"
	"slices"
)

//go:embed tributary.schema.json
var schema []byte

//go:embed example.yaml
var example []byte

// SchemaName is the file name that the first line of [Example] points editors
// to.
const SchemaName = "tributary.schema.json"

// Schema is the JSON Schema (draft 2020-12) of the file, with a description of
// every key. An editor with a YAML language server completes and checks with
// it.
func Schema() []byte { return slices.Clone(schema) }

// Example is the file that tributary init writes. It can be loaded as it is:
// whatever needs a value of one's own is commented out.
func Example() []byte { return slices.Clone(example) }
