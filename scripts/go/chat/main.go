// Chat is a strong Go peer to compare ours with: two goroutines per client, as in the book, and what a
// careful Go programmer would add. A line is formatted once and its bytes shared; clients have
// buffered channels; a writer sends all that is pending in one write; a client whose channel is full
// loses the line instead of holding up the others.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
)

const (
	queue   = 256      // lines that may wait for a client
	pending = 1024     // events that may wait for the broadcaster
	gather  = 32 << 10 // bytes sent at once
	longest = 64 << 10
)

type event struct {
	enter, leave *client
	line         []byte
}

type client struct {
	conn net.Conn
	name string
	out  chan []byte
}

func main() {
	port := flag.Int("port", 8000, "port to listen on; 0 lets the system choose")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	events := make(chan event, pending)
	go broadcast(events)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go serve(conn, events)
	}
}

func broadcast(events <-chan event) {
	clients := make(map[*client]struct{})
	send := func(line []byte) {
		for c := range clients {
			select {
			case c.out <- line:
			default: // it is slow: this line is not for it
			}
		}
	}
	for e := range events {
		switch {
		case e.enter != nil:
			send([]byte(e.enter.name + " has arrived\n"))
			clients[e.enter] = struct{}{}
		case e.leave != nil:
			delete(clients, e.leave)
			close(e.leave.out)
			send([]byte(e.leave.name + " has left\n"))
		default:
			send(e.line)
		}
	}
}

func serve(conn net.Conn, events chan<- event) {
	c := &client{conn: conn, name: conn.RemoteAddr().String(), out: make(chan []byte, queue)}
	c.out <- []byte("You are " + c.name + "\n")
	go write(c)
	events <- event{enter: c}
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 1024), longest)
	for lines.Scan() {
		text := lines.Bytes()
		line := make([]byte, 0, len(c.name)+2+len(text)+1)
		line = append(line, c.name...)
		line = append(line, ": "...)
		line = append(line, text...)
		events <- event{line: append(line, '\n')}
	}
	events <- event{leave: c}
}

// write sends what is pending as one piece. It ends, and closes, when the broadcaster has closed
// the channel.
func write(c *client) {
	defer c.conn.Close()
	var all []byte
	broken := false
	for line := range c.out {
		all = append(all[:0], line...)
		for more := true; more && len(all) < gather; {
			select {
			case line, ok := <-c.out:
				all, more = append(all, line...), ok
			default:
				more = false
			}
		}
		if !broken {
			_, err := c.conn.Write(all)
			broken = err != nil // go on receiving, or the broadcaster would keep us for full
		}
	}
}
