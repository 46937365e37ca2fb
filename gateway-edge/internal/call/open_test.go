package call_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/ws"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// speaker is a backend that answers each handshake with the lines of shake, in which
// ACCEPT stands for the key's answer, and hands the connection to talk.
func speaker(t *testing.T, shake string, talk func(c net.Conn, r *bufio.Reader)) (url string, asked chan *http.Request) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = make(chan *http.Request, 10)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				r := bufio.NewReader(c)
				q, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				asked <- q
				_, _ = io.WriteString(c, strings.ReplaceAll(shake, "ACCEPT", ws.Accept(q.Header.Get("Sec-WebSocket-Key"))))
				if talk != nil {
					talk(c, r)
				}
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return "http://" + ln.Addr().String(), asked
}

const switches = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"

// open opens a WebSocket that must open.
func open(t *testing.T, url string, r *policy.OpenRequest) policy.Channel {
	t.Helper()
	c, refused, err := caller(t, private(), upstream(url)).(policy.Opener).Open(t.Context(), r)
	if err != nil || refused != nil {
		t.Fatalf("%+v %v", refused, err)
	}
	return c
}

// hear reads a client's frame.
func hear(r *bufio.Reader) (op byte, text string, masked bool, err error) {
	var b []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, "", false, err
		}
		b = append(b, c)
		if len(b) > 1 {
			masked = b[1]&0x80 != 0
		}
		if f, n := ws.Next(append([]byte(nil), b...)); n > 0 {
			return f.Op, string(f.Payload), masked, nil
		}
	}
}

func say(c net.Conn, op byte, text string) {
	_, _ = c.Write(ws.AppendFrame(nil, op, []byte(text), false, [4]byte{}))
}

func TestOpen(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 10)
	url, asked := speaker(t, switches+"Sec-WebSocket-Protocol: b\r\n\r\n\x81\x05early", func(c net.Conn, r *bufio.Reader) {
		say(c, ws.OpPing, "there?")
		for range 3 {
			op, text, masked, err := hear(r)
			heard <- fmt.Sprintf("%x %s %v %v", op, text, masked, err)
		}
		say(c, ws.OpBinary, strings.Repeat("x", 70_000))
		say(c, ws.OpClose, "\x0f\xa1enough")
		op, text, _, err := hear(r)
		heard <- fmt.Sprintf("%x %q %v", op, text, err)
	})
	ch := open(t, url, &policy.OpenRequest{
		Path: "/socket", Query: "a=b", Protocols: []string{"a", "b"},
		Header: map[string][]string{"X-One": {"1"}, "Sec-Websocket-Key": {"forged"}, "sec-websocket-extensions": {"permessage-deflate"}, "Upgrade": {"h2c"}},
	})
	q := <-asked
	if q.Method != "GET" || q.RequestURI != "/socket?a=b" || q.Header.Get("X-One") != "1" || q.Header.Get("Upgrade") != "websocket" ||
		len(q.Header["Sec-Websocket-Key"]) != 1 || q.Header.Get("Sec-Websocket-Extensions") != "" || q.Header.Get("Sec-Websocket-Protocol") != "a, b" {
		t.Errorf("%s %s %v", q.Method, q.RequestURI, q.Header)
	}
	if ch.Protocol() != "b" {
		t.Errorf("protocol %q", ch.Protocol())
	}
	ctx := t.Context()
	if m, err := ch.Receive(ctx); err != nil || string(m.Data) != "early" || m.Binary {
		t.Errorf("%q %v", m.Data, err)
	}
	for _, m := range []policy.Message{{Data: []byte("text")}, {Binary: true, Data: []byte("bytes")}} {
		if err := ch.Send(ctx, m); err != nil {
			t.Error(err)
		}
	}
	if m, err := ch.Receive(ctx); err != nil || len(m.Data) != 70_000 || !m.Binary {
		t.Errorf("%d bytes, %v", len(m.Data), err)
	}
	var closed *policy.ChannelClosed
	if _, err := ch.Receive(ctx); !errors.As(err, &closed) || closed.Code != 4001 || closed.Reason != "enough" {
		t.Errorf("%v", err)
	}
	ch.Close(1000, "")
	ch.Close(1000, "")
	if err := ch.Send(ctx, policy.Message{}); policy.CodeOf(err) != contract.CodeUpstreamReset {
		t.Errorf("sending to what is closed: %v", err)
	}
	for _, want := range []string{"1 text true <nil>", "2 bytes true <nil>", "a there? true <nil>", `8 "\x0f\xa1" <nil>`} {
		if got := <-heard; got != want {
			t.Errorf("the backend heard %q, want %q", got, want)
		}
	}
}

