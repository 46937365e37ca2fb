package engine_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/listen"
)

// h3Client speaks HTTP/3 to the edge.
func (e *testEdge) h3Client() *http.Client {
	tr := &http3.Transport{
		DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		Dial: func(ctx context.Context, _ string, t *tls.Config, c *quic.Config) (*quic.Conn, error) {
			return quic.DialAddr(ctx, e.tlsAddr, t, c)
		},
	}
	e.t.Cleanup(func() { _ = tr.Close() })
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func TestHTTP3Clients(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) { echo(c) })
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	c := e.h3Client()
	for _, body := range []string{"", "hello", repeat("x", 300_000)} {
		for _, known := range []bool{true, false} {
			r, err := http.NewRequest("POST", "https://demo.localhost/a/b?c=d", strings.NewReader(body))
			must(t, err)
			if !known {
				r.ContentLength = -1
			}
			r.Header.Set("X-Mine", "yes")
			resp, err := c.Do(r)
			must(t, err)
			got, err := io.ReadAll(resp.Body)
			must(t, err)
			if resp.ProtoMajor != 3 || resp.StatusCode != 200 || string(got) != body || resp.Header.Get("X-Request-Id") == "" || resp.Header.Get("Alt-Svc") != "" || len(resp.Header["Date"]) != 1 {
				t.Fatalf("%s %d %v: %.300q for %d bytes", resp.Proto, resp.StatusCode, resp.Header, got, len(body))
			}
			must(t, resp.Body.Close())
		}
	}
	got := b.received()
	for _, want := range []string{"POST /a/b?c=d HTTP/1.1\r\n", "X-Mine: yes\r\n", "Via: 3.0 tollgate\r\n", "X-Forwarded-Proto: https\r\n", "X-Forwarded-For: 127.0.0.1\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the backend did not get %q", want)
		}
	}
}

// TestHTTP3NoBody: a request without a body is sent on without one, whether its
// end comes with the head or later; one that has a body has it.
func TestHTTP3NoBody(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) { echo(c) })
	patient := newEdge(t, edgeOptions{})
	patient.serve(plain(b.url))
	hasty := newEdge(t, edgeOptions{limits: engine.Limits{Head: 300 * time.Millisecond}}) // for what never ends
	hasty.serve(plain(b.url))
	for _, row := range []struct {
		name, method string
		frames       [][]byte // behind the head, each in a packet of its own
		open         bool     // the stream is not ended
		status, sent string
	}{
		{"the end with the head", "GET", nil, false, "200", ""},
		{"the end later", "GET", [][]byte{{}}, false, "200", ""},
		{"an empty frame", "DELETE", [][]byte{h3Frame(h3Data, nil)}, false, "200", ""},
		{"a frame that nobody knows", "GET", [][]byte{h3Frame(0x21, []byte("grease"))}, false, "200", ""},
		{"a body", "GET", [][]byte{h3Frame(h3Data, []byte("hel")), h3Frame(h3Data, []byte("lo"))}, false, "200", "Transfer-Encoding"},
		{"no end", "GET", nil, true, "408", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := patient
			if row.open {
				e = hasty
			}
			c := e.h3Dial()
			s, err := c.OpenStream()
			must(t, err)
			must(t, s.SetDeadline(time.Now().Add(30*time.Second)))
			path := "/" + strings.ReplaceAll(row.name, " ", "-")
			head := h3Frame(h3Headers, h3Fields(":method", row.method, ":scheme", "https", ":authority", "demo.localhost", ":path", path))
			_, err = s.Write(head)
			must(t, err)
			for _, f := range row.frames {
				time.Sleep(20 * time.Millisecond)
				if len(f) > 0 {
					_, err = s.Write(f)
					must(t, err)
				}
			}
			if !row.open {
				must(t, s.Close())
			}
			answer := readH3(t, s)
			if answer.status != row.status || row.sent != "" && answer.body != "hello" {
				t.Errorf("answered %+v", answer)
			}
			_, got, _ := strings.Cut(b.received(), row.method+" "+path)
			got, _, _ = strings.Cut(got, "\r\n\r\n")
			if has := strings.Contains(got, "Transfer-Encoding") || strings.Contains(got, "Content-Length"); has != (row.sent != "") {
				t.Errorf("the backend got %q", got)
			}
		})
	}
}

// h3Answer is an answer as it came.
type h3Answer struct {
	status, body    string
	fields, trailer map[string]string
	err             error
}

