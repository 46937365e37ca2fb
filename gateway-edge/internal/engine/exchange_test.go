package engine_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/services/contract"
)

// rawAnswer sends the same bytes to the first request of each connection and then
// waits for the edge to close or send more.
func rawAnswer(t testing.TB, answer string, after func(c net.Conn)) *rawBackend {
	return newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := readMessage(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, answer)
		if after != nil {
			after(c)
			return
		}
		_, _ = io.Copy(io.Discard, r)
	})
}

// TestMalformedAnswers: B07 and SMG29. Every one is 502 upstream_protocol, and the
// next request gets a connection of its own.
func TestMalformedAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"bad length":              "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
		"negative length":         "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
		"two lengths":             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"length and coding":       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"unknown coding":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"NUL in a field":          "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 2\r\n\r\nok",
		"folded":                  "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
		"bare line feeds":         "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"too large":               "HTTP/1.1 200 OK\r\nX-A: " + repeat("a", 1<<20) + "\r\nContent-Length: 2\r\n\r\nok",
		"too many fields":         "HTTP/1.1 200 OK\r\n" + repeat("A: b\r\n", 300) + "Content-Length: 2\r\n\r\nok",
		"interim without end":     repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000) + okAnswer,
		"switched unasked":        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
		"bad chunk":               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
		"no HTTP":                 "SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
		"status of four digits":   "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
		"status under 100":        "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
		"status over 599":         "HTTP/1.1 600 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/2 version":          "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"coding in HTTP/1.0":      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"white space before name": "HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 2\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			b := rawAnswer(t, answer, nil)
			e := newEdge(t, edgeOptions{})
			e.serve(plain(b.url))
			s := e.dial()
			for range 2 {
				s.send(get("/"))
				m := s.answer()
				if m.status() != 502 || m.code() != "upstream_protocol" {
					t.Fatalf("%s %s %q", m.line, m.code(), m.body)
				}
			}
			if n := b.connections(); n != 2 {
				t.Errorf("%d connections, want a new one for each", n)
			}
		})
	}
}

// TestExtraBytes: B08 and SMG29. What a backend sends behind its answer reaches
// nobody.
func TestExtraBytes(t *testing.T) {
	b := rawAnswer(t, okAnswer+"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned", nil)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	for range 3 {
		s.send(get("/"))
		if m := s.answer(); m.status() != 200 || m.body != "ok" {
			t.Fatalf("%s %q", m.line, m.body)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := b.connections(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// TestLateExtraBytes: the second answer comes when the connection is already
// kept.
func TestLateExtraBytes(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, err := readMessage(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, okAnswer)
			time.Sleep(20 * time.Millisecond)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned")
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	for range 3 {
		s.send(get("/"))
		if m := s.answer(); m.status() != 200 || m.body != "ok" {
			t.Fatalf("%s %q", m.line, m.body)
		}
		time.Sleep(60 * time.Millisecond)
	}
}

// TestCutAnswers: B05. A body that breaks off is never a clean end.
func TestCutAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"length":     "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"chunked":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"half chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			b := rawAnswer(t, answer, func(net.Conn) { time.Sleep(20 * time.Millisecond) })
			e := newEdge(t, edgeOptions{})
			e.serve(plain(b.url))
			s := e.dial()
			s.send(get("/"))
			m, err := readMessage(s.r)
			if err == nil || m.status() != 200 {
				t.Fatalf("the client saw a clean end: %+v", m)
			}
		})
	}
}

func TestAnswerForms(t *testing.T) {
	for _, c := range []struct {
		name, method, answer string
		status               int
		body, length, coding string
	}{
		{"length", "GET", okAnswer, 200, "ok", "2", ""},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 200, "abc", "", "chunked"},
		{"to the end", "GET", "HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end", "", "chunked"},
		{"empty", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", "0", ""},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", "", ""},
		{"304 with length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n", 304, "", "77", ""},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", 200, "", "77", ""},
		{"HEAD chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", "", ""},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok", "2", ""},
		{"unnamed status", "GET", "HTTP/1.1 299 Fine\r\nContent-Length: 2\r\n\r\nok", 299, "ok", "2", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var after func(net.Conn)
			if strings.HasPrefix(c.answer, "HTTP/1.0") {
				after = func(net.Conn) {}
			}
			b := rawAnswer(t, c.answer, after)
			e := newEdge(t, edgeOptions{})
			e.serve(plain(b.url))
			s := e.dial()
			s.send(c.method + " / HTTP/1.1\r\n" + host + "\r\n")
			m := &message{}
			line, err := s.r.ReadString('\n')
			must(t, err)
			m.line = strings.TrimSpace(line)
			m.header, err = readFields(s.r)
			must(t, err)
			if c.method != "HEAD" && c.status != 304 {
				must(t, readBody(s.r, m, false))
			}
			if m.status() != c.status || m.body != c.body || m.get("Content-Length") != c.length || m.get("Transfer-Encoding") != c.coding {
				t.Errorf("%s %v %q", m.line, m.header, m.body)
			}
			// The connection is good for another.
			s.send("GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n")
			if m := s.answer(); m.status() != 404 {
				t.Errorf("after it: %s", m.line)
			}
		})
	}
}