// TestOpenRefused: an answer that opens nothing is the caller's to judge, and one that
// only looks like it is none.
func TestOpenRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shake  string
		status int
		code   contract.Code
	}{
		"refused":             {"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, 0},
		"another answer":      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", 200, 0},
		"a long refusal":      {"HTTP/1.1 403 Forbidden\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70_000), 0, contract.CodeUpstreamProtocol},
		"another key":         {strings.ReplaceAll(switches, "ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") + "\r\n", 0, contract.CodeUpstreamProtocol},
		"no accept":           {"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 0, contract.CodeUpstreamProtocol},
		"another upgrade":     {strings.ReplaceAll(switches, "WebSocket\r", "h2c\r") + "\r\n", 0, contract.CodeUpstreamProtocol},
		"no upgrade":          {strings.ReplaceAll(switches, "keep-alive, Upgrade", "close") + "\r\n", 0, contract.CodeUpstreamProtocol},
		"a protocol":          {switches + "Sec-WebSocket-Protocol: c\r\n\r\n", 0, contract.CodeUpstreamProtocol},
		"two protocols":       {switches + "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n", 0, contract.CodeUpstreamProtocol},
		"an extension":        {switches + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 0, contract.CodeUpstreamProtocol},
		"gone":                {"", 0, contract.CodeUpstreamReset},
		"no HTTP":             {"hello\r\n\r\n", 0, contract.CodeUpstreamProtocol},
		"a head without end":  {"HTTP/1.1 101 X\r\nX: " + strings.Repeat("x", 100_000), 0, contract.CodeUpstreamProtocol},
		"a smuggled second":   {"HTTP/1.1 101 X\r\nUpgrade: websocket, h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n", 0, contract.CodeUpstreamProtocol},
		"two accepts":         {switches + "Sec-WebSocket-Accept: ACCEPT\r\n\r\n", 0, contract.CodeUpstreamProtocol},
		"interim answers too": {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n", 429, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := speaker(t, c.shake, nil)
			doc := upstream(url)
			ch, got, err := caller(t, private(), doc).(policy.Opener).Open(t.Context(), &policy.OpenRequest{Protocols: []string{"a", "b"}})
			if ch != nil {
				t.Fatal("it is open")
			}
			if c.status != 0 && (err != nil || got.Status != c.status) || c.status == 0 && (err == nil || policy.CodeOf(err) != c.code) {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
	for name, r := range map[string]*policy.OpenRequest{"path": {Path: "/a/../b"}, "field": {Header: map[string][]string{"A": {"b\r\nC: d"}}}, "protocol": {Protocols: []string{"a\r\nX: y"}}} {
		if _, _, err := caller(t, private(), upstream("http://127.0.0.1:8081")).(policy.Opener).Open(t.Context(), r); policy.CodeOf(err) != contract.CodeRequestInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := caller(t, &match.Guard{}, upstream("http://localhost.localdomain.example:8081")).(policy.Opener).Open(t.Context(), &policy.OpenRequest{}); policy.CodeOf(err) != contract.CodeUpstreamForbiddenAddress {
		t.Errorf("the guard let it out: %v", err)
	}
	h2 := upstream("http://127.0.0.1:8081")
	h2.Protocol = "h2c"
	if _, ok := caller(t, private(), h2).(policy.Opener); ok {
		t.Error("an upstream of HTTP/2 opens WebSockets")
	}
}

// TestChannelFaults: what a backend breaks is told to it, and ends the channel.
func TestChannelFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw   string
		code  contract.Code
		close string // what the backend is told
	}{
		"too long":       {"\x81\x06toobig", contract.CodeUpstreamProtocol, "\x03\xf1"},
		"masked":         {"\x81\x81aaaax", contract.CodeUpstreamProtocol, "\x03\xea"},
		"not UTF-8":      {"\x81\x01\xff", contract.CodeUpstreamProtocol, "\x03\xef"},
		"pings":          {strings.Repeat("\x8a\x00", 1002), contract.CodeUpstreamProtocol, "\x03\xf0"},
		"cut":            {"\x81\x05ab", contract.CodeUpstreamReset, ""},
		"nothing at all": {"", contract.CodeUpstreamReset, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := make(chan string, 1)
			url, _ := speaker(t, switches+"\r\n"+c.raw, func(cn net.Conn, r *bufio.Reader) {
				if c.close == "" {
					told <- ""
					return
				}
				_, text, _, _ := hear(r)
				told <- text
			})
			ch := open(t, url, &policy.OpenRequest{Limit: 5})
			_, err := ch.Receive(t.Context())
			var ce *policy.CallError
			if !errors.As(err, &ce) || ce.Code != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
			ch.Close(1000, "")
			if got := <-told; len(got) < len(c.close) || got[:min(2, len(got))] != c.close {
				t.Errorf("the backend was told %q", got)
			}
		})
	}
}

// TestChannelEnds: a context's end interrupts, and a target that is out of service is
// left.
func TestChannelEnds(t *testing.T) {
	t.Parallel()
	gone := make(chan error, 2)
	url, _ := speaker(t, switches+"\r\n", func(_ net.Conn, r *bufio.Reader) {
		for {
			if _, _, _, err := hear(r); err != nil {
				gone <- err
				return
			}
		}
	})
	ch := open(t, url, &policy.OpenRequest{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := ch.Receive(ctx); policy.CodeOf(err) != contract.CodeUpstreamTimeout {
		t.Errorf("%v", err)
	}
	ch.Close(1001, "")
	if err := <-gone; !errors.Is(err, io.EOF) {
		t.Errorf("the backend saw %v", err)
	}
	// Closing ends a Receive that still waits.
	ch = open(t, url, &policy.OpenRequest{})
	time.AfterFunc(20*time.Millisecond, func() { ch.Close(1000, "") })
	if _, err := ch.Receive(t.Context()); err == nil {
		t.Error("received from what is closed")
	}
}
