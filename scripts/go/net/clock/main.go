// Clock behaves as gopl.io/ch8/clock2 does: a goroutine a client, which writes the time and sleeps
// for a second, until writing fails.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"time"
)

func main() {
	port := flag.Int("port", 8000, "port to listen on; 0 lets the system choose")
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
		go tell(conn)
	}
}

func tell(conn net.Conn) {
	defer conn.Close()
	for {
		line := time.Now().Format("15:04:05\n")
		if _, err := conn.Write([]byte(line)); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}
