package config

import "reflect"

// RawKeys are the keys that the program reads, by the schema's name for the
// mapping that holds them.
func RawKeys() map[string][]string {
	keys := map[string][]string{
		"":           fieldsOf(reflect.TypeFor[rawConfig]()).keys,
		"cloudHosts": fieldsOf(reflect.TypeFor[rawHosts]()).keys,
		"app":        fieldsOf(reflect.TypeFor[rawApp]()).keys,
		"tenant":     fieldsOf(reflect.TypeFor[rawTenant]()).keys,
		"collect":    fieldsOf(reflect.TypeFor[rawCollect]()).keys,
		"store":      fieldsOf(reflect.TypeFor[rawStore]()).keys,
		"public":     fieldsOf(reflect.TypeFor[rawPublic]()).keys,
		"tls":        fieldsOf(reflect.TypeFor[rawTLS]()).keys,
		"filter":     fieldsOf(reflect.TypeFor[rawFilter]()).keys,
	}
	for _, k := range kinds {
		keys[k.name] = fieldsOf(reflect.TypeOf(k.raw()).Elem()).keys
	}
	return keys
}

// FormatDuration and FormatSize write amounts as the file would.
var (
	FormatDuration = formatDuration
	FormatSize     = formatSize
)

// SortedKeys lists a map's keys.
func SortedKeys[V any](m map[string]V) []string { return sortedKeys(m) }
