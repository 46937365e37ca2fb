package engine_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/listen"
	"github.com/tollgate/tollgate/services/contract"
)

// h2Client speaks HTTP/2 to the edge: in clear text with prior knowledge, or over
// TLS.
func (e *testEdge) h2Client(secure bool) *http.Client {
	p := new(http.Protocols)
	addr := e.addr
	if secure {
		p.SetHTTP2(true)
		addr = e.tlsAddr
	} else {
		p.SetUnencryptedHTTP2(true)
	}
	tr := &http.Transport{
		Protocols: p, DisableCompression: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}
	e.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

// h2Backend is a backend that speaks HTTP/2 in clear text.
func h2Backend(t *testing.T, h http.HandlerFunc) string {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = p
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

func withProtocol(g contract.Gateway, protocol string) contract.Gateway {
	g.Upstreams[0].Protocol = protocol
	return g
}

func TestHTTP2Clients(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) { echo(c) })
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS=%v", secure), func(t *testing.T) {
			c, scheme := e.h2Client(secure), "http"
			if secure {
				scheme = "https"
			}
			for _, body := range []string{"", "hello", repeat("x", 300_000)} {
				r, err := http.NewRequest("POST", scheme+"://demo.localhost/a/b?c=d", strings.NewReader(body))
				must(t, err)
				r.Header.Set("X-Mine", "yes")
				resp, err := c.Do(r)
				must(t, err)
				got, err := io.ReadAll(resp.Body)
				must(t, err)
				if resp.ProtoMajor != 2 || resp.StatusCode != 200 || string(got) != body || resp.Header.Get("X-Request-Id") == "" {
					t.Fatalf("%s %d: %.300q for %d bytes", resp.Proto, resp.StatusCode, got, len(body))
				}
				must(t, resp.Body.Close())
			}
			got := b.received()
			for _, want := range []string{"POST /a/b?c=d HTTP/1.1\r\n", "X-Mine: yes\r\n", "Via: 2.0 tollgate\r\n", "X-Forwarded-Proto: " + scheme + "\r\n"} {
				if !strings.Contains(got, want) {
					t.Errorf("the backend did not get %q", want)
				}
			}
		})
	}
}

// echo answers every request with its body.
func echo(c net.Conn) {
	for r := newReader(c); ; {
		m, err := readMessage(r)
		if err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(m.body), m.body)
	}
}

// TestHTTP2CutAnswer: B05 for HTTP/2: a reset, never a clean end.
func TestHTTP2CutAnswer(t *testing.T) {
	b := rawAnswer(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", func(net.Conn) { time.Sleep(20 * time.Millisecond) })
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	resp, err := e.h2Client(false).Get("http://demo.localhost/")
	must(t, err)
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a clean end after %q", got)
	}
}

// TestHTTP2Cancel: a cancelled stream ends the backend's work at once.
func TestHTTP2Cancel(t *testing.T) {
	b := newSlowBackend(t)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", "http://demo.localhost/", nil)
	must(t, err)
	go func() { <-b.has; cancel() }()
	if _, err := e.h2Client(false).Do(r); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	b.waitClosed(t)
}

// grpcMessage frames a gRPC message.
func grpcMessage(p string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(p)))) + p
}