func TestTrailersPass(t *testing.T) {
	b := answers(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nTollgate-Error: forged\r\nSet-Cookie: a=b\r\n\r\n")
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	m := e.once(get("/"))
	if m.body != "ok" || fmt.Sprint(m.trail) != "[[X-Sum 7]]" {
		t.Errorf("%q %v", m.body, m.trail)
	}
}

// TestHTTP10 gets no chunked coding and a closed connection.
func TestHTTP10(t *testing.T) {
	b := answers(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	s.send("GET / HTTP/1.0\r\n" + host + "\r\n")
	all, err := io.ReadAll(s.r)
	must(t, err)
	if got := string(all); !strings.HasSuffix(got, "\r\n\r\nok") || strings.Contains(got, "chunked") || !strings.Contains(got, "Connection: close\r\n") {
		t.Errorf("%q", got)
	}
}

// TestPipelining: SMG28. Answers come in order, each request on its own.
func TestPipelining(t *testing.T) {
	var n atomic.Int64
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			m, err := readMessage(r)
			if err != nil {
				return
			}
			n.Add(1)
			body := strings.Fields(m.line)[1] + m.body
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	var all strings.Builder
	for i := range 50 {
		switch i % 3 {
		case 0:
			all.WriteString(get(fmt.Sprintf("/%d", i)))
		case 1:
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\n%sContent-Length: 3\r\n\r\nabc", i, host)
		case 2:
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", i, host)
		}
	}
	s.send(all.String())
	for i := range 50 {
		want := fmt.Sprintf("/%d", i)
		if i%3 > 0 {
			want += "abc"
		}
		if m := s.answer(); m.body != want {
			t.Fatalf("answer %d is %q", i, m.body)
		}
	}
	if n.Load() != 50 {
		t.Errorf("%d requests reached the backend", n.Load())
	}
}

// TestUnreadBody: SMG24. The body of a request that the edge answers itself is
// never parsed as a request.
func TestUnreadBody(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	nobody := "POST / HTTP/1.1\r\nHost: nobody.localhost\r\n"
	t.Run("small: drained, connection kept", func(t *testing.T) {
		s := e.dial()
		s.send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", nobody, len(smuggled), smuggled))
		if m := s.answer(); m.status() != 404 {
			t.Fatal(m.line, m.body)
		}
		s.send(get("/next"))
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line, m.body)
		}
	})
	t.Run("chunked", func(t *testing.T) {
		s := e.dial()
		s.send(fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", nobody, len(smuggled), smuggled))
		if m := s.answer(); m.status() != 404 {
			t.Fatal(m.line, m.body)
		}
		s.send(get("/next"))
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line, m.body)
		}
	})
	t.Run("large: connection closed", func(t *testing.T) {
		s := e.dial()
		s.send(nobody + "Content-Length: 1000000\r\n\r\n" + smuggled)
		m := s.answer()
		if m.status() != 404 || m.get("Connection") != "close" {
			t.Fatalf("%s %v", m.line, m.header)
		}
		s.ended()
	})
	t.Run("expected: not asked for", func(t *testing.T) {
		s := e.dial()
		s.send(nobody + "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n")
		if m := s.answer(); m.status() != 404 || m.get("Connection") != "close" {
			t.Fatalf("%s %v", m.line, m.header)
		}
	})
	if strings.Contains(b.received(), "smuggled") {
		t.Errorf("a body became a request: %q", b.received())
	}
}

