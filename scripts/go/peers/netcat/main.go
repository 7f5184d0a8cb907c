// Netcat copies stdin to the server it is given and what comes back to stdout, as the book's
// netcat3, and closes only the half that has ended (exercise 8.3).
package main

import (
	"io"
	"log"
	"net"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: netcat ADDR")
	}
	addr, err := net.ResolveTCPAddr("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	conn, err := net.DialTCP("tcp", nil, addr)
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := io.Copy(os.Stdout, conn)
		done <- err
	}()
	if _, err := io.Copy(conn, os.Stdin); err != nil {
		log.Print(err)
	}
	conn.CloseWrite()
	if err := <-done; err != nil {
		log.Fatal(err)
	}
}
