package l4

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// inherit is another process with a port's socket: it answers every datagram.
func inherit(t *testing.T, c *net.UDPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	must(t, err)
	fd := -1
	must(t, raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }))
	must(t, err)
	f := os.NewFile(uintptr(fd), "inherited")
	pc, err := net.FilePacketConn(f)
	must(t, err)
	must(t, f.Close())
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo(append([]byte("new "), buf[:n]...), from)
		}
	})
	t.Cleanup(func() { _ = pc.Close(); wg.Wait() })
}

// TestFlowsStay: when another process goes on with a port, open flows stay with
// their targets, and everybody else reaches the other process.
func TestFlowsStay(t *testing.T) {
	for _, host := range []string{"127.0.0.1", ""} {
		t.Run("at "+host, func(t *testing.T) {
			r := newRig(t)
			r.cfg.Host = host
			r.serve([]string{answering(t, "a"), answering(t, "b")}, r.stream(udp))
			clients := map[*net.UDPConn]string{}
			for i := range 20 {
				c := r.dialUDP()
				clients[c] = ask(t, c, fmt.Sprint(i))
			}
			r.mu.Lock()
			p := r.ports[portKey{udp, r.port}].(*udpPort)
			r.mu.Unlock()
			socks := r.Sockets()
			if len(socks) != 1 {
				t.Fatalf("%d sockets to hand over", len(socks))
			}
			inherit(t, p.conn)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- r.Drain(ctx, true) }()
			r.until("the flows to have sockets of their own", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				for _, f := range p.flows {
					if f.own == nil {
						return false
					}
				}
				return p.handed
			})
			for range 3 {
				for c, first := range clients {
					if again := ask(t, c, first[2:]); again != first {
						t.Fatalf("%q after %q", again, first)
					}
				}
			}
			for i := range 10 {
				fresh, err := net.Dial(udp, r.addr())
				must(t, err)
				if got := ask(t, fresh, fmt.Sprint(i)); got != fmt.Sprintf("new %d", i) {
					t.Errorf("a new client got %q", got)
				}
				must(t, fresh.Close())
			}
			// Nobody else may bind the port, now as before.
			if pc, err := net.ListenPacket(udp, net.JoinHostPort(host, fmt.Sprint(r.port))); err == nil {
				_ = pc.Close()
				t.Error("the port can be bound by anybody")
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("drained with %v", err)
			}
		})
	}
}
