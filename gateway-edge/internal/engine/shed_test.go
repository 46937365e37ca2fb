package engine_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
)

// lockedLines is what an access log writes.
type lockedLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// holding is a backend that answers a request once it is let go.
func holding(t testing.TB) (b *rawBackend, release chan struct{}) {
	release = make(chan struct{})
	b = newBackend(t, func(_ *rawBackend, c net.Conn) {
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			<-release
			if _, err := io.WriteString(c, okAnswer); err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { close(release) }) // before the backend waits for its connections
	return b, release
}

// TestTooManyOpen refuses what goes past an organization's bound on open requests,
// before anything is sent on, and says why.
func TestTooManyOpen(t *testing.T) {
	t.Parallel()
	b, release := holding(t)
	g := shed.New(shed.Config{MaxOpen: 2})
	e := newEdge(t, edgeOptions{guard: g})
	e.serve(plain(b.url))
	one, two := e.dial(), e.dial()
	one.send(get("/1"))
	two.send(get("/2"))
	waitFor(t, func() bool { return strings.Contains(b.received(), "/1 ") && strings.Contains(b.received(), "/2 ") })
	s := e.dial()
	s.send(get("/3"))
	m := s.answer()
	if m.status() != 503 || m.code() != "overloaded" || m.get("Retry-After") == "" || !strings.Contains(m.body, shed.Requests.Detail()) {
		t.Errorf("%s %v %s", m.line, m.header, m.body)
	}
	if g.Stats().Refused[shed.Requests] != 1 {
		t.Errorf("counted %v", g.Stats().Refused)
	}
	if strings.Contains(b.received(), "/3 ") {
		t.Error("the refused request reached the backend")
	}
	release <- struct{}{}
	release <- struct{}{}
	if one.answer().status() != 200 || two.answer().status() != 200 {
		t.Error("requests under way were hurt")
	}
	s.send(get("/4"))
	release <- struct{}{}
	if m := s.answer(); m.status() != 200 {
		t.Errorf("%s once there is room", m.line)
	}
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come about")
		}
	}
}

// TestTooManyConnections refuses the request of a connection past an organization's
// bound and closes it; with TLS the connection ends before the handshake. Those of
// trusted proxies are nobody's.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	b := answers(t, okAnswer)
	g := shed.New(shed.Config{MaxConns: 2})
	e := newEdge(t, edgeOptions{guard: g})
	e.serve(plain(b.url))
	one, two, three := e.dial(), e.dial(), e.dial()
	for _, s := range []*session{one, two} {
		s.send(get("/"))
		if m := s.answer(); m.status() != 200 {
			t.Fatalf("%s %s", m.line, m.body)
		}
	}
	three.send(get("/"))
	if m := three.answer(); m.status() != 503 || m.get("Connection") != "close" || !strings.Contains(m.body, shed.Connections.Detail()) {
		t.Errorf("%s %v %s", m.line, m.header, m.body)
	}
	three.ended()
	if _, err := tls.Dial("tcp", e.tlsAddr, &tls.Config{InsecureSkipVerify: true, ServerName: "demo.localhost"}); err == nil {
		t.Error("a handshake past the bound")
	}
	_ = one.Close()
	waitFor(t, func() bool {
		c, err := tls.Dial("tcp", e.tlsAddr, &tls.Config{InsecureSkipVerify: true, ServerName: "demo.localhost"})
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})

	proxied := newEdge(t, edgeOptions{guard: shed.New(shed.Config{MaxConns: 1}), trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	proxied.serve(plain(b.url))
	for range 3 {
		s := proxied.dial()
		s.send(get("/"))
		if m := s.answer(); m.status() != 200 {
			t.Errorf("%s on a trusted proxy's connection", m.line)
		}
	}
}

// TestTooManyHTTP3Connections holds connections over QUIC to the same bounds: one
// that is too many ends after its handshake, and when memory is short none begins.
func TestTooManyHTTP3Connections(t *testing.T) {
	t.Parallel()
	b := answers(t, okAnswer)
	g := shed.New(shed.Config{MaxConns: 1, MemoryLimit: 1})
	e := newEdge(t, edgeOptions{guard: g})
	e.serve(plain(b.url))
	ask := func(c *http.Client) error {
		r, err := c.Get("https://demo.localhost/")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return errors.New(r.Status)
		}
		return nil
	}
	one := e.h3Client()
	must(t, ask(one))
	if ask(e.h3Client()) == nil {
		t.Error("a second connection, past the bound")
	}
	must(t, one.Transport.(io.Closer).Close())
	waitFor(t, func() bool {
		c := e.h3Client()
		defer c.Transport.(io.Closer).Close()
		return ask(c) == nil
	})

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = g.Run(ctx) }() // its one byte of memory is in use
	waitFor(t, g.Closed)
	if ask(e.h3Client()) == nil {
		t.Error("a connection while memory is short")
	}
}

