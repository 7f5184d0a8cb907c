// Reverb echoes each shout three times, ever quieter, with one goroutine per shout, as the book's reverb2; but
// it waits for the last echo before it closes (exercise 8.4).
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

func main() {
	port := flag.Int("port", 8000, "port to listen on; 0 lets the system choose")
	delay := flag.Duration("delay", time.Second, "time between echoes")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("localhost:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go serve(conn, *delay)
	}
}

func serve(conn net.Conn, delay time.Duration) {
	defer conn.Close()
	var shouts sync.WaitGroup
	for input := bufio.NewScanner(conn); input.Scan(); {
		shout := input.Text()
		shouts.Add(1)
		go func() {
			defer shouts.Done()
			for i, words := range []string{strings.ToUpper(shout), shout, strings.ToLower(shout)} {
				if i > 0 {
					time.Sleep(delay)
				}
				fmt.Fprintf(conn, "\t %s\n", words) // a failure shows as the end of input
			}
		}()
	}
	shouts.Wait()
}
