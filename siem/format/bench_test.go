package format

import "testing"

// The alert is of Graph's mean size, with nine items of evidence.
func BenchmarkFormats(b *testing.B) {
	a := fixtures(b)["graph-process"]
	for _, name := range Names() {
		format, err := ByName(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(a.Raw)))
			for b.Loop() {
				if _, err := format(&a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
