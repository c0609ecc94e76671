package connect

import (
	"context"
	"sync"
)

// AtOnce is how many customers are looked at at a time: enough to be done with
// a thousand in a minute, and no more than the identity service takes from one
// machine in good part.
const AtOnce = 16

// Each calls do for every index below n, AtOnce at a time, and tells after each
// how many are done; no two calls of told come at once. When ctx ends it begins
// no more. It returns when all that it began are done.
func Each(ctx context.Context, n int, do func(i int), told func(done int)) {
	next := make(chan int)
	var working sync.WaitGroup
	var counting sync.Mutex
	count := 0
	for range min(AtOnce, n) {
		working.Go(func() {
			for i := range next {
				do(i)
				counting.Lock()
				count++
				if told != nil {
					told(count)
				}
				counting.Unlock()
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	working.Wait()
}
