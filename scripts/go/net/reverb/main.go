// Reverb behaves as gopl.io/ch8/reverb2 does: a goroutine a client, and one a shout. At the end of
// a client's input its connection is closed, whatever is still to be echoed.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"time"
)

func main() {
	port := flag.Int("port", 8000, "port to listen on; 0 lets the system choose")
	delay := flag.Duration("delay", time.Second, "time between two echoes")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
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
		go hear(conn, *delay)
	}
}

func hear(conn net.Conn, delay time.Duration) {
	defer conn.Close()
	shouts := bufio.NewScanner(conn)
	for shouts.Scan() {
		go echo(conn, bytes.Clone(shouts.Bytes()), delay)
	}
}

func echo(conn net.Conn, shout []byte, delay time.Duration) {
	for i, softer := range [][]byte{bytes.ToUpper(shout), shout, bytes.ToLower(shout)} {
		if i > 0 {
			time.Sleep(delay)
		}
		fmt.Fprintf(conn, "\t %s\n", softer)
	}
}
