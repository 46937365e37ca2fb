package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// Kinds of HTTP/3 frames (RFC 9114, 7.2).
const (
	h3Data     = 0
	h3Headers  = 1
	h3Settings = 4
	h3GoAway   = 7
)

func h3Frame(kind uint64, payload []byte) []byte {
	return append(quicvarint.Append(quicvarint.Append(nil, kind), uint64(len(payload))), payload...)
}

func h3Fields(fields ...string) []byte {
	var b bytes.Buffer
	enc := qpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(qpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

// h3Dial opens a QUIC connection to the edge and sends SETTINGS.
func (e *testEdge) h3Dial() *quic.Conn {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := quic.DialAddr(ctx, e.tlsAddr, &tls.Config{InsecureSkipVerify: true, ServerName: "demo.localhost", NextProtos: []string{"h3"}}, &quic.Config{})
	must(e.t, err)
	e.t.Cleanup(func() { _ = c.CloseWithError(0x100, "") })
	s, err := c.OpenUniStream()
	must(e.t, err)
	_, err = s.Write(append([]byte{0}, h3Frame(h3Settings, nil)...))
	must(e.t, err)
	return c
}

// h3Tunnel is a stream of an extended CONNECT (RFC 9220).
type h3Tunnel struct {
	s      *quic.Stream
	r      *bufio.Reader
	status string
	left   uint64 // of a DATA frame
}

// h3Open opens a stream with the fields given and waits for the answer's head.
func (e *testEdge) h3Open(fields ...string) *h3Tunnel {
	e.t.Helper()
	s, err := e.h3Dial().OpenStream()
	must(e.t, err)
	must(e.t, s.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = s.Write(h3Frame(h3Headers, h3Fields(fields...)))
	must(e.t, err)
	t := &h3Tunnel{s: s, r: bufio.NewReader(s)}
	kind, payload, err := t.frame()
	if err != nil {
		t.status = err.Error()
		return t
	}
	if kind != h3Headers {
		e.t.Fatalf("the answer begins with a frame of kind %d", kind)
	}
	f, err := qpack.NewDecoder().Decode(payload)()
	must(e.t, err)
	t.status = f.Value
	return t
}

func (t *h3Tunnel) frame() (kind uint64, payload []byte, err error) {
	if kind, err = quicvarint.Read(t.r); err != nil {
		return 0, nil, err
	}
	n, err := quicvarint.Read(t.r)
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(t.r, payload)
	return kind, payload, err
}

// Read reads what DATA frames carry.
func (t *h3Tunnel) Read(p []byte) (int, error) {
	for t.left == 0 {
		kind, err := quicvarint.Read(t.r)
		if err != nil {
			return 0, err
		}
		if t.left, err = quicvarint.Read(t.r); err != nil {
			return 0, err
		}
		if kind != h3Data {
			return 0, errors.New("no DATA frame")
		}
	}
	n, err := t.r.Read(p[:min(uint64(len(p)), t.left)])
	t.left -= uint64(n)
	return n, err
}

// Write sends a DATA frame.
func (t *h3Tunnel) Write(p []byte) (int, error) {
	if _, err := t.s.Write(h3Frame(h3Data, p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// wsDial3 opens a WebSocket over HTTP/3.
func (e *testEdge) wsDial3(path string) *wsConn {
	e.t.Helper()
	t := e.h3Open(connectFields(path)...)
	if t.status != "200" {
		e.t.Fatalf("the handshake's answer is %s", t.status)
	}
	return &wsConn{t, bufio.NewReader(t), func() { _ = t.s.Close() }}
}

// TestHTTP3ExtendedConnect: WebSockets are opened (RFC 9220), nothing else is.
func TestHTTP3ExtendedConnect(t *testing.T) {
	b := wsBackend(t, wsEcho)
	e := newEdge(t, edgeOptions{})
	e.serve(wsGateway(b.url, wsSpec))
	if s := e.h3Open(connectFields("/chat")...); s.status != "200" {
		t.Errorf("extended CONNECT was not taken: %s", s.status)
	}
	for name, fields := range map[string][]string{
		"another protocol": {":method", "CONNECT", ":protocol", "connect-udp", ":scheme", "https", ":authority", "demo.localhost", ":path", "/chat"},
		"no CONNECT":       {":method", "GET", ":protocol", "websocket", ":scheme", "https", ":authority", "demo.localhost", ":path", "/chat"},
		"no version":       connectFields("/chat")[:10],
		"a length":         connectFields("/chat", "content-length", "3"),
		"a proxy's":        {":method", "CONNECT", ":authority", "demo.localhost:443"},
	} {
		if s := e.h3Open(fields...); s.status == "200" {
			t.Errorf("%s: the tunnel was opened", name)
		}
	}
	if got := bytes.Count([]byte(b.received()), []byte("GET /chat")); got != 1 {
		t.Errorf("the backend got %d requests", got)
	}
}

func newStreamReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, 32<<10) }

func decodeH3(t *testing.T, payload []byte) (out []qpack.HeaderField) {
	t.Helper()
	next := qpack.NewDecoder().Decode(payload)
	for {
		f, err := next()
		if errors.Is(err, io.EOF) {
			return out
		}
		must(t, err)
		out = append(out, f)
	}
}
