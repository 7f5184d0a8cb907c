// Pipeline prints squares that a counter and a squarer send over channels, in the three shapes of the
// book: -shape 1 without end, 2 and 3 the first hundred.
package main

import (
	"flag"
	"fmt"
	"log"
)

// The squares that the shapes with an end print.
const limit = 100

func main() {
	shape := flag.Int("shape", 3, "1, 2 or 3")
	flag.Parse()
	switch *shape {
	case 1:
		endless()
	case 2, 3: // they differ in the types of their channels only
		squares := make(chan int)
		go square(count(limit), squares)
		for x := range squares {
			fmt.Println(x)
		}
	default:
		log.Fatalf("%d: no such shape", *shape)
	}
}

func count(to int) <-chan int {
	naturals := make(chan int)
	go func() {
		defer close(naturals)
		for x := range to {
			naturals <- x
		}
	}()
	return naturals
}

func square(naturals <-chan int, squares chan<- int) {
	defer close(squares)
	for x := range naturals {
		squares <- x * x
	}
}

func endless() {
	naturals, squares := make(chan int), make(chan int)
	go func() {
		for x := 0; ; x++ {
			naturals <- x
		}
	}()
	go func() {
		for {
			x := <-naturals
			squares <- x * x
		}
	}()
	for {
		fmt.Println(<-squares)
	}
}
