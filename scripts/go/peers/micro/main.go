// Micro prints what an item costs on its way through a channel, or a job that is started.
//
//	micro handoff|pipeline|mpmc|select CAPACITY MILLISECONDS
//	micro batch SIZE MILLISECONDS
//	micro alive|jobs N MILLISECONDS
//
// It moves more and more items until a run takes that long, and prints how many there were, the sum
// of what arrived, and nanoseconds per item.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"time"
)

// room in the channel of batches, and peers on each side of mpmc
const (
	batchRoom = 10
	peers     = 4
)

type shape func(size, n int) (sum uint64, took time.Duration)

var shapes = map[string]shape{
	"handoff": handoff, "pipeline": pipeline, "mpmc": mpmc, "select": selecting, "batch": batch,
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: micro SHAPE SIZE MILLISECONDS")
	}
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	ms, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	long := time.Duration(ms) * time.Millisecond
	switch name := os.Args[1]; name {
	case "alive", "jobs":
		spawn(name, size, long)
	default:
		shape, ok := shapes[name]
		if !ok {
			log.Fatalf("%s: no such shape", name)
		}
		measure(shape, size, long)
	}
}

func measure(run shape, size int, long time.Duration) {
	for n := 1024; ; n *= 2 {
		sum, took := run(size, n)
		if took >= long {
			fmt.Printf("%d items sum %d %.3f\n", n, sum, float64(took.Nanoseconds())/float64(n))
			return
		}
	}
}

func send(out chan<- uint64, from, to int) {
	for i := from; i < to; i++ {
		out <- uint64(i)
	}
}

func handoff(capacity, n int) (sum uint64, took time.Duration) {
	items := make(chan uint64, capacity)
	go func() {
		send(items, 0, n)
		close(items)
	}()
	start := time.Now()
	for i := range items {
		sum += i
	}
	return sum, time.Since(start)
}

func pipeline(capacity, n int) (sum uint64, took time.Duration) {
	naturals, squares := make(chan uint64, capacity), make(chan uint64, capacity)
	go func() {
		send(naturals, 0, n)
		close(naturals)
	}()
	go func() {
		for i := range naturals {
			squares <- i * i
		}
		close(squares)
	}()
	start := time.Now()
	for i := range squares {
		sum += i
	}
	return sum, time.Since(start)
}

func mpmc(capacity, n int) (sum uint64, took time.Duration) {
	items, sums := make(chan uint64, capacity), make(chan uint64, peers)
	start := time.Now()
	var senders sync.WaitGroup
	for peer := range peers {
		senders.Add(1)
		go func() {
			defer senders.Done()
			send(items, n*peer/peers, n*(peer+1)/peers)
		}()
		go func() {
			var sum uint64
			for i := range items {
				sum += i
			}
			sums <- sum
		}()
	}
	senders.Wait()
	close(items)
	for range peers {
		sum += <-sums
	}
	return sum, time.Since(start)
}

func selecting(capacity, n int) (sum uint64, took time.Duration) {
	left, right := make(chan uint64, capacity), make(chan uint64, capacity)
	go send(left, 0, n/2)
	go send(right, n/2, n)
	start := time.Now()
	for range n {
		select {
		case i := <-left:
			sum += i
		case i := <-right:
			sum += i
		}
	}
	return sum, time.Since(start)
}

func batch(size, n int) (sum uint64, took time.Duration) {
	batches := make(chan []uint64, batchRoom)
	go func() {
		for first := 0; first < n; first += size {
			batch := make([]uint64, 0, size)
			for i := first; i < min(first+size, n); i++ {
				batch = append(batch, uint64(i))
			}
			batches <- batch
		}
		close(batches)
	}()
	start := time.Now()
	for batch := range batches {
		for _, i := range batch {
			sum += i
		}
	}
	return sum, time.Since(start)
}
