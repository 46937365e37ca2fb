package engine_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// wsBackend is a backend that opens a WebSocket for every handshake and hands it
// to handle.
func wsBackend(t testing.TB, handle func(c net.Conn, r *bufio.Reader)) *rawBackend {
	return newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		h := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(h[:]))
		handle(c, r)
	})
}

// wsEcho sends every frame back, unmasked.
func wsEcho(c net.Conn, r *bufio.Reader) {
	for {
		first, p, err := readFrame(r)
		if err != nil {
			return
		}
		if _, err := c.Write(frame(first, p, false)); err != nil || first&0xf == 8 {
			return
		}
	}
}

func readFrame(r *bufio.Reader) (first byte, payload []byte, err error) {
	var h [2]byte
	if _, err = io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, nil, err
	}
	var key [4]byte
	if h[1]&0x80 != 0 {
		if _, err = io.ReadFull(r, key[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, n)
	if _, err = io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	for i := range payload {
		payload[i] ^= key[i&3]
	}
	return h[0], payload, nil
}

func frame(first byte, p []byte, masked bool) []byte {
	var m byte
	if masked {
		m = 0x80
	}
	out := []byte{first}
	switch {
	case len(p) < 126:
		out = append(out, m|byte(len(p)))
	case len(p) < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, m|126), uint16(len(p)))
	default:
		out = binary.BigEndian.AppendUint64(append(out, m|127), uint64(len(p)))
	}
	if !masked {
		return append(out, p...)
	}
	key := [4]byte{1, 2, 3, 4}
	out = append(out, key[:]...)
	for i, c := range p {
		out = append(out, c^key[i&3])
	}
	return out
}

// wsSpec is how a route takes WebSockets that says no more.
var wsSpec = contract.WebSocket{}

// wsGateway is a gateway whose one route takes WebSockets.
func wsGateway(url string, spec contract.WebSocket) contract.Gateway {
	g := plain(url)
	g.Routes[0].WebSocket = &spec
	return g
}

const wsHandshake = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

// wsConn is a client's WebSocket, over either protocol.
type wsConn struct {
	io.Writer
	r     *bufio.Reader
	close func()
}

// wsDial opens a WebSocket over HTTP/1.1.
func (e *testEdge) wsDial(path, fields string) *wsConn {
	e.t.Helper()
	s := e.dial()
	must(e.t, s.SetDeadline(time.Now().Add(10*time.Second)))
	_, err := io.WriteString(s.Conn, "GET "+path+" HTTP/1.1\r\nHost: demo.localhost\r\n"+wsHandshake+fields+"\r\n")
	must(e.t, err)
	r := bufio.NewReader(s.Conn)
	resp, err := http.ReadResponse(r, nil)
	must(e.t, err)
	if resp.StatusCode != 101 {
		e.t.Fatalf("the handshake got %s %s", resp.Status, resp.Header.Get("Tollgate-Error"))
	}
	return &wsConn{s.Conn, r, func() { s.Conn.Close() }}
}

// wsEach runs a test over both protocols.
func (e *testEdge) wsEach(t *testing.T, test func(t *testing.T, dial func() *wsConn)) {
	t.Run("h1", func(t *testing.T) { test(t, func() *wsConn { return e.wsDial("/chat", "") }) })
	t.Run("h2", func(t *testing.T) { test(t, func() *wsConn { return e.wsDial2("/chat") }) })
	t.Run("h3", func(t *testing.T) { test(t, func() *wsConn { return e.wsDial3("/chat") }) })
}

func (c *wsConn) send(t testing.TB, first byte, p string) {
	t.Helper()
	_, err := c.Write(frame(first, []byte(p), true))
	must(t, err)
}

func (c *wsConn) want(t testing.TB, first byte, p string) {
	t.Helper()
	f, got, err := readFrame(c.r)
	if err != nil || f != first || string(got) != p {
		t.Fatalf("got frame %x of %d bytes %.60q (%v), want %x of %d bytes %.60q", f, len(got), got, err, first, len(p), p)
	}
}

func (c *wsConn) wantClose(t testing.TB, code uint16) {
	t.Helper()
	for {
		f, got, err := readFrame(c.r)
		if err != nil {
			t.Fatalf("no Close frame: %v", err)
		}
		if f != 0x88 {
			continue
		}
		if len(got) < 2 || binary.BigEndian.Uint16(got) != code {
			t.Fatalf("closed with %x, want %d", got, code)
		}
		return
	}
}

