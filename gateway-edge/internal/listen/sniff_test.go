package listen

import (
	"bytes"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/l4"
)

// TestSniff: the name is found however the hello comes, and nothing of it is lost.
func TestSniff(t *testing.T) {
	a, b := net.Pipe()
	go func() { _ = tls.Client(a, &tls.Config{ServerName: "db.demo.localhost"}).Handshake() }()
	hello := make([]byte, 4096)
	_ = b.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := b.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	hello = hello[:n]
	for _, c := range []struct {
		name        string
		ahead, sent []byte
		step        int
		want        string
		ok          bool
	}{
		{"whole", nil, hello, 4096, "db.demo.localhost", true},
		{"by single bytes", nil, hello, 1, "db.demo.localhost", true},
		{"behind a PROXY header", hello[:7], hello[7:], 100, "db.demo.localhost", true},
		{"all read before", hello, nil, 1, "db.demo.localhost", true},
		{"what is no TLS", nil, []byte("GET / HTTP/1.1\r\n\r\n"), 100, "", true},
		{"half a hello", nil, hello[:50], 50, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := net.Pipe()
			defer server.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for p := c.sent; len(p) > 0; {
					k := min(c.step, len(p))
					if _, err := client.Write(p[:k]); err != nil {
						break
					}
					p = p[k:]
				}
				_ = client.Close()
			}()
			s := &Server{cfg: Config{Streams: &l4.Server{}}}
			info := engine.Info{Ahead: c.ahead}
			name, ok := s.sniff(server, &info, time.Now().Add(handshakeTime))
			if name != c.want || ok != c.ok {
				t.Errorf("%q %v", name, ok)
			}
			all := append(append([]byte(nil), c.ahead...), c.sent...)
			if ok && !bytes.HasPrefix(all, info.Ahead) {
				t.Errorf("read ahead %q of %q", info.Ahead, all)
			}
			if c.want != "" && len(info.Ahead) < len(hello) {
				t.Errorf("%d of %d bytes of the hello are kept", len(info.Ahead), len(hello))
			}
			_ = server.Close()
			<-done
		})
	}
}
