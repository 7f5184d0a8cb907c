// Crossover runs small programs of goroutines and channels and prints what an item took: the other
// side of `cake crossover` and of compare-go's row crossover.
//
// Each line of stdin (or the arguments) is a point: SHAPE WORK NANOSECONDS CAPACITY COOKS MILLISECONDS.
// SHAPE is shop, pipeline or pool, WORK spin or sleep. The number of items grows until a run takes
// MILLISECONDS. A line of output is that number, the sum of what arrived, and nanoseconds per item.
package main

import (
	"bufio"
	"fmt"
	"log"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The stages of a shop.
const stages = 3

type point struct {
	shape, work     string
	ns              int64
	capacity, cooks int
	milliseconds    int
}

func main() {
	log.SetFlags(0)
	calibrate()
	if len(os.Args) > 1 {
		answer(strings.Join(os.Args[1:], " "))
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer(lines.Text())
	}
}

func answer(line string) {
	var p point
	_, err := fmt.Sscan(line, &p.shape, &p.work, &p.ns, &p.capacity, &p.cooks, &p.milliseconds)
	if err != nil {
		log.Fatalf("crossover: %q: %v", line, err)
	}
	n, long := p.firstN(), time.Duration(p.milliseconds)*time.Millisecond
	for {
		sum, took := p.run(n)
		if took >= long {
			fmt.Printf("%d items sum %d %.3f\n", n, sum, float64(took.Nanoseconds())/float64(n))
			return
		}
		// A little more than would have been enough; a short run tells little about a long one.
		share := float64(long) / float64(max(took, 1))
		n *= int64(math.Ceil(min(max(share*1.2, 2), 10)))
	}
}

// firstN returns the number of items of the first run: a few for each goroutine.
func (p point) firstN() int64 {
	threads := stages * p.cooks
	switch p.shape {
	case "pipeline":
		threads = p.cooks
	case "pool":
		threads = p.cooks + 1
	}
	return int64(4 * threads)
}

func (p point) run(n int64) (int64, time.Duration) {
	switch p.shape {
	case "shop":
		return p.line([]int{p.cooks, p.cooks, p.cooks}, n)
	case "pipeline":
		line := make([]int, p.cooks)
		for i := range line {
			line[i] = 1
		}
		return p.line(line, n)
	case "pool":
		return p.pool(n)
	}
	log.Fatalf("crossover: %s: no such shape", p.shape)
	return 0, 0
}

// serve is the work of a cook on an item.
func (p point) serve(item int64) int64 {
	if p.ns > 0 {
		if p.work == "sleep" {
			time.Sleep(time.Duration(p.ns))
		} else {
			turn(int64(float64(p.ns) * roundsPerNs))
		}
	}
	return item + 1
}

func (p point) line(cooks []int, n int64) (int64, time.Duration) {
	var next, sum atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	var input chan int64
	for i, count := range cooks {
		output := make(chan int64, p.capacity)
		var stage sync.WaitGroup
		isFirst, isLast, from := i == 0, i+1 == len(cooks), input
		for range count {
			stage.Add(1)
			all.Add(1)
			go func() {
				defer all.Done()
				defer stage.Done()
				<-start
				var own int64
				pass := func(item int64) {
					if item = p.serve(item); isLast {
						own += item
					} else {
						output <- item
					}
				}
				if isFirst {
					for item := next.Add(1) - 1; item < n; item = next.Add(1) - 1 {
						pass(item)
					}
				} else {
					for item := range from {
						pass(item)
					}
				}
				sum.Add(own)
			}()
		}
		go func() {
			stage.Wait()
			close(output)
		}()
		input = output
	}
	begin := time.Now()
	close(start)
	all.Wait()
	return sum.Load(), time.Since(begin)
}

func (p point) pool(n int64) (int64, time.Duration) {
	var sum atomic.Int64
	var cooks sync.WaitGroup
	items := make(chan int64, p.capacity)
	for range p.cooks {
		cooks.Add(1)
		go func() {
			defer cooks.Done()
			var own int64
			for item := range items {
				own += p.serve(item)
			}
			sum.Add(own)
		}()
	}
	begin := time.Now()
	for i := range n {
		items <- i
	}
	close(items)
	cooks.Wait()
	return sum.Load(), time.Since(begin)
}

// The speed of turn on this machine.
var roundsPerNs float64

var sink atomic.Uint64

func calibrate() {
	const rounds = 2_000_000
	fastest := time.Hour
	for range 5 {
		start := time.Now()
		turn(rounds)
		fastest = min(fastest, time.Since(start))
	}
	roundsPerNs = rounds / float64(max(fastest.Nanoseconds(), 1))
}

// turn is a chain of multiplications, each of which needs the one before.
func turn(rounds int64) {
	x := uint64(1)
	for range rounds {
		x = x*6364136223846793005 + 1
	}
	if x == 0 {
		sink.Store(x) // keeps the loop
	}
}