// TestGRPC: unary calls, trailers, errors of the edge, and a stream both ways,
// with HTTP/2 on both sides.
func TestGRPC(t *testing.T) {
	url := h2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
			w.WriteHeader(400)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		buf := make([]byte, 1024)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				_, _ = w.Write(buf[:n])
				_ = http.NewResponseController(w).Flush()
			}
			if err != nil {
				break
			}
		}
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set("Grpc-Message", "fine")
	})
	e := newEdge(t, edgeOptions{})
	e.serve(withProtocol(plain(url), "h2c"))
	c := e.h2Client(true)
	call := func(t *testing.T, host string, body io.Reader) *http.Response {
		r, err := http.NewRequest("POST", "https://"+host+"/pkg.Service/Method", body)
		must(t, err)
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
		resp, err := c.Do(r)
		must(t, err)
		return resp
	}
	t.Run("unary", func(t *testing.T) {
		resp := call(t, "demo.localhost", strings.NewReader(grpcMessage("hello")))
		got, err := io.ReadAll(resp.Body)
		must(t, err)
		if string(got) != grpcMessage("hello") || resp.Trailer.Get("Grpc-Status") != "0" || resp.Trailer.Get("Grpc-Message") != "fine" {
			t.Errorf("%d %q %v %v", resp.StatusCode, got, resp.Header, resp.Trailer)
		}
	})
	t.Run("stream", func(t *testing.T) {
		pr, pw := io.Pipe()
		resp := call(t, "demo.localhost", pr)
		for i := range 5 {
			m := grpcMessage(fmt.Sprintf("message %d", i))
			_, err := io.WriteString(pw, m)
			must(t, err)
			got := make([]byte, len(m))
			_, err = io.ReadFull(resp.Body, got)
			must(t, err)
			if string(got) != m {
				t.Fatalf("%q", got)
			}
		}
		must(t, pw.Close())
		_, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("%v", resp.Trailer)
		}
	})
	t.Run("the edge's error", func(t *testing.T) {
		resp := call(t, "nobody.localhost", strings.NewReader(grpcMessage("hello")))
		defer resp.Body.Close()
		if resp.StatusCode != 200 || resp.Header.Get("Grpc-Status") != "12" || resp.Header.Get("Tollgate-Error") != "no_route" ||
			!strings.HasPrefix(resp.Header.Get("Grpc-Message"), "no_route: ") {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
	})
}

// TestHTTP2Upstream serves HTTP/1.1 clients from an HTTP/2 backend.
func TestHTTP2Upstream(t *testing.T) {
	url := h2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Proto", r.Proto)
		w.Header().Set("X-Host", r.Host)
		w.Header().Set("Tollgate-Error", "forged")
		_, _ = w.Write(append(body, r.Header.Get("X-Forwarded-For")...))
	})
	e := newEdge(t, edgeOptions{})
	g := withProtocol(plain(url), "h2c")
	g.Routes[0].PreserveHost = true
	e.serve(g)
	s := e.dial()
	for _, q := range []string{
		req("POST / HTTP/1.1", "Content-Length: 5\r\n") + "hello",
		chunked("5\r\nhello\r\n0\r\n\r\n"),
	} {
		s.send(q)
		m := s.answer()
		if m.status() != 200 || m.body != "hello127.0.0.1" || m.get("X-Proto") != "HTTP/2.0" || m.get("X-Host") != "demo.localhost" || m.code() != "" {
			t.Fatalf("%s %v %q", m.line, m.header, m.body)
		}
	}
	t.Run("large", func(t *testing.T) {
		s := e.dial()
		body := repeat("y", 500_000)
		go s.send(req("POST / HTTP/1.1", "Content-Length: 500000\r\n") + body)
		if m := s.answer(); m.body != body+"127.0.0.1" {
			t.Errorf("%s: %d bytes", m.line, len(m.body))
		}
	})
}