// readH3 reads a stream to its end.
func readH3(t *testing.T, s *quic.Stream) (a h3Answer) {
	t.Helper()
	tun := &h3Tunnel{s: s, r: newStreamReader(s)}
	for {
		kind, payload, err := tun.frame()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				a.err = err
			}
			return a
		}
		switch kind {
		case h3Headers:
			fields := map[string]string{}
			for _, f := range decodeH3(t, payload) {
				fields[f.Name] = f.Value
			}
			if a.fields == nil || strings.HasPrefix(a.status, "1") {
				a.status, a.fields = fields[":status"], fields
			} else {
				a.trailer = fields
			}
		case h3Data:
			a.body += string(payload)
		}
	}
}

// TestHTTP3Heads: HEAD's answers say of a body what the backend said; nothing is
// made up.
func TestHTTP3Heads(t *testing.T) {
	for name, row := range map[string]struct{ answer, length string }{
		"a length":  {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", "12"},
		"chunked":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
		"no result": {"HTTP/1.1 204 No Content\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, edgeOptions{})
			e.serve(plain(answers(t, row.answer).url))
			s, err := e.h3Dial().OpenStream()
			must(t, err)
			_, err = s.Write(h3Frame(h3Headers, h3Fields(":method", "HEAD", ":scheme", "https", ":authority", "demo.localhost", ":path", "/")))
			must(t, err)
			must(t, s.Close())
			if a := readH3(t, s); a.fields["content-length"] != row.length || a.err != nil || a.body != "" {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestHTTP3Streams: trailers both ways, pieces that come at once, interim answers.
func TestHTTP3Streams(t *testing.T) {
	next := make(chan struct{})
	url := h2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Link", "</x>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(200)
		fmt.Fprintf(w, "first %s %s", body, r.Trailer.Get("X-End"))
		_ = http.NewResponseController(w).Flush()
		<-next
		_, _ = io.WriteString(w, "second")
		w.Header().Set("X-Sum", "7")
	})
	e := newEdge(t, edgeOptions{})
	e.serve(withProtocol(plain(url), "h2c"))
	var mu sync.Mutex
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		mu.Lock()
		defer mu.Unlock()
		hints = append(hints, fmt.Sprint(code, h.Get("Link")))
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), "POST", "https://demo.localhost/", io.NopCloser(strings.NewReader("in")))
	must(t, err)
	r.Trailer = http.Header{"X-End": {"fin"}}
	resp, err := e.h3Client().Do(r)
	must(t, err)
	defer resp.Body.Close()
	got := make([]byte, len("first in fin"))
	_, err = io.ReadFull(resp.Body, got)
	must(t, err)
	if string(got) != "first in fin" {
		t.Errorf("the first piece is %q", got)
	}
	close(next)
	rest, err := io.ReadAll(resp.Body)
	must(t, err)
	mu.Lock()
	defer mu.Unlock()
	if string(rest) != "second" || resp.Trailer.Get("X-Sum") != "7" || len(hints) != 1 || hints[0] != "103</x>" {
		t.Errorf("%q, trailers %v, hints %v", rest, resp.Trailer, hints)
	}
}

// TestHTTP3GRPC: errors of the edge are a status that a caller of gRPC understands,
// and so is a backend's failure behind the head.
func TestHTTP3GRPC(t *testing.T) {
	url := h2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.Copy(w, r.Body)
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
	e := newEdge(t, edgeOptions{})
	e.serve(withProtocol(plain(url), "h2c"))
	c := e.h3Client()
	for _, row := range []struct{ host, path, status, trailer, body string }{
		{"demo.localhost", "/call", "", "0", grpcMessage("hello")},
		{"demo.localhost", "/cut", "", "14", ""},
		{"nobody.localhost", "/call", "12", "", ""},
	} {
		r, err := http.NewRequest("POST", "https://"+row.host+row.path, strings.NewReader(grpcMessage("hello")))
		must(t, err)
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
		resp, err := c.Do(r)
		must(t, err)
		got, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != 200 || resp.Header.Get("Grpc-Status") != row.status || resp.Trailer.Get("Grpc-Status") != row.trailer || string(got) != row.body {
			t.Errorf("%s%s: %d %v %v %q", row.host, row.path, resp.StatusCode, resp.Header, resp.Trailer, got)
		}
	}
}

// TestHTTP3CutAnswer: B05: a reset, never a clean end.
func TestHTTP3CutAnswer(t *testing.T) {
	b := rawAnswer(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", func(net.Conn) { time.Sleep(20 * time.Millisecond) })
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	resp, err := e.h3Client().Get("https://demo.localhost/")
	must(t, err)
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a clean end after %q", got)
	}
}

// TestHTTP3Cancel: a cancelled stream ends the backend's work at once.
func TestHTTP3Cancel(t *testing.T) {
	b := newSlowBackend(t)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", "https://demo.localhost/", nil)
	must(t, err)
	go func() { <-b.has; cancel() }()
	if _, err := e.h3Client().Do(r); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	b.waitClosed(t)
}

// TestHTTP3Misdirected: HST06 over QUIC.
func TestHTTP3Misdirected(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	g := plain(b.url)
	g.ID, g.Num, g.Name, g.Hosts = "gw_2", 2, "other", []string{"other.localhost"}
	e.serve(g)
	s, err := e.h3Dial().OpenStream() // made for demo.localhost
	must(t, err)
	_, err = s.Write(h3Frame(h3Headers, h3Fields(":method", "GET", ":scheme", "https", ":authority", "other.localhost", ":path", "/")))
	must(t, err)
	must(t, s.Close())
	if a := readH3(t, s); a.status != "421" || a.fields["tollgate-error"] != "misdirected" {
		t.Errorf("%+v", a)
	}
	if b.received() != "" {
		t.Error("a backend was reached")
	}
}

// TestAltSvc: answers over TLS say where HTTP/3 is, and nobody else's do; what a
// backend says of its own ways in does not pass.
func TestAltSvc(t *testing.T) {
	b := answers(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAlt-Svc: h3=\":1\"\r\n\r\nok")
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	_, port, _ := net.SplitHostPort(e.tlsAddr)
	want := `h3=":` + port + `"; ma=86400`
	h1 := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "demo.localhost"}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, e.tlsAddr)
	}}}
	defer h1.CloseIdleConnections()
	for name, row := range map[string]struct {
		c          *http.Client
		url, field string
	}{
		"HTTP/1.1 over TLS":   {h1, "https://demo.localhost/", want},
		"HTTP/2 over TLS":     {e.h2Client(true), "https://demo.localhost/", want},
		"an error":            {e.h2Client(true), "https://nobody.localhost/", want},
		"HTTP/2 in the clear": {e.h2Client(false), "http://demo.localhost/", ""},
		"HTTP/3":              {e.h3Client(), "https://demo.localhost/", ""},
	} {
		resp, err := row.c.Get(row.url)
		must(t, err)
		resp.Body.Close()
		if got := strings.Join(resp.Header["Alt-Svc"], "|"); got != row.field {
			t.Errorf("%s: Alt-Svc is %q, want %q", name, got, row.field)
		}
	}
	e.Engine.Closing()
	resp, err := e.h2Client(true).Get("https://demo.localhost/")
	must(t, err)
	resp.Body.Close()
	if resp.Header.Get("Alt-Svc") != "" {
		t.Error("an edge that is leaving announces itself")
	}
}

