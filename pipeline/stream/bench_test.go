package stream_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tributary"
	"tributary/pipeline/stream"
)

// BenchmarkCommit is the cost of making alerts of 5.7 kB durable: synced,
// encrypted, compressed. The size of the commit is what matters.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 50, 500} {
		b.Run(fmt.Sprintf("of %d", size), func(b *testing.B) {
			s, err := stream.Open(b.Context(), stream.Options{Dir: b.TempDir(), AtRest: key, MaxBytes: 64 << 30, Reserve: 1 << 20})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var cursor tributary.Cursor
			body := make([]byte, 5700)
			for i := range body { // compresses about as JSON does
				body[i] = "aaaabbbbccccdddd0123456789"[rand.IntN(26)]
			}
			b.SetBytes(int64(len(body)))
			n := 0
			for b.Loop() {
				// One iteration is one alert; a commit takes many.
				if n++; n%size != 0 {
					continue
				}
				alerts := make([]tributary.Alert, size)
				for i := range alerts {
					alerts[i] = alert(feedA, fmt.Sprintf("da%d_%d", n, i), epoch)
					alerts[i].Raw = body
				}
				done, err := s.Commit(b.Context(), feedA, alerts, cursor)
				if err != nil {
					b.Fatal(err)
				}
				cursor.Revision = done.Revision
			}
		})
	}
}
