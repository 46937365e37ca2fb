package chaos

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// echoing answers every connection with what it sends.
func echoing(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return "tcp://" + ln.Addr().String()
}

// carried returns the bytes in and out that usage has of a stream.
func (l *lane) carried(name string) (in, out int64) {
	l.t.Helper()
	o := l.api.Must("GET", "/v1/gateways/"+l.name+"/usage?group_by=route&interval=total", nil)
	series, _ := o["series"].([]any)
	for _, e := range series {
		g, _ := e.(map[string]any)
		total, _ := g["total"].(map[string]any)
		if g["name"] == name && total != nil {
			a, _ := total["bytes_in"].(float64)
			b, _ := total["bytes_out"].(float64)
			in, out = int64(a), int64(b)
		}
	}
	return in, out
}

// TestStreamsWhileOpen: the bytes of a connection are counted while it is open; an
// edge that ends takes no new ones, lets open ones go on, and cuts them at its drain
// timeout; killed and started with everything else gone, it serves its streams from disk.
func TestStreamsWhileOpen(t *testing.T) {
	l := newLane(t, "open", "TOLLGATE_DRAIN_TIMEOUT=4s")
	addr := l.stream("echo", []string{echoing(t)}, harness.Object{"protocol": "tcp"})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(90 * time.Second))
	const size = 3_000_000
	sent := make([]byte, size)
	go func() { _, _ = c.Write(sent) }()
	if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := harness.Until(t.Context(), time.Minute, func() error {
		if in, out := l.carried("echo"); in != size || out != size {
			return fmt.Errorf("%d bytes in and %d out are counted of %d", in, out, size)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes each way counted %v after they were carried, the connection open", size, time.Since(began).Round(100*time.Millisecond))

	began = time.Now()
	if err := l.edge.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := harness.Until(t.Context(), 10*time.Second, func() error {
		more, err := net.Dial("tcp", addr)
		if err != nil {
			return nil
		}
		_ = more.Close()
		return fmt.Errorf("new connections are taken")
	}); err != nil {
		t.Fatal(err)
	}
	closed := time.Since(began)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatalf("an open connection was cut before the drain timeout: %v", err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatalf("an open connection was cut before the drain timeout: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	t.Logf("after SIGTERM: nothing new from %v on, what was open was cut at %v", closed.Round(10*time.Millisecond), time.Since(began).Round(10*time.Millisecond))
	select {
	case <-l.edge.Exited():
	case <-time.After(20 * time.Second):
		t.Fatal("the edge did not end")
	}

	started := func() time.Duration {
		began := time.Now()
		if err := l.edge.Start(); err != nil {
			t.Fatal(err)
		}
		if err := harness.Until(t.Context(), 20*time.Second, func() error { return echoes(addr) }); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	started()
	// Killed, not stopped: an edge that stops gives its leases of the subscription's
	// quota back.
	l.Redis.Kill()
	l.Portal.Kill()
	l.Worker.Kill()
	l.edge.Kill()
	t.Logf("started alone, the edge serves the stream after %v", started().Round(10*time.Millisecond))
}

// echoes makes one connection and has one byte come back.
func echoes(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}
