package engine_test

import (
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/compress"
	"github.com/tollgate/tollgate/services/contract"
)

// TestCompress: what is compressed is framed anew; an answer that trickles reaches
// the caller piece by piece.
func TestCompress(t *testing.T) {
	gate := make(chan struct{})
	page := strings.Repeat("all work and no play ", 5000)
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		if strings.HasPrefix(string(buf[:n]), "GET /slow") {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
			<-gate
			_, _ = io.WriteString(c, "4\r\nlast\r\n0\r\n\r\n")
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 105000\r\nConnection: close\r\n\r\n"+page)
	})
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&compress.Descriptor}})
	g := plain(b.url)
	g.Policies = []contract.Policy{{Type: "compress", Config: []byte(`{}`)}}
	e.serve(g)
	m := e.once(req("GET /page HTTP/1.1", "Accept-Encoding: gzip\r\n"))
	r, err := gzip.NewReader(strings.NewReader(m.body))
	if err != nil {
		t.Fatalf("%v: %s %v", err, m.line, m.header)
	}
	if got, err := io.ReadAll(r); string(got) != page || err != nil || m.get("Content-Encoding") != "gzip" || m.get("Content-Length") != "" {
		t.Errorf("%d bytes, %v: %v", len(got), err, m.header)
	}
	s := e.dial()
	s.send(req("GET /slow HTTP/1.1", "Accept-Encoding: gzip\r\n"))
	resp, err := http.ReadResponse(s.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 5)
	if _, err := io.ReadFull(z, first); err != nil || string(first) != "first" {
		t.Fatalf("%q %v", first, err)
	}
	close(gate) // only now the backend goes on
	if rest, err := io.ReadAll(z); string(rest) != "last" || err != nil {
		t.Errorf("%q %v", rest, err)
	}
}
