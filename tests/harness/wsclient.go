package harness

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// WebSocket is one side of a WebSocket that carries short messages.
type WebSocket struct {
	net.Conn
	r      *bufio.Reader
	client bool
}

// ClosedError says that the other side has sent a Close frame.
type ClosedError struct {
	Code   int
	Reason string
}

func (e *ClosedError) Error() string { return fmt.Sprintf("closed with %d %s", e.Code, e.Reason) }

// DialWebSocket opens a WebSocket at addr for a gateway's host.
func DialWebSocket(addr, host, path, key string) (*WebSocket, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	w := &WebSocket{Conn: c, r: bufio.NewReader(c), client: true}
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, host, key)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	resp, err := http.ReadResponse(w.r, nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("%s %s", resp.Status, resp.Header.Get("Tollgate-Error"))
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	return w, nil
}

const (
	wsText  = 1
	wsClose = 8
)

func (w *WebSocket) frame(op byte, p []byte) error {
	b := []byte{0x80 | op, byte(len(p))}
	if w.client {
		b[1] |= 0x80
		b = append(b, 0, 0, 0, 0) // a mask of zeros
	}
	_, err := w.Write(append(b, p...))
	return err
}

// Send sends a message of at most 125 bytes.
func (w *WebSocket) Send(text string) error { return w.frame(wsText, []byte(text)) }

// Receive returns the next message. A Close frame is answered and is a
// *ClosedError.
func (w *WebSocket) Receive() (string, error) {
	for {
		op, p, err := w.read()
		if err != nil {
			return "", err
		}
		switch op {
		case wsText:
			return string(p), nil
		case wsClose:
			closed := &ClosedError{Code: 1005}
			if len(p) >= 2 {
				closed.Code, closed.Reason = int(binary.BigEndian.Uint16(p)), string(p[2:])
			}
			_ = w.frame(wsClose, p)
			return "", closed
		}
	}
}

func (w *WebSocket) read() (op byte, p []byte, err error) {
	var h [2]byte
	if _, err = io.ReadFull(w.r, h[:]); err != nil {
		return 0, nil, err
	}
	n := int(h[1] & 0x7f)
	if n > 125 {
		return 0, nil, errors.New("a long message")
	}
	var mask [4]byte
	if h[1]&0x80 != 0 {
		if _, err = io.ReadFull(w.r, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	p = make([]byte, n)
	if _, err = io.ReadFull(w.r, p); err != nil {
		return 0, nil, err
	}
	for i := range p {
		p[i] ^= mask[i&3]
	}
	return h[0] & 0x0f, p, nil
}

// WebSocketOrigin answers every message with itself. ended gets each connection's
// end: nil for one that was closed in order.
func WebSocketOrigin(t testing.TB, ended func(error)) (url string) {
	return SpeakingOrigin(t, func(_ *http.Request, w *WebSocket) {
		var err error
		for err == nil {
			var text string
			if text, err = w.Receive(); err == nil {
				err = w.Send(text)
			}
		}
		var closed *ClosedError
		if errors.As(err, &closed) {
			err = nil
		}
		ended(err)
	})
}

// SpeakingOrigin opens a WebSocket for every handshake and hands it to talk, at whose
// end the connection is closed.
func SpeakingOrigin(t testing.TB, talk func(r *http.Request, w *WebSocket)) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		c, buf, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
		if err == nil {
			talk(r, &WebSocket{Conn: c, r: buf.Reader})
		}
	})}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "http://" + ln.Addr().String()
}

// CloseWith sends a Close frame with a code.
func (w *WebSocket) CloseWith(code uint16) error {
	return w.frame(wsClose, binary.BigEndian.AppendUint16(nil, code))
}
