package conformance

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// wsFrame is a frame as it was read, or as it is sent: nothing holds it to the
// protocol.
type wsFrame struct {
	first byte // FIN, reserved bits, opcode
	data  []byte
}

func (f wsFrame) String() string {
	return fmt.Sprintf("%02x[%d]%.40q", f.first, len(f.data), f.data)
}

// bytes encodes the frame; masked with a fixed key.
func (f wsFrame) bytes(masked bool) []byte {
	var m byte
	if masked {
		m = 0x80
	}
	out := []byte{f.first}
	switch n := len(f.data); {
	case n < 126:
		out = append(out, m|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, m|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, m|127), uint64(n))
	}
	if !masked {
		return append(out, f.data...)
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	out = append(out, key[:]...)
	for i, c := range f.data {
		out = append(out, c^key[i&3])
	}
	return out
}

// readWS reads a frame. masked says whether it was.
func readWS(r *bufio.Reader) (f wsFrame, masked bool, err error) {
	var h [2]byte
	if _, err = io.ReadFull(r, h[:]); err != nil {
		return f, false, err
	}
	n := uint64(h[1] & 0x7f)
	long := []byte{}
	switch n {
	case 126:
		long = make([]byte, 2)
	case 127:
		long = make([]byte, 8)
	}
	if _, err = io.ReadFull(r, long); err != nil {
		return f, false, err
	}
	if len(long) > 0 {
		n = 0
		for _, b := range long {
			n = n<<8 | uint64(b)
		}
	}
	if n > 1<<26 {
		return f, false, fmt.Errorf("a frame of %d bytes", n)
	}
	var key [4]byte
	if masked = h[1]&0x80 != 0; masked {
		if _, err = io.ReadFull(r, key[:]); err != nil {
			return f, masked, err
		}
	}
	f = wsFrame{h[0], make([]byte, n)}
	_, err = io.ReadFull(r, f.data)
	for i := range f.data {
		if masked {
			f.data[i] ^= key[i&3]
		}
	}
	return f, masked, err
}

// wsOrigin is a backend of WebSockets. What it does is asked for by the path: it
// echoes, or sends the bytes that the test gave it.
type wsOrigin struct {
	l  net.Listener
	mu sync.Mutex
	// raw is what /raw sends behind its handshake; head what /head answers with.
	raw, head []byte
	// got is what came from callers, over all connections.
	got      []wsFrame
	unmasked int
	requests []*http.Request
}

func newWSOrigin(t *testing.T) *wsOrigin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &wsOrigin{l: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go o.serve(c)
		}
	}()
	return o
}

func wsAccept(key string) string {
	h := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(h[:])
}

func (o *wsOrigin) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	o.mu.Lock()
	o.requests = append(o.requests, req)
	raw, head := o.raw, o.head
	o.mu.Unlock()
	accept := wsAccept(req.Header.Get("Sec-WebSocket-Key"))
	if req.URL.Path == "/ws/head" {
		_, _ = c.Write(bytes.ReplaceAll(head, []byte("ACCEPT"), []byte(accept)))
	} else {
		more := ""
		if p := req.Header.Get("Sec-WebSocket-Protocol"); p != "" {
			first, _, _ := strings.Cut(p, ",")
			more = "Sec-WebSocket-Protocol: " + strings.TrimSpace(first) + "\r\n"
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+accept+"\r\n"+more+"\r\n")
	}
	if req.URL.Path == "/ws/raw" {
		_, _ = c.Write(raw)
	}
	for {
		f, masked, err := readWS(r)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.got = append(o.got, f)
		if !masked {
			o.unmasked++
		}
		o.mu.Unlock()
		if req.URL.Path == "/ws/raw" {
			if f.first&0xf == 8 {
				return
			}
			continue
		}
		if f.first == 0x89 {
			f.first = 0x8a // a ping is answered
		}
		if _, err := c.Write(f.bytes(false)); err != nil || f.first&0xf == 8 {
			return
		}
	}
}

// take returns what came since the last take.
func (o *wsOrigin) take() (frames []wsFrame, unmasked int, requests []*http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames, unmasked, requests = o.got, o.unmasked, o.requests
	o.got, o.unmasked, o.requests = nil, 0, nil
	return frames, unmasked, requests
}

// wsClient is a caller's connection behind its handshake.
type wsClient struct {
	io.Writer
	r      *bufio.Reader
	status int
	header http.Header
	done   func()
}

