// Command idle holds connections that do nothing: kept-alive ones of HTTP/1.1 that
// have had one answer, and WebSockets. With -origin it is the backend behind them
// instead.
//
// It prints a line "ready" with what it has opened, and then, until its input ends,
// closes the oldest and opens new ones, -churn a second. At the end it prints one line
// of JSON.
package main

import (
	"bufio"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	origin  = flag.String("origin", "", "be the backend at this address")
	addr    = flag.String("addr", "", "host:port to connect to")
	host    = flag.String("host", "", "Host of the requests")
	plain   = flag.Int("http", 0, "kept-alive connections")
	sockets = flag.Int("ws", 0, "WebSockets")
	secure  = flag.Bool("tls", false, "over TLS, without a look at the certificate")
	churn   = flag.Float64("churn", 0, "connections closed and opened a second, of both kinds in proportion")
	from    = flag.Int("from", 20, "connections come from 127.<from>.x.y, two hundred of each address")
	at      = flag.Float64("at", 2000, "connections opened a second at the beginning")
)

type report struct {
	Opened int64  `json:"opened"`
	Failed int64  `json:"failed"`
	Lost   int64  `json:"lost"`  // ended by the other side
	Error  string `json:"error"` // the first
}

// set holds connections of one kind, oldest first.
type set struct {
	ws    bool
	conns []net.Conn // a ring
	next  int
	n     atomic.Int64 // of opened ones, for addresses
}

var (
	opened, failed, lost atomic.Int64
	firstErr             sync.Once
	firstText            string
)

func main() {
	flag.Parse()
	if *origin != "" {
		log.Fatal(serve(*origin))
	}
	sets := []*set{{conns: make([]net.Conn, *plain)}, {ws: true, conns: make([]net.Conn, *sockets)}}
	for _, s := range sets {
		s.fill()
	}
	fmt.Printf("ready %d failed %d %s\n", opened.Load(), failed.Load(), firstText)
	done := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); close(done) }()
	turn(sets, done)
	for _, s := range sets {
		for i := range s.conns {
			s.alive(i)
		}
	}
	out := report{Opened: opened.Load(), Failed: failed.Load(), Lost: lost.Load(), Error: firstText}
	if err := json.NewEncoder(os.Stdout).Encode(&out); err != nil {
		log.Fatal(err)
	}
}

// fill opens all connections, 64 at once, at the pace that was asked for.
func (s *set) fill() {
	var all sync.WaitGroup
	room := make(chan struct{}, 64)
	began := time.Now()
	for i := range s.conns {
		time.Sleep(time.Until(began.Add(time.Duration(float64(i) / *at * float64(time.Second)))))
		room <- struct{}{}
		all.Go(func() {
			s.conns[i] = s.open()
			<-room
		})
	}
	all.Wait()
}

// turn closes the oldest and opens others until done.
func turn(sets []*set, done <-chan struct{}) {
	if *churn <= 0 {
		<-done
		return
	}
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	began, total, did := time.Now(), float64(*plain+*sockets), make([]int, len(sets))
	for {
		select {
		case <-done:
			return
		case <-t.C:
		}
		for k, s := range sets {
			want := int(time.Since(began).Seconds() * *churn * float64(len(s.conns)) / total)
			for ; did[k] < want; did[k]++ {
				s.alive(s.next)
				s.conns[s.next] = s.open()
				s.next = (s.next + 1) % len(s.conns)
			}
		}
	}
}

// alive closes a connection, and counts it as lost where the other side had ended it.
func (s *set) alive(i int) {
	c := s.conns[i]
	if c == nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Microsecond))
	if _, err := c.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		lost.Add(1)
		note(fmt.Errorf("a connection was ended: %w", err))
	}
	_ = c.Close()
	s.conns[i] = nil
}

func note(err error) { firstErr.Do(func() { firstText = err.Error() }) }

// open opens a connection and has one answer; nil where that fails.
func (s *set) open() net.Conn {
	n := int(s.n.Add(1)) / 200 % 40_000
	b := byte(*from)
	if s.ws {
		b++
	}
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, b, byte(n/200), byte(1+n%200))}}
	c, err := d.Dial("tcp", *addr)
	if err == nil && *secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: *host, NextProtos: []string{"http/1.1"}})
	}
	if err == nil {
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		err = s.greet(c)
		_ = c.SetDeadline(time.Time{})
	}
	if err != nil {
		failed.Add(1)
		note(err)
		if c != nil {
			_ = c.Close()
		}
		return nil
	}
	opened.Add(1)
	return c
}

// greet has one answer of a new connection.
func (s *set) greet(c net.Conn) error {
	head, want := "GET /plain HTTP/1.1\r\nHost: "+*host+"\r\n", http.StatusOK
	if s.ws {
		head = "GET /ws HTTP/1.1\r\nHost: " + *host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		want = http.StatusSwitchingProtocols
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		return err
	}
	r := bufio.NewReaderSize(c, 1024)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		b, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s", resp.Status, b)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if s.ws || err != nil {
		return err
	}
	return resp.Body.Close()
}

// serve answers every request with 200, and takes every WebSocket, of which it reads
// to the end.
func serve(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			if answer(c) {
				small := make([]byte, 256)
				for {
					if _, err := c.Read(small); err != nil {
						return
					}
				}
			}
		}()
	}
}

// answer answers requests until one is a WebSocket's.
func answer(c net.Conn) (webSocket bool) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if key := req.Header.Get("Sec-WebSocket-Key"); key != "" {
			sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
			return err == nil
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return false
		}
	}
}