func TestWebSocketCarriesFrames(t *testing.T) {
	b := wsBackend(t, wsEcho)
	e := newEdge(t, edgeOptions{})
	e.serve(wsGateway(b.url, wsSpec))
	e.wsEach(t, func(t *testing.T, dial func() *wsConn) {
		c := dial()
		for _, n := range []int{0, 1, 125, 126, 1000, 1024, 5000, 32 << 10, 65535, 65536} {
			p := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
			go c.send(t, 0x81, p)
			var got []byte
			for fin := false; !fin; {
				f, part, err := readFrame(c.r)
				must(t, err)
				got, fin = append(got, part...), f&0x80 != 0
			}
			if string(got) != p {
				t.Fatalf("%d bytes came back as %d", n, len(got))
			}
		}
		c.send(t, 0x01, "frag")
		c.want(t, 0x01, "frag")
		c.send(t, 0x89, "ping")
		c.want(t, 0x89, "ping")
		c.send(t, 0x80, "ment")
		c.want(t, 0x80, "ment")
		c.send(t, 0x88, "\x03\xe8bye")
		c.want(t, 0x88, "\x03\xe8bye")
		if _, _, err := readFrame(c.r); err != io.EOF {
			t.Errorf("behind the close: %v", err)
		}
	})
	if got := b.received(); !strings.Contains(got, "GET /chat HTTP/1.1\r\n") || strings.Contains(got, "dGhlIHNhbXBsZSBub25jZQ==") {
		t.Errorf("the backend got %.600q", got)
	}
	if n := e.Open(); n != 0 {
		t.Errorf("%d requests are still under way", n)
	}
}

func TestWebSocketRefusals(t *testing.T) {
	b := wsBackend(t, wsEcho)
	e := newEdge(t, edgeOptions{})
	e.serve(wsGateway(b.url, contract.WebSocket{MaxMessageBytes: 1000, Origins: []string{"https://app.example.com"}}))
	bad := func(fields string) string {
		return "GET /chat HTTP/1.1\r\nHost: demo.localhost\r\n" + fields + "\r\n"
	}
	for _, row := range []struct {
		name, raw string
		status    int
		code      string
	}{
		{"no version", bad("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 426, "websocket_version"},
		{"key too short", bad("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhl\r\nSec-WebSocket-Version: 13\r\n"), 400, "upgrade_refused"},
		{"foreign page", bad(wsHandshake + "Origin: https://evil.example.com\r\n"), 403, "forbidden"},
		{"no Connection", bad("Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"), 400, "upgrade_refused"},
		{"a body", bad(wsHandshake + "Content-Length: 3\r\n"), 400, "upgrade_refused"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := e.dial()
			_, err := io.WriteString(s.Conn, row.raw)
			must(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(s.Conn), nil)
			must(t, err)
			if resp.StatusCode != row.status || resp.Header.Get("Tollgate-Error") != row.code {
				t.Errorf("%s %s", resp.Status, resp.Header.Get("Tollgate-Error"))
			}
		})
	}
	e.wsEach(t, func(t *testing.T, dial func() *wsConn) {
		for name, row := range map[string]struct {
			raw  []byte
			code uint16
		}{
			"too big":    {frame(0x82, bytes.Repeat([]byte{1}, 1001), true), 1009},
			"not masked": {frame(0x81, []byte("x"), false), 1002},
			"not UTF-8":  {frame(0x81, []byte("\xff"), true), 1007},
		} {
			c := dial()
			_, err := c.Write(row.raw)
			must(t, err)
			t.Log(name)
			c.wantClose(t, row.code)
		}
	})
}

func TestWebSocketEnds(t *testing.T) {
	told := make(chan uint16, 10)
	b := wsBackend(t, func(c net.Conn, r *bufio.Reader) {
		for {
			f, p, err := readFrame(r)
			if err != nil {
				return
			}
			if f == 0x88 {
				told <- binary.BigEndian.Uint16(p)
				return
			}
			if string(p) == "go" {
				return
			}
		}
	})
	e := newEdge(t, edgeOptions{})
	g := wsGateway(b.url, contract.WebSocket{IdleTimeout: contract.Duration(time.Second)})
	e.serve(g)
	e.wsEach(t, func(t *testing.T, dial func() *wsConn) {
		t.Run("idle", func(t *testing.T) {
			dial().wantClose(t, 1001)
			if c := <-told; c != 1001 {
				t.Errorf("the backend was told %d", c)
			}
		})
		t.Run("client gone", func(t *testing.T) {
			dial().close()
			if c := <-told; c != 1001 {
				t.Errorf("the backend was told %d", c)
			}
		})
		t.Run("backend gone", func(t *testing.T) {
			c := dial()
			c.send(t, 0x81, "go")
			c.wantClose(t, 1011)
		})
	})
	g.Routes[0].WebSocket.IdleTimeout = 0
	e.serve(g)
	e.wsEach(t, func(t *testing.T, dial func() *wsConn) {
		t.Run("route changed", func(t *testing.T) {
			c := dial()
			other := wsGateway(b.url, wsSpec)
			other.Routes[0].ID, other.Routes[0].Num = "rt_2", 2
			e.serve(other)
			c.wantClose(t, 1008)
			e.serve(g)
		})
	})
	c1, c2 := e.wsDial("/chat", ""), e.wsDial2("/chat")
	e.Engine.Drain()
	c1.wantClose(t, 1001)
	c2.wantClose(t, 1001)
}
