// Cake is an assembly line of goroutines: bakers, icers and inscribers with counters between them.
// It prints the milliseconds that 20 cakes take in the setting it is given.
package main

import (
	"flag"
	"fmt"
	"log"
	"math/rand"
	"sync"
	"time"
)

type stage struct {
	cooks  int
	time   time.Duration
	spread time.Duration
}

type shop struct {
	stages [3]stage // baking, icing, inscribing
	room   int      // on each of the two counters
}

const cakes = 20

func main() {
	setting := flag.String("setting", "baseline", "one of the six by their names")
	flag.Parse()
	line, ok := settings()[*setting]
	if !ok {
		log.Fatalf("%s: no such setting", *setting)
	}
	start := time.Now()
	line.work()
	fmt.Printf("%d cakes %.3f\n", cakes, float64(time.Since(start).Microseconds())/1e3)
}

func settings() map[string]shop {
	step, some := 10*time.Millisecond, 2500*time.Microsecond
	even := stage{1, step, 0}
	uneven := stage{1, step, some}
	return map[string]shop{
		"baseline":              {[3]stage{even, even, even}, 0},
		"buffers":               {[3]stage{even, even, even}, 10},
		"variable":              {[3]stage{uneven, uneven, uneven}, 0},
		"variable_buffers":      {[3]stage{uneven, uneven, uneven}, 10},
		"slow_icing":            {[3]stage{even, {1, 5 * step, 0}, even}, 0},
		"slow_icing_many_icers": {[3]stage{even, {5, 5 * step, 0}, even}, 0},
	}
}

func (s shop) work() {
	orders := make(chan int, cakes)
	for i := range cakes {
		orders <- i
	}
	close(orders)
	in := orders
	for _, stage := range s.stages[:2] {
		out := make(chan int, s.room)
		stage.open(in, out)
		in = out
	}
	for range in {
		s.stages[2].spend() // the last step needs no counter behind it
	}
}

// open starts the cooks of a stage; the last to leave closes the counter.
func (s stage) open(in <-chan int, out chan<- int) {
	var cooks sync.WaitGroup
	for range s.cooks {
		cooks.Add(1)
		go func() {
			defer cooks.Done()
			for cake := range in {
				s.spend()
				out <- cake
			}
		}()
	}
	go func() {
		cooks.Wait()
		close(out)
	}()
}

func (s stage) spend() {
	d := s.time + time.Duration(rand.NormFloat64()*float64(s.spread))
	time.Sleep(max(d, 0))
}
