// Chat has the shape of the book's: two goroutines per client, a broadcaster that hands each line to
// each client over an unbuffered channel.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
)

type lines chan string

func main() {
	port := flag.Int("port", 8000, "port to listen on; 0 lets the system choose")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("localhost:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	joining, leaving, said := make(chan lines), make(chan lines), make(lines)
	go relay(joining, leaving, said)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go serve(conn, joining, leaving, said)
	}
}

func relay(joining, leaving <-chan lines, said lines) {
	present := make(map[lines]struct{})
	for {
		select {
		case client := <-joining:
			present[client] = struct{}{}
		case client := <-leaving:
			delete(present, client)
			close(client)
		case line := <-said:
			for client := range present {
				client <- line
			}
		}
	}
}

func serve(conn net.Conn, joining, leaving chan<- lines, said lines) {
	defer conn.Close()
	client, name := make(lines), conn.RemoteAddr().String()
	go func() {
		for line := range client {
			fmt.Fprintln(conn, line) // a failure shows as the end of input
		}
	}()
	client <- "You are " + name
	said <- name + " has arrived"
	joining <- client
	for input := bufio.NewScanner(conn); input.Scan(); {
		said <- name + ": " + input.Text()
	}
	leaving <- client
	said <- name + " has left"
}
