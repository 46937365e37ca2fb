package l4

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestRest: a server that rests takes nothing new, at no port and by no server name,
// and carries on what it has; then it takes all again.
func TestRest(t *testing.T) {
	r := newRig(t)
	target := backend(t, echo)
	byName, flows := r.stream("tls"), r.stream(udp)
	byName.Name, byName.ID, byName.Num, byName.Port, byName.SNI = "n", "str_2", byName.Num+1, 0, []string{"n.demo.localhost"}
	flows.Name, flows.ID, flows.Num, flows.Upstream = "u", "str_3", flows.Num+2, "flows"
	r.serveBoth([]string{target}, []string{answering(t, "a")}, r.stream(tcp), byName, flows)
	says := func(c net.Conn, text string) {
		t.Helper()
		_, err := c.Write([]byte(text))
		must(t, err)
		got := make([]byte, len(text))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
			t.Fatalf("%q, %v; log: %s", got, err, r.logs)
		}
	}
	offered := func() bool {
		ln, err := net.Listen(tcp, "127.0.0.1:0")
		must(t, err)
		defer ln.Close()
		client, err := net.Dial(tcp, ln.Addr().String())
		must(t, err)
		defer client.Close()
		c, err := ln.Accept()
		must(t, err)
		hello := helloOf(t, "n.demo.localhost")
		done := make(chan bool, 1)
		go func() { done <- r.ServeTLS(t.Context(), Arrival{Conn: c, Name: "n.demo.localhost", Ahead: hello}) }()
		_ = client.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = io.ReadFull(client, make([]byte, len(hello)))
		_ = client.Close()
		if !<-done {
			t.Error("a stream's connection is left to others")
		}
		return err == nil
	}
	for range 2 {
		kept, flow := r.dial(""), r.dialUDP()
		says(kept, "before")
		if got := ask(t, flow, "x"); got != "a x" {
			t.Fatal(got)
		}
		if !offered() {
			t.Error("no connection by its name")
		}

		r.Rest(true)
		if c, err := net.Dial(tcp, r.addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			if err == nil {
				_ = c.Close()
			}
			t.Errorf("a new connection: %v", err)
		}
		if offered() {
			t.Error("a connection by its name is carried")
		}
		says(kept, "while it rests")
		if got := ask(t, flow, "y"); got != "a y" {
			t.Fatal(got)
		}
		fresh, err := net.Dial(udp, r.addr())
		must(t, err)
		_, err = fresh.Write([]byte("x"))
		must(t, err)
		must(t, fresh.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		if n, err := fresh.Read(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a new flow: %d bytes, %v", n, err)
		}
		must(t, fresh.Close())

		r.Rest(false)
		again := r.dial("")
		says(again, "after")
		says(kept, "still")
		if got := ask(t, r.dialUDP(), "z"); got != "a z" {
			t.Fatal(got)
		}
		if got := ask(t, flow, "y"); got != "a y" {
			t.Fatal(got)
		}
	}
}

// TestRestEmpties: a UDP port is given up once its last flow has ended, so that
// clients hear that nobody is there.
func TestRestEmpties(t *testing.T) {
	r := newRig(t)
	s := r.stream(udp)
	s.IdleTimeout = 1e9
	r.serve([]string{answering(t, "a")}, s)
	c := r.dialUDP()
	if got := ask(t, c, "x"); got != "a x" {
		t.Fatal(got)
	}
	r.Rest(true)
	r.bound(udp, false)
	r.until("a refusal", func() bool {
		_, _ = c.Write([]byte("x"))
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := c.Read(make([]byte, 9))
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	r.Rest(false)
	if got := ask(t, r.dialUDP(), "y"); got != "a y" {
		t.Fatal(got)
	}
}