func TestTLSHTTP1(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) { echo(c) })
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	c, err := tls.Dial("tcp", e.tlsAddr, &tls.Config{InsecureSkipVerify: true, ServerName: "demo.localhost", NextProtos: []string{"http/1.1"}})
	must(t, err)
	defer c.Close()
	s := &session{t: t, Conn: c, r: newReader(c)}
	for _, body := range []string{"hello", repeat("z", 200_000)} {
		go s.send(req("POST / HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(body))) + body)
		if m := s.answer(); m.status() != 200 || m.body != body {
			t.Fatalf("%s", m.line)
		}
	}
	if !strings.Contains(b.received(), "X-Forwarded-Proto: https\r\n") {
		t.Error("the backend was not told of TLS")
	}
	t.Run("HST06", func(t *testing.T) {
		s.send("GET / HTTP/1.1\r\nHost: other.localhost\r\n\r\n")
		if m := s.answer(); m.status() != 404 {
			t.Errorf("unknown host: %s", m.line)
		}
	})
}

// TestMisdirected: HST06: a connection made for one gateway is not for another.
func TestMisdirected(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	g := plain(b.url)
	g.ID, g.Num, g.Name, g.Hosts = "gw_2", 2, "other", []string{"other.localhost"}
	e.serve(g)
	c, err := tls.Dial("tcp", e.tlsAddr, &tls.Config{InsecureSkipVerify: true, ServerName: "demo.localhost", NextProtos: []string{"http/1.1"}})
	must(t, err)
	defer c.Close()
	s := &session{t: t, Conn: c, r: newReader(c)}
	s.send("GET / HTTP/1.1\r\nHost: other.localhost\r\n\r\n")
	if m := s.answer(); m.status() != 421 || m.code() != "misdirected" {
		t.Errorf("%s", m.line)
	}
	if b.received() != "" {
		t.Error("a backend was reached")
	}
}

// TestDrain: E01: requests under way are finished, their connections end, idle
// ones are closed, new ones refused.
func TestDrain(t *testing.T) {
	release := make(chan struct{})
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		for r := newReader(c); ; {
			m, err := readMessage(r)
			if err != nil {
				return
			}
			if strings.Contains(m.line, "/slow") {
				<-release
			}
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	e := newEdge(t, edgeOptions{limits: engine.Limits{Linger: 50 * time.Millisecond}})
	e.serve(plain(b.url))
	idle, busy := e.dial(), e.dial()
	idle.send(get("/"))
	idle.answer()
	busy.send(get("/slow"))
	h2 := make(chan error, 1)
	go func() {
		resp, err := e.h2Client(false).Get("http://demo.localhost/slow")
		if err == nil {
			_, err = io.ReadAll(resp.Body)
		}
		h2 <- err
	}()
	for e.Open() < 2 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- e.Server.Drain(ctx, listen.Leaving{}) }()
	idle.ended()
	if c, err := net.Dial("tcp", e.addr); err == nil {
		_ = c.Close()
		t.Error("a new connection is accepted")
	}
	close(release)
	if m := busy.answer(); m.status() != 200 || m.get("Connection") != "close" {
		t.Errorf("%s %v", m.line, m.header)
	}
	must(t, <-h2)
	must(t, <-drained)
}

// TestPerAddress: CON08's bound of connections for each address.
func TestPerAddress(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{perIP: 3})
	e.serve(plain(b.url))
	var held []*session
	for range 3 {
		s := e.dial()
		s.send(get("/"))
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line)
		}
		held = append(held, s)
	}
	s := e.dial()
	s.ended()
	_ = held[0].Close()
	waitFor(t, func() bool { // the edge sees the end in its own time
		c, err := net.Dial("tcp", e.addr)
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(5*time.Second)))
		if _, err = io.WriteString(c, get("/")); err != nil {
			return false
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		return err == nil && strings.HasPrefix(line, "HTTP/1.1 200 ")
	})
}

// TestUploadsKeepConnections: connections to a backend are used again after
// uploads, and one that was woken to end an upload never is.
func TestUploadsKeepConnections(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) { echo(c) })
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	c := e.h2Client(false)
	for i := range 300 {
		body := repeat("x", 1+i*37%20_000)
		resp, err := c.Post("http://demo.localhost/", "text/plain", strings.NewReader(body))
		must(t, err)
		got, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != 200 || len(got) != len(body) {
			t.Fatalf("upload %d: %d %.200q", i, resp.StatusCode, got)
		}
	}
	if n := b.connections(); n > 30 {
		t.Errorf("%d connections for 300 uploads", n)
	}
	t.Logf("%d connections", b.connections())
}