// dialWS makes a handshake over HTTP/1.1; raw stands for the usual head.
func dialWS(t testing.TB, addr, raw string) *wsClient {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer to the handshake: %v", err)
	}
	return &wsClient{c, r, resp.StatusCode, resp.Header, func() { c.Close() }}
}

// dialWS2 makes a handshake over HTTP/2 with these fields.
func dialWS2(t testing.TB, addr string, fields []field) *wsClient {
	t.Helper()
	h := dialH2(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	_ = h.c.SetDeadline(time.Now().Add(15 * time.Second))
	if err := h.fr.WriteWindowUpdate(0, 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := h.open(1, false, fields); err != nil {
		t.Fatal(err)
	}
	s := &h2Stream{h: h, header: http.Header{}, grows: make(chan struct{}, 1), data: make(chan []byte, 64)}
	s.room, s.connRoom = 65535, 65535
	ready := make(chan error, 1)
	go s.run(ready)
	if err := <-ready; err != nil {
		t.Fatalf("no answer to the handshake: %v", err)
	}
	return &wsClient{s, bufio.NewReader(s), s.status, s.header, func() { h.c.Close() }}
}

// h2Stream is stream 1 of a connection, as bytes both ways.
type h2Stream struct {
	h        *h2
	status   int
	header   http.Header
	grows    chan struct{}
	mu       sync.Mutex
	room     int64 // that the edge still takes, of the stream
	connRoom int64
	data     chan []byte
	rest     []byte
	err      error
	write    sync.Mutex
}

// run reads frames to the connection's end.
func (s *h2Stream) run(ready chan error) {
	defer close(s.data)
	answered := false
	fail := func(err error) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		if !answered {
			answered = true
			ready <- err
		}
		select {
		case s.grows <- struct{}{}:
		default:
		}
	}
	for {
		f, err := s.h.fr.ReadFrame()
		if err != nil {
			fail(err)
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if f.IsAck() {
				continue
			}
			if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
				s.grow(1, int64(v)-65535)
			}
			s.write.Lock()
			_ = s.h.fr.WriteSettingsAck()
			s.write.Unlock()
		case *http2.WindowUpdateFrame:
			s.grow(f.StreamID, int64(f.Increment))
		case *http2.MetaHeadersFrame:
			for _, v := range f.Fields {
				if v.Name == ":status" {
					_, _ = fmt.Sscan(v.Value, &s.status)
				} else {
					s.header.Add(v.Name, v.Value)
				}
			}
			if !answered {
				answered = true
				ready <- nil
			}
			if f.StreamEnded() {
				fail(io.EOF)
				return
			}
		case *http2.DataFrame:
			if len(f.Data()) > 0 {
				s.data <- bytes.Clone(f.Data())
			}
			if f.StreamEnded() {
				fail(io.EOF)
				return
			}
		case *http2.RSTStreamFrame:
			fail(fmt.Errorf("RST_STREAM %v", f.ErrCode))
			return
		case *http2.GoAwayFrame:
			if f.ErrCode != http2.ErrCodeNo {
				fail(fmt.Errorf("GOAWAY %v", f.ErrCode))
				return
			}
		}
	}
}

func (s *h2Stream) grow(stream uint32, n int64) {
	s.mu.Lock()
	if stream == 0 {
		s.connRoom += n
	} else {
		s.room += n
	}
	s.mu.Unlock()
	select {
	case s.grows <- struct{}{}:
	default:
	}
}

// Read reads DATA.
func (s *h2Stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		var ok bool
		if s.rest, ok = <-s.data; !ok {
			s.mu.Lock()
			defer s.mu.Unlock()
			return 0, s.err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Write sends DATA within the windows.
func (s *h2Stream) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		s.mu.Lock()
		n, err := min(int64(len(rest)), s.room, s.connRoom, 16<<10), s.err
		if n > 0 {
			s.room -= n
			s.connRoom -= n
		}
		s.mu.Unlock()
		if err != nil {
			return 0, err
		}
		if n <= 0 {
			select {
			case <-s.grows:
			case <-time.After(10 * time.Second):
				return 0, errors.New("the window does not open")
			}
			continue
		}
		s.write.Lock()
		err = s.h.fr.WriteData(1, false, rest[:n])
		s.write.Unlock()
		if err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}
