package stream_test

import (
	"fmt"
	"sync"
	"testing"

	"tributary"
	"tributary/pipeline/stream"
)

// JetStream refuses batches when more than fifty are under way. A hundred
// feeds that commit at once wait for each other instead.
func TestHundredCommittersAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	var working sync.WaitGroup
	for i := range 100 {
		feed := tributary.Feed{Tenant: fmt.Sprintf("tenant-%d", i), Source: tributary.SourceGraph}
		working.Go(func() {
			var cursor tributary.Cursor
			for n := range 3 {
				page := make([]tributary.Alert, 40)
				for j := range page {
					page[j] = alert(feed, fmt.Sprintf("%d-%d", n, j), epoch)
				}
				done, err := s.Commit(t.Context(), feed, page, cursor)
				if err != nil {
					t.Errorf("%s: %v", feed, err)
					return
				}
				cursor.Revision = done.Revision
			}
		})
	}
	working.Wait()
	for i := range 100 {
		feed := tributary.Feed{Tenant: fmt.Sprintf("tenant-%d", i), Source: tributary.SourceGraph}
		if n := len(versions(t, s, feed)); n != 120 {
			t.Errorf("%s holds %d versions, want 120", feed, n)
		}
	}
}
