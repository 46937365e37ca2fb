package engine_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

// TestBoundConnections: ISO09. A connection to a backend on which a client signed in
// with NTLM or Negotiate carries nobody else's request; others are kept.
func TestBoundConnections(t *testing.T) {
	for name, c := range map[string]struct {
		field string
		bound bool
	}{
		"none":          {"", false},
		"a bearer":      {"Authorization: Bearer x\r\n", false},
		"NTLM":          {"Authorization: NTLM TlRMTVNTUAAD\r\n", true},
		"negotiate":     {"Authorization: negotiate YII=\r\n", true},
		"only the name": {"Authorization: NTLM\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, func(_ *rawBackend, conn net.Conn) {
				r := bufio.NewReader(conn)
				who := "nobody"
				for {
					m, err := readMessage(r)
					if err != nil {
						return
					}
					if v := strings.ToLower(m.get("Authorization")); strings.HasPrefix(v, "ntlm") || strings.HasPrefix(v, "negotiate") {
						who = "alice"
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: "+map[string]string{"nobody": "6", "alice": "5"}[who]+"\r\n\r\n"+who)
				}
			})
			e := newEdge(t, edgeOptions{})
			e.serve(plain(b.url))
			const times = 10
			one, two := e.dial(), e.dial()
			for range times {
				one.send("GET / HTTP/1.1\r\nHost: demo.localhost\r\n" + c.field + "\r\n")
				one.answer()
				two.send(get("/"))
				if m := two.answer(); m.body != "nobody" {
					t.Fatalf("the next caller is taken for %s", m.body)
				}
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if bound := b.conns > times; bound != c.bound { // of the others, some are kept a moment too late
				t.Errorf("%d connections for %d requests", b.conns, 2*times)
			}
		})
	}
}