// TestTooManyStreams is the same over HTTP/2: the answer comes on the stream, and the
// connection is told to go away.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	b, release := holding(t)
	e := newEdge(t, edgeOptions{guard: shed.New(shed.Config{MaxOpen: 1})})
	e.serve(plain(b.url))
	s := e.dial()
	s.send(get("/held"))
	waitFor(t, func() bool { return strings.Contains(b.received(), "/held") })
	r, err := e.h2Client(true).Get("https://demo.localhost/x")
	must(t, err)
	body, err := io.ReadAll(r.Body)
	must(t, err)
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Tollgate-Error") != "overloaded" {
		t.Errorf("%s %s", r.Status, body)
	}
	release <- struct{}{}
	s.answer()
}

// TestRefusedConnectionRests: a client that asks again at once is read later each
// time, and a trusted proxy's connection is not.
func TestRefusedConnectionRests(t *testing.T) {
	t.Parallel()
	for name, trusted := range map[string][]netip.Prefix{"client": nil, "proxy": {netip.MustParsePrefix("127.0.0.0/8")}} {
		b, release := holding(t)
		e := newEdge(t, edgeOptions{guard: shed.New(shed.Config{MaxOpen: 1}), trusted: trusted})
		e.serve(plain(b.url))
		held := e.dial()
		held.send(get("/held"))
		waitFor(t, func() bool { return strings.Contains(b.received(), "/held") })
		s := e.dial()
		began := time.Now()
		for range 4 {
			s.send(get("/"))
			if m := s.answer(); m.status() != 503 {
				t.Fatalf("%s: %s", name, m.line)
			}
		}
		if took := time.Since(began); trusted == nil && took < 20*time.Millisecond+40*time.Millisecond+80*time.Millisecond {
			t.Errorf("%s: four refusals in %v", name, took)
		}
		release <- struct{}{}
		held.answer()
		// The first request may count as open for a moment after its answer was read.
		waitFor(t, func() bool {
			s.send(get("/"))
			got := make(chan *message, 1)
			go func() {
				m, _ := readMessage(s.r)
				got <- m
			}()
			select {
			case release <- struct{}{}:
				m := <-got
				return m != nil && m.status() == 200
			case m := <-got:
				if m == nil || m.status() != 503 {
					t.Fatalf("%s: %v after the rest", name, m)
				}
				return false
			}
		})
	}
}

// TestWebSocketsAreNotShed: an open WebSocket is no open request, and goes on while
// requests are refused.
func TestWebSocketsAreNotShed(t *testing.T) {
	t.Parallel()
	b := wsBackend(t, wsEcho)
	e := newEdge(t, edgeOptions{guard: shed.New(shed.Config{MaxOpen: 1})})
	e.serve(wsGateway(b.url, wsSpec))
	for range 3 {
		c := e.wsDial("/ws", "") // it is counted no longer once it carries frames
		c.send(t, 0x81, "still here")
		c.want(t, 0x81, "still here")
	}
}

// TestOverloadIsExplained: what is refused stands in the access log, unbilled, with
// the reason.
func TestOverloadIsExplained(t *testing.T) {
	t.Parallel()
	b, release := holding(t)
	lines := &lockedLines{}
	e := newEdge(t, edgeOptions{guard: shed.New(shed.Config{MaxOpen: 1}), log: lines})
	e.serve(plain(b.url))
	held := e.dial()
	held.send(get("/held"))
	waitFor(t, func() bool { return strings.Contains(b.received(), "/held") })
	m := e.once(get("/refused"))
	if m.status() != 503 {
		t.Fatal(m.line)
	}
	release <- struct{}{}
	held.answer()
	var record struct {
		Code   string `json:"code"`
		Billed bool   `json:"billed"`
		Trace  struct{ Detail string }
	}
	waitFor(t, func() bool {
		lines.mu.Lock()
		defer lines.mu.Unlock()
		for l := range strings.Lines(lines.b.String()) {
			if strings.Contains(l, "/refused") {
				must(t, json.Unmarshal([]byte(l), &record))
				return true
			}
		}
		return false
	})
	if record.Code != "overloaded" || record.Billed || record.Trace.Detail != shed.Requests.Detail() {
		t.Errorf("%+v", record)
	}
}
