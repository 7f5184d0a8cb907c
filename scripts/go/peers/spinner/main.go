// Spinner computes a Fibonacci number the slow way while a goroutine turns a bar.
package main

import (
	"flag"
	"fmt"
	"time"
)

func main() {
	n := flag.Int("n", 45, "which Fibonacci number")
	flag.Parse()
	go spin(100 * time.Millisecond)
	result := fib(*n)
	fmt.Printf("\rFibonacci(%d) = %d\n", *n, result)
}

func spin(pause time.Duration) {
	for i := 0; ; i++ {
		fmt.Printf("\r%c", `-\|/`[i%4])
		time.Sleep(pause)
	}
}

func fib(n int) int {
	if n > 1 {
		return fib(n-1) + fib(n-2)
	}
	return n
}
