package engine_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// h2Tunnel is a client of HTTP/2 that opens one stream by extended CONNECT
// (RFC 8441), which net/http's client does not offer. It asks for windows that
// are never full, and sends no more than the edge's hold.
type h2Tunnel struct {
	c      net.Conn
	r      *bufio.Reader
	status byte // the first byte of the answer's fields: 0x88 is ":status: 200"
	data   []byte
	reset  bool
	ended  bool
}

func h2Frame(kind, flags byte, stream uint32, p []byte) []byte {
	out := []byte{byte(len(p) >> 16), byte(len(p) >> 8), byte(len(p)), kind, flags}
	return append(binary.BigEndian.AppendUint32(out, stream), p...)
}

// hpack encodes fields as literals that are not indexed (RFC 7541, 6.2.2).
func hpack(fields ...string) (out []byte) {
	for i := 0; i < len(fields); i += 2 {
		out = append(append(out, 0, byte(len(fields[i]))), fields[i]...)
		out = append(append(out, byte(len(fields[i+1]))), fields[i+1]...)
	}
	return out
}

// h2Open opens stream 1 with the fields given and waits for the answer's head.
func (e *testEdge) h2Open(fields ...string) *h2Tunnel {
	e.t.Helper()
	c, err := net.Dial("tcp", e.addr)
	must(e.t, err)
	e.t.Cleanup(func() { c.Close() })
	must(e.t, c.SetDeadline(time.Now().Add(10*time.Second)))
	out := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	out = append(out, h2Frame(4, 0, 0, []byte{0, 4, 0x7f, 0, 0, 0})...)
	out = append(out, h2Frame(8, 0, 0, []byte{0x70, 0, 0, 0})...)
	out = append(out, h2Frame(1, 4, 1, hpack(fields...))...)
	_, err = c.Write(out)
	must(e.t, err)
	s := &h2Tunnel{c: c, r: bufio.NewReader(c)}
	for s.status == 0 {
		must(e.t, s.frame())
	}
	return s
}

// frame reads one frame.
func (s *h2Tunnel) frame() error {
	var h [9]byte
	if _, err := io.ReadFull(s.r, h[:]); err != nil {
		return err
	}
	p := make([]byte, int(h[0])<<16|int(h[1])<<8|int(h[2]))
	if _, err := io.ReadFull(s.r, p); err != nil {
		return err
	}
	switch kind, flags := h[3], h[4]; kind {
	case 0:
		s.data = append(s.data, p...)
		s.ended = s.ended || flags&1 != 0
	case 1:
		s.status = p[0]
		s.ended = s.ended || flags&1 != 0
	case 3:
		s.reset = binary.BigEndian.Uint32(p) != 0
		s.ended = true
	case 4:
		if flags&1 == 0 {
			_, err := s.c.Write(h2Frame(4, 1, 0, nil))
			return err
		}
	case 7:
		if binary.BigEndian.Uint32(p[4:]) != 0 {
			return fmt.Errorf("GOAWAY %x", p)
		}
	}
	return nil
}

// Read reads what the stream carries.
func (s *h2Tunnel) Read(p []byte) (int, error) {
	for len(s.data) == 0 {
		if s.reset {
			return 0, errors.New("the stream was reset")
		}
		if s.ended {
			return 0, io.EOF
		}
		if err := s.frame(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}

// Write sends DATA.
func (s *h2Tunnel) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), 16<<10)
		if _, err := s.c.Write(h2Frame(0, 0, 1, rest[:n])); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

func connectFields(path string, more ...string) []string {
	return append([]string{
		":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":authority", "demo.localhost", ":path", path,
		"sec-websocket-version", "13",
	}, more...)
}

// wsDial2 opens a WebSocket over HTTP/2.
func (e *testEdge) wsDial2(path string) *wsConn {
	e.t.Helper()
	s := e.h2Open(connectFields(path)...)
	if s.status != 0x88 {
		e.t.Fatalf("the handshake's answer begins with %x", s.status)
	}
	return &wsConn{s, bufio.NewReader(s), func() { s.c.Close() }}
}

// TestExtendedConnectIsOn notices when package xconnect no longer comes before
// net/http.
func TestExtendedConnectIsOn(t *testing.T) {
	b := wsBackend(t, wsEcho)
	e := newEdge(t, edgeOptions{})
	e.serve(wsGateway(b.url, wsSpec))
	if s := e.h2Open(connectFields("/chat")...); s.status != 0x88 {
		t.Errorf("extended CONNECT was not taken: %x", s.status)
	}
	for name, fields := range map[string][]string{
		"another protocol": {":method", "CONNECT", ":protocol", "connect-udp", ":scheme", "http", ":authority", "demo.localhost", ":path", "/chat"},
		"no CONNECT":       {":method", "GET", ":protocol", "websocket", ":scheme", "http", ":authority", "demo.localhost", ":path", "/chat"},
		"no version":       connectFields("/chat")[:10],
		"a length":         connectFields("/chat", "content-length", "3"),
	} {
		if s := e.h2Open(fields...); s.status == 0x88 {
			t.Errorf("%s: the tunnel was opened", name)
		}
	}
	if got := b.received(); strings.Count(got, "GET /chat") != 1 {
		t.Errorf("the backend got %.600q", got)
	}
}