// TestHTTP3Drain: requests under way are finished, their clients are told by
// GOAWAY, idle connections are closed, new ones refused.
func TestHTTP3Drain(t *testing.T) {
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
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+repeat("z", 100_000))
		}
	})
	e := newEdge(t, edgeOptions{limits: engine.Limits{Linger: 50 * time.Millisecond}})
	e.serve(plain(b.url))
	ask := func(c *quic.Conn, path string) *quic.Stream {
		s, err := c.OpenStream()
		must(t, err)
		_, err = s.Write(h3Frame(h3Headers, h3Fields(":method", "GET", ":scheme", "https", ":authority", "demo.localhost", ":path", path)))
		must(t, err)
		must(t, s.Close())
		return s
	}
	idle, busy := e.h3Dial(), e.h3Dial()
	if a := readH3(t, ask(idle, "/")); a.status != "200" {
		t.Fatalf("%+v", a)
	}
	slow := ask(busy, "/slow")
	for e.Open() < 1 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- e.Server.Drain(ctx, listen.Leaving{}) }()
	control, err := busy.AcceptUniStream(ctx)
	must(t, err)
	tun := &h3Tunnel{r: newStreamReader(control)}
	_, err = tun.r.ReadByte() // the stream's type
	must(t, err)
	kind, _, err := tun.frame()
	if must(t, err); kind != h3Settings {
		t.Fatalf("the control stream begins with a frame of kind %d", kind)
	}
	if kind, payload, err := tun.frame(); err != nil || kind != h3GoAway || len(payload) != 1 || payload[0] != 4 {
		t.Fatalf("frame %d %x, %v: want GOAWAY", kind, payload, err)
	}
	late := ask(busy, "/late")
	if a := readH3(t, late); a.err == nil || a.status != "" {
		t.Errorf("a request behind GOAWAY is answered: %s", a.status)
	}
	select {
	case <-idle.Context().Done():
	case <-ctx.Done():
		t.Error("an idle connection stays open")
	}
	if c, err := quic.DialAddr(ctx, e.tlsAddr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}}, nil); err == nil {
		_ = c.CloseWithError(0, "")
		t.Error("a new connection is accepted")
	}
	close(release)
	if a := readH3(t, slow); a.status != "200" || len(a.body) != 100_000 {
		t.Errorf("the open request: %s with %d bytes, %v", a.status, len(a.body), a.err)
	}
	must(t, <-drained)
	var app *quic.ApplicationError
	<-busy.Context().Done()
	if err := context.Cause(busy.Context()); !errors.As(err, &app) || app.ErrorCode != 0x100 {
		t.Errorf("the busy connection ended with %v", err)
	}
}

