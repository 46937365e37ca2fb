package edge_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/edge"
)

// TestHTTP3Port: a UDP port that somebody else has is no reason not to start, but
// for an operator who said so; off means that no port is bound.
func TestHTTP3Port(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var taken net.PacketConn
	var addr string
	for range 20 { // until a port is free for TCP and taken for UDP
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr = "127.0.0.1:" + strconv.Itoa(pc.LocalAddr().(*net.UDPAddr).Port)
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			taken = pc
			break
		}
		_ = pc.Close()
	}
	if taken == nil {
		t.Fatal("no port")
	}
	cfg := w.config(t, t.TempDir())
	cfg.TLSAddr, cfg.HTTP3 = addr, edge.HTTP3On
	if _, err := edge.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "HTTP/3") || !strings.Contains(err.Error(), addr) {
		t.Errorf("on, and the port is taken: %v", err)
	}
	for _, how := range []string{edge.HTTP3Auto, edge.HTTP3Off} {
		if how == edge.HTTP3Off {
			_ = taken.Close()
		}
		cfg := w.config(t, t.TempDir())
		cfg.TLSAddr, cfg.HTTP3 = addr, how
		e := w.startWith(t, cfg)
		e.waitReady(t)
		if how == edge.HTTP3Off {
			pc, err := net.ListenPacket("udp", addr)
			if err != nil {
				t.Fatalf("the UDP port is bound all the same: %v", err)
			}
			_ = pc.Close()
		}
		if a := e.admin(t, "/metrics"); !has(a, "tollgate_edge_http3_connections 0") || !has(a, "tollgate_edge_http2_connections 0") {
			t.Error("no figures of HTTP/2 and HTTP/3 in the metrics")
		}
		e.stop(t)
	}
}
