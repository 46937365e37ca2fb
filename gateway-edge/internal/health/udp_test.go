package health

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// TestUDP: with a payload the answer counts, without one only a refusal does.
func TestUDP(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if string(buf[:n]) == "ping" {
				_, _ = conn.WriteTo([]byte("pong 7"), from)
			}
		}
	}()
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := closed.LocalAddr().String()
	_ = closed.Close()
	here := conn.LocalAddr().String()
	for _, c := range []struct {
		name, at string
		check    contract.HealthCheck
		reason   string // empty: healthy
	}{
		{"an answer", here, contract.HealthCheck{Payload: []byte("ping")}, ""},
		{"the right answer", here, contract.HealthCheck{Payload: []byte("ping"), BodyRegex: "^pong [0-9]$"}, ""},
		{"another answer", here, contract.HealthCheck{Payload: []byte("ping"), BodyContains: "gnop"}, "the answer is not what was expected"},
		{"no answer", here, contract.HealthCheck{Payload: []byte("hello")}, "no answer came"},
		{"silence", here, contract.HealthCheck{}, ""},
		{"nobody there", gone, contract.HealthCheck{}, "the target's host refused the datagram"},
		{"nobody there to answer", gone, contract.HealthCheck{Payload: []byte("ping")}, "the target's host refused the datagram"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check.Type = "udp"
			target, check := target(t, "udp://"+c.at, "", c.check)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			reason := ""
			if err := probe(ctx, target, check); err != nil {
				reason = describe(err)
			}
			if reason != c.reason {
				t.Errorf("%q, want %q", reason, c.reason)
			}
		})
	}
}
