// Netcat behaves as gopl.io/ch8/netcat3 does, with exercise 8.3: both ways at once, the write half
// closed at the end of stdin, and an end when the other side has ended.
package main

import (
	"io"
	"log"
	"net"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: netcat HOST:PORT")
	}
	conn, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	received := make(chan error)
	go func() {
		_, err := io.Copy(os.Stdout, conn)
		received <- err
	}()
	if _, err := io.Copy(conn, os.Stdin); err != nil {
		log.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		log.Print(err)
	}
	if err := <-received; err != nil {
		log.Fatal(err)
	}
}