func TestContinue(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	t.Run("asked for", func(t *testing.T) {
		s := e.dial()
		s.send(req("POST / HTTP/1.1", "Content-Length: 5\r\nExpect: 100-continue\r\n"))
		line, err := s.r.ReadString('\n')
		must(t, err)
		if line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%q", line)
		}
		_, _ = s.r.ReadString('\n')
		s.send("hello")
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line, m.body)
		}
		s.send(get("/"))
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line, m.body)
		}
	})
	t.Run("SMG20 sent at once", func(t *testing.T) {
		s := e.dial()
		s.send(req("POST / HTTP/1.1", "Content-Length: 5\r\nExpect: 100-continue\r\n") + "hello" + get("/second"))
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line, m.body)
		}
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line, m.body)
		}
	})
	if got := b.received(); strings.Contains(got, "Expect") || strings.Count(got, "hello") != 2 || strings.Count(got, "/second") != 1 {
		t.Errorf("%q", got)
	}
}

// TestEarlyAnswer: SMG22, B08. A backend answers before it has read the body: the
// client gets the answer, and nobody gets what was left on the connection.
func TestEarlyAnswer(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if _, err := readFields(r); err != nil {
				return
			}
			if strings.HasPrefix(line, "POST") {
				_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
				time.Sleep(50 * time.Millisecond)
				return
			}
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	s.send(req("POST / HTTP/1.1", "Content-Length: 1000000\r\n") + repeat("x", 100_000))
	m := s.answer()
	if m.status() != 413 || m.body != "big" || m.code() != "" {
		t.Fatalf("%s %q", m.line, m.body)
	}
	for range 3 {
		if m := e.once(get("/")); m.status() != 200 || m.body != "ok" {
			t.Fatalf("%s %q", m.line, m.body)
		}
	}
}

// TestStreamsBothWays: a backend that answers while it reads. Each side waits for
// the other's piece, so that nothing may be held back.
func TestStreamsBothWays(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := r.ReadString('\n'); err != nil {
			return
		}
		if _, err := readFields(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for {
			var n int
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = fmt.Sscanf(line, "%x", &n)
			p := make([]byte, n+2)
			if _, err := io.ReadFull(r, p); err != nil {
				return
			}
			fmt.Fprintf(c, "%x\r\n%s\r\n", n, p[:n])
			if n == 0 {
				return
			}
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	s.send(chunked(""))
	line, err := s.r.ReadString('\n')
	must(t, err)
	if !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Fatal(line)
	}
	_, err = readFields(s.r)
	must(t, err)
	for i := range 5 {
		piece := fmt.Sprintf("piece %d", i)
		s.send(fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece))
		size, err := s.r.ReadString('\n')
		must(t, err)
		got := make([]byte, len(piece)+2)
		_, err = io.ReadFull(s.r, got)
		must(t, err)
		if string(got) != piece+"\r\n" {
			t.Fatalf("%q %q", size, got)
		}
	}
	s.send("0\r\n\r\n")
}

// TestLargeBodies go both ways through bounded buffers.
func TestLargeBodies(t *testing.T) {
	const size = 3 << 20
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			m, err := readMessage(r)
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(m.body), m.body)
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	body := repeat("0123456789abcdef", size/16)
	for range 2 {
		go s.send(req("POST / HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", size)) + body)
		if m := s.answer(); m.body != body {
			t.Fatalf("%s: %d bytes came back", m.line, len(m.body))
		}
	}
	if b.connections() != 1 {
		t.Errorf("%d connections", b.connections())
	}
}

// TestHalfClosed clients get their answer.
func TestHalfClosed(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := readMessage(r); err != nil {
			return
		}
		time.Sleep(400 * time.Millisecond)
		_, _ = io.WriteString(c, okAnswer)
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	s.send(get("/"))
	must(t, s.Conn.(*net.TCPConn).CloseWrite())
	if m := s.answer(); m.status() != 200 || m.body != "ok" {
		t.Fatal(m.line)
	}
	s.ended()
}

// slowBackend is a backend that takes half a minute for an answer. It tells of each
// request that it has, and of each whose connection was closed before the answer.
type slowBackend struct {
	*rawBackend
	has, closed chan struct{}
}

func newSlowBackend(t testing.TB) *slowBackend {
	s := &slowBackend{has: make(chan struct{}, 10), closed: make(chan struct{}, 10)}
	s.rawBackend = newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := readMessage(r); err != nil {
			return
		}
		s.has <- struct{}{}
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		_, err := r.ReadByte()
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			_, _ = io.WriteString(c, okAnswer)
			return
		}
		s.closed <- struct{}{}
	})
	return s
}

