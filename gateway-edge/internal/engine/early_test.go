package engine_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestNextWhileServed sends what follows a request while that one is with the
// backend, when nobody reads from the client: none of it may be missed, and the
// connection must end where it says so.
func TestNextWhileServed(t *testing.T) {
	arrived, answer := make(chan string, 1), make(chan bool)
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			m, err := readMessage(r)
			if err != nil {
				return
			}
			path := strings.Fields(m.line)[1]
			if path == "/held" {
				arrived <- path
				<-answer
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path+m.body), path+m.body)
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	for _, c := range []struct {
		name, early, late string
		status            int
		body              string
		ends              bool
	}{
		{"a whole request", get("/next"), "", 200, "/next", false},
		{"a part of a head", "GET /next HTTP/1.1\r\nHo", "st: demo.localhost\r\n\r\n", 200, "/next", false},
		{"a head without its body", "POST /next HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\n", "abc", 200, "/nextabc", false},
		{"a body with its head", "POST /next HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", "", 200, "/nextabc", false},
		{"the last request", "GET /next HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", "", 200, "/next", true},
		{"a request that is refused", "GET /next HTTP/1.1\r\n" + host + "Content-Length: x\r\n\r\n", "", 400, "", true},
		{"nothing but the end", "", "", 0, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := e.dial()
			for range 3 { // a connection's first request is served another way
				s.send(get("/first"))
				if m := s.answer(); m.status() != 200 {
					t.Fatal(m.line, m.body)
				}
			}
			s.send(get("/held"))
			<-arrived
			if c.early != "" {
				s.send(c.early)
			} else {
				must(t, s.Conn.(*net.TCPConn).CloseWrite())
			}
			time.Sleep(5 * time.Millisecond) // it is there before the answer
			answer <- true
			if m := s.answer(); m.body != "/held" {
				t.Fatalf("the first answer is %s %q", m.line, m.body)
			}
			if c.late != "" {
				s.send(c.late)
			}
			if c.status > 0 {
				if m := s.answer(); m.status() != c.status || c.body != "" && m.body != c.body {
					t.Fatalf("the next answer is %s %q", m.line, m.body)
				}
			}
			if c.ends {
				s.ended()
				return
			}
			s.send(get("/last"))
			if m := s.answer(); m.body != "/last" {
				t.Fatalf("the last answer is %s %q", m.line, m.body)
			}
		})
	}
}