// TestHTTP3Rest: an edge that rests tells clients by GOAWAY to go, finishes what they
// have under way and takes no new connection, until it is taken back; a drain that
// follows waits for what the rest left.
func TestHTTP3Rest(t *testing.T) {
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
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ask := func(c *quic.Conn, path string) *quic.Stream {
		t.Helper()
		s, err := c.OpenStream()
		must(t, err)
		_, err = s.Write(h3Frame(h3Headers, h3Fields(":method", "GET", ":scheme", "https", ":authority", "demo.localhost", ":path", path)))
		must(t, err)
		must(t, s.Close())
		return s
	}
	leave := func(c *quic.Conn) {
		t.Helper()
		control, err := c.AcceptUniStream(ctx)
		must(t, err)
		tun := &h3Tunnel{r: newStreamReader(control)}
		_, err = tun.r.ReadByte() // the stream's type
		must(t, err)
		for kind := uint64(h3Settings); kind != h3GoAway; {
			kind, _, err = tun.frame()
			must(t, err)
		}
	}
	var slow []*quic.Stream
	var busy []*quic.Conn
	for range 2 {
		old := e.h3Dial()
		if a := readH3(t, ask(old, "/")); a.status != "200" {
			t.Fatalf("%+v", a)
		}
		c := e.h3Dial()
		busy, slow = append(busy, c), append(slow, ask(c, "/slow"))
		for e.Open() < int64(len(slow)) {
			time.Sleep(time.Millisecond)
		}
		e.Server.RestHTTP3(true)
		leave(c)
		select {
		case <-old.Context().Done():
		case <-ctx.Done():
			t.Fatal("an idle connection stays open")
		}
		if c, err := quic.DialAddr(ctx, e.tlsAddr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}}, nil); err == nil {
			_ = c.CloseWithError(0, "")
			t.Error("a new connection is accepted")
		}
		e.Server.RestHTTP3(false)
		if a := readH3(t, ask(e.h3Dial(), "/again")); a.status != "200" {
			t.Fatalf("taken back: %+v", a)
		}
	}
	e.Server.RestHTTP3(true)
	drained := make(chan error, 1)
	go func() { drained <- e.Server.Drain(ctx, listen.Leaving{}) }()
	select {
	case err := <-drained:
		t.Errorf("drained with requests under way: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	for _, s := range slow { // both, before either connection ends
		if a := readH3(t, s); a.status != "200" {
			t.Errorf("an open request: %s, %v", a.status, a.err)
		}
	}
	for _, c := range busy {
		<-c.Context().Done()
	}
	must(t, <-drained)
}

// TestHTTP3PerAddress: CON08's bound of connections, shared with TCP.
func TestHTTP3PerAddress(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{perIP: 3})
	e.serve(plain(b.url))
	s := e.dial()
	s.send(get("/"))
	s.answer()
	first, _ := e.h3Dial(), e.h3Dial()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	dial := func() error {
		c, err := quic.DialAddr(ctx, e.tlsAddr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}}, nil)
		if err == nil {
			err = c.CloseWithError(0x100, "")
		}
		return err
	}
	if dial() == nil {
		t.Fatal("a fourth connection is taken")
	}
	must(t, first.CloseWithError(0x100, ""))
	for ctx.Err() == nil && dial() != nil {
		time.Sleep(10 * time.Millisecond)
	}
	must(t, ctx.Err())
	if st := e.HTTP3Stats(); st.Opened < 2 || st.Refused == 0 {
		t.Errorf("%+v", st)
	}
}
