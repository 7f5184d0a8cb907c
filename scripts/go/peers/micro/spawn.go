package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// spawn starts n goroutines at a time, again and again for that long: all alive at once and held
// back until the last has started, or each free to end at once.
func spawn(kind string, n int, long time.Duration) {
	var sum atomic.Uint64
	rounds := 0
	start := time.Now()
	for time.Since(start) < long || rounds == 0 {
		var done sync.WaitGroup
		start := make(chan struct{})
		if kind == "jobs" {
			close(start)
		}
		for i := range n {
			done.Add(1)
			go func() {
				defer done.Done()
				<-start
				sum.Add(uint64(i))
			}()
		}
		if kind == "alive" {
			close(start)
		}
		done.Wait()
		rounds++
	}
	items := rounds * n
	each := float64(time.Since(start).Nanoseconds()) / float64(items)
	fmt.Printf("%d items sum %d %.3f\n", items, sum.Load(), each)
}