// waitClosed waits until the edge has closed the connection of a request, sooner
// than the backend would have answered it.
func (s *slowBackend) waitClosed(t testing.TB) {
	t.Helper()
	select {
	case <-s.closed:
	case <-time.After(20 * time.Second):
		t.Error("the backend was not told")
	}
}

// TestCancel: a client that resets its connection ends the backend's work; one
// that half-closes does so only where the route says it.
func TestCancel(t *testing.T) {
	for _, c := range []struct {
		name  string
		abort bool
		leave func(c *net.TCPConn)
	}{
		{"reset", false, func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }},
		{"abort_on_fin", true, func(c *net.TCPConn) { _ = c.CloseWrite() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newSlowBackend(t)
			e := newEdge(t, edgeOptions{})
			g := plain(b.url)
			g.Routes[0].AbortOnFIN = c.abort
			e.serve(g)
			s := e.dial()
			s.send(get("/"))
			<-b.has
			c.leave(s.Conn.(*net.TCPConn))
			b.waitClosed(t)
		})
	}
}

func TestTimeLimits(t *testing.T) {
	limits := engine.Limits{Head: 300 * time.Millisecond, BodyGrace: 300 * time.Millisecond}
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{limits: limits})
	e.serve(plain(b.url))
	t.Run("CON08 slow head", func(t *testing.T) {
		s := e.dial()
		s.send("GET / HTTP/1.1\r\nHo")
		if m := s.answer(); m.status() != 408 || m.code() != "request_timeout" {
			t.Fatal(m.line, m.body)
		}
		s.ended()
	})
	t.Run("CON09 slow body", func(t *testing.T) {
		s := e.dial()
		s.send(req("POST / HTTP/1.1", "Content-Length: 1000\r\n") + "x")
		if m := s.answer(); m.status() != 408 || m.code() != "request_timeout" {
			t.Fatal(m.line, m.body)
		}
		s.ended()
	})
	t.Run("SMG18 missing last chunk", func(t *testing.T) {
		s := e.dial()
		s.send(chunked("5\r\nhello\r\n"))
		if m := s.answer(); m.status() != 408 {
			t.Fatal(m.line, m.body)
		}
	})
	t.Run("idle", func(t *testing.T) {
		limits := engine.Limits{Idle: 400 * time.Millisecond}
		e := newEdge(t, edgeOptions{limits: limits})
		e.serve(plain(b.url))
		s := e.dial()
		begin := time.Now() // before the edge can count
		s.send(get("/"))
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line, m.body)
		}
		s.ended()
		if d := time.Since(begin); d < limits.Idle*3/4 {
			t.Errorf("closed after %v", d)
		}
	})
	t.Run("nothing ever sent", func(t *testing.T) { e.dial().ended() })
}

// TestUpstreamTimeout: B03.
func TestUpstreamTimeout(t *testing.T) {
	b := newSlowBackend(t)
	e := newEdge(t, edgeOptions{})
	g := plain(b.url)
	g.Routes[0].Timeout = contract.Duration(200 * time.Millisecond)
	e.serve(g)
	if m := e.once(get("/")); m.status() != 504 || m.code() != "upstream_timeout" {
		t.Fatalf("%s %s", m.line, m.code())
	}
}

// TestIdleBody: B06. A backend that stops in the middle of its body is cut off.
func TestIdleBody(t *testing.T) {
	b := rawAnswer(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", nil)
	e := newEdge(t, edgeOptions{})
	g := plain(b.url)
	g.Upstreams[0].Timeouts = &contract.Timeouts{Idle: contract.Duration(200 * time.Millisecond)}
	e.serve(g)
	s := e.dial()
	s.send(get("/"))
	if _, err := readMessage(s.r); err == nil {
		t.Error("the client saw a clean end")
	}
}

// TestSlowReader: CON10, B14. A client that does not read is cut off, and little
// is held for it.
func TestSlowReader(t *testing.T) {
	done := make(chan int64, 1)
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		if _, err := readMessage(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
		n, _ := io.Copy(c, io.LimitReader(zeros{}, 100_000_000))
		done <- n
	})
	e := newEdge(t, edgeOptions{limits: engine.Limits{Write: 400 * time.Millisecond}})
	e.serve(plain(b.url))
	s := e.dial()
	must(t, s.Conn.(*net.TCPConn).SetReadBuffer(4096))
	s.send(get("/"))
	select {
	case n := <-done:
		if n > 20_000_000 {
			t.Errorf("the backend could send %d bytes", n)
		}
	case <-time.After(30 * time.Second):
		t.Error("the backend still waits")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
