package conformance

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// scripted is a backend of bytes: handle gets each connection.
type scripted struct {
	url   string
	mu    sync.Mutex
	lines []string // what it took for the first line of a request
	more  []byte   // what else it noted
}

func newScripted(t *testing.T, handle func(b *scripted, c net.Conn, r *bufio.Reader)) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &scripted{url: "http://" + l.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(90 * time.Second))
				handle(b, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() { l.Close() })
	return b
}

// head reads a request's head and returns it with its path.
func (b *scripted) head(r *bufio.Reader) (text, path string, err error) {
	for !strings.HasSuffix(text, "\r\n\r\n") {
		line, err := r.ReadString('\n')
		if err != nil {
			return text, "", err
		}
		text += line
	}
	first, _, _ := strings.Cut(text, "\r\n")
	b.mu.Lock()
	b.lines = append(b.lines, first)
	b.mu.Unlock()
	if parts := strings.Split(first, " "); len(parts) == 3 {
		path = parts[1]
	}
	return text, path, nil
}

func (b *scripted) note(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.more = append(b.more, p...)
}

// take returns what was noted since the last take.
func (b *scripted) take() (lines []string, more string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines, more = b.lines, string(b.more)
	b.lines, b.more = nil, nil
	return lines, more
}

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "

func okWith(body string) string { return fmt.Sprintf("%s%d\r\n\r\n%s", okHead, len(body), body) }

// each runs f with a client of either protocol.
func (s *site) each(t *testing.T, f func(t *testing.T, call func(method, path, body string, fields ...string) (int, string, string, error))) {
	for name, version := range map[string]int{"conn": 1, "std": 2} {
		t.Run(name, func(t *testing.T) {
			c := s.client(t, version)
			c.Timeout = 20 * time.Second
			defer c.CloseIdleConnections()
			f(t, func(method, path, body string, fields ...string) (int, string, string, error) {
				req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.host+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				for i := 0; i < len(fields); i += 2 {
					req.Header.Set(fields[i], fields[i+1])
				}
				resp, err := c.Do(req)
				if err != nil {
					return 0, "", "", err
				}
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				return resp.StatusCode, resp.Header.Get("Tollgate-Error"), string(b), err
			})
		})
	}
}

// bodyAtOnce is SMG20: both of two requests are answered, and the backend gets two.
func bodyAtOnce(t *testing.T, s *site) {
	one := "POST /public/expect HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nfirst"
	two := "POST /public/expect HTTP/1.1\r\nHost: HOST\r\nContent-Length: 6\r\n\r\nsecond"
	s.origin.take()
	a := s.send(t, s.fill(one+two))
	if got := slices.DeleteFunc(a.statuses, func(n int) bool { return n == 100 }); !slices.Equal(got, []int{200, 200}) {
		t.Errorf("answers %v", a.statuses)
	}
	seen := s.origin.take()
	if len(seen) != 2 || !strings.HasSuffix(seen[0], "\r\n\r\nfirst") || !strings.HasSuffix(seen[1], "\r\n\r\nsecond") {
		t.Errorf("the backend got %q", seen)
	}
}

// careless is a backend that answers as soon as it has a head, never reads a body,
// and takes what follows for a request.
func careless(t *testing.T) *scripted {
	return newScripted(t, func(b *scripted, c net.Conn, r *bufio.Reader) {
		for {
			text, path, err := b.head(r)
			if err != nil {
				return
			}
			answer := okWith(path)
			if strings.HasPrefix(text, "POST ") {
				answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nearly"
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	})
}

// earlyAnswers is SMG22: the backend refuses as soon as it has the head; the body
// comes later. The next caller gets an answer of its own.
func earlyAnswers(t *testing.T, s *site) {
	b := careless(t)
	s.behind("early", b.url, nil)
	smuggled := "GET /early/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	next := func(t *testing.T) {
		t.Helper()
		if r := s.call.Get(s.addr, s.host, "/early/mine", ""); r.Status != 200 || r.Body != "/early/mine" {
			t.Fatalf("the next caller got %d %q %v", r.Status, r.Body, r.Err)
		}
		if lines, _ := b.take(); slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "smuggled") }) {
			t.Fatalf("a body was taken for a request: %q", lines)
		}
	}
	t.Run("conn", func(t *testing.T) {
		for range 5 {
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			r := bufio.NewReader(c)
			_, _ = fmt.Fprintf(c, "POST /early/x HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", s.host, len(smuggled))
			resp, err := http.ReadResponse(r, nil)
			for err == nil && resp.StatusCode == 100 {
				resp, err = http.ReadResponse(r, nil)
			}
			if err != nil || resp.StatusCode != 403 {
				t.Fatalf("%v %v", resp, err)
			}
			_, _ = io.WriteString(c, smuggled)
			if rest, _ := io.ReadAll(r); strings.Contains(string(rest), "HTTP/1.1") {
				t.Fatalf("a body was taken for a request by the edge: %q", rest)
			}
			next(t)
		}
	})
	t.Run("std", func(t *testing.T) {
		for range 5 {
			h := dialH2(t, s.addr)
			if err := h.open(1, false, request("POST", s.host, "/early/x", field{"expect", "100-continue"}, field{"content-length", fmt.Sprint(len(smuggled))})); err != nil {
				t.Fatal(err)
			}
			if o := h.wait(1, 3*time.Second); o.status != "403" {
				t.Fatalf("%s", o)
			}
			_ = h.fr.WriteData(1, true, []byte(smuggled))
			next(t)
			h.c.Close()
		}
	})
}

// unreadByBackend is SMG23's other half: a backend leaves the body of a GET on the
// connection. It is not used again.
func unreadByBackend(t *testing.T, s *site) {
	b := careless(t)
	s.behind("unread", b.url, nil)
	smuggled := "GET /unread/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	s.each(t, func(t *testing.T, call func(string, string, string, ...string) (int, string, string, error)) {
		for _, method := range []string{"GET", "DELETE", "OPTIONS", "HEAD"} {
			for range 5 {
				if status, code, _, err := call(method, "/unread/x", smuggled); err != nil || status != 200 {
					t.Fatalf("%s: %d %s %v", method, status, code, err)
				}
				if status, _, body, err := call("GET", "/unread/mine", ""); err != nil || status != 200 || body != "/unread/mine" {
					t.Fatalf("after %s the next caller got %d %q %v", method, status, body, err)
				}
			}
		}
	})
}

// unreadBodies is SMG24: a request that the edge answers itself, with one in its
// body and one behind it.
func unreadBodies(t *testing.T, s *site) {
	smuggled := "GET /public/smuggled HTTP/1.1\r\nHost: " + s.host + "\r\n\r\n"
	for name, framing := range map[string]string{
		"length":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(smuggled), smuggled),
		"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled),
		"long":    fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 200_000+len(smuggled), strings.Repeat("x", 200_000)+smuggled),
	} {
		t.Run(name, func(t *testing.T) {
			s.origin.take()
			a := s.send(t, s.fill("POST /admin/x HTTP/1.1\r\nHost: HOST\r\n"+framing+"GET /public/behind HTTP/1.1\r\nHost: HOST\r\n\r\n"))
			if len(a.statuses) == 0 || a.statuses[0] != 401 || len(a.statuses) > 2 {
				t.Errorf("answers %v", a.statuses)
			}
			time.Sleep(20 * time.Millisecond)
			for _, raw := range s.origin.take() {
				if !strings.HasPrefix(raw, "GET /public/behind ") {
					t.Errorf("reached the backend: %q", clip(raw))
				}
			}
		})
	}
	s.each(t, func(t *testing.T, call func(string, string, string, ...string) (int, string, string, error)) {
		s.origin.take()
		if status, code, _, err := call("POST", "/admin/x", smuggled); err != nil || status != 401 {
			t.Errorf("%d %s %v", status, code, err)
		}
		if seen := s.origin.take(); len(seen) > 0 {
			t.Errorf("reached the backend: %q", seen)
		}
	})
}

// beforeSwitching is SMG25: bytes that come with a handshake wait for the 101, and
// go nowhere without it.
func beforeSwitching(t *testing.T, s *site) {
	early := make(chan string, 4)
	b := newScripted(t, func(b *scripted, c net.Conn, r *bufio.Reader) {
		text, path, err := b.head(r)
		if err != nil {
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		buf := make([]byte, 4096)
		n, _ := r.Read(buf)
		early <- string(buf[:n])
		_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
		if strings.HasSuffix(path, "/no") {
			_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
		} else {
			_, key, _ := strings.Cut(text, "Sec-WebSocket-Key: ")
			key, _, _ = strings.Cut(key, "\r\n")
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+wsAccept(key)+"\r\n\r\n")
		}
		n, _ = r.Read(buf)
		b.note(buf[:n])
	})
	s.behind("switch", b.url, nil)
	s.put("routes/switch", map[string]any{"match": map[string]any{"path": "/switch/*"}, "upstream": "switch", "public": true, "websocket": map[string]any{}})
	s.api.WaitLive("conf")
	for name, status := range map[string]int{"yes": 101, "no": 403} {
		t.Run(name, func(t *testing.T) {
			b.take()
			a := s.send(t, s.fill("GET /switch/"+name+" HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"+string(masked(0x81, "smuggled"))))
			if before := <-early; before != "" {
				t.Errorf("before the answer the backend got %q", before)
			}
			if len(a.statuses) != 1 || a.statuses[0] != status {
				t.Errorf("answers %v, want %d", a.statuses, status)
			}
			time.Sleep(100 * time.Millisecond)
			_, more := b.take()
			if got := more != ""; got != (status == 101) || status == 403 && !a.closed {
				t.Errorf("after the answer the backend got %q; closed %v", more, a.closed)
			}
		})
	}
}

// pipelining is SMG28: 50 requests at once on one connection, keyed and not.
func pipelining(t *testing.T, s *site) {
	var raw strings.Builder
	var want []int
	for i := range 50 {
		fmt.Fprintf(&raw, "GET /admin/%d HTTP/1.1\r\nHost: %s\r\n", i, s.host)
		if i%3 == 0 {
			raw.WriteString("X-API-Key: " + s.key + "\r\n")
			want = append(want, 200)
		} else {
			want = append(want, 401)
		}
		raw.WriteString("\r\n")
	}
	s.origin.take()
	a := s.send(t, raw.String())
	if !slices.Equal(a.statuses, want) {
		t.Errorf("answers %v", a.statuses)
	}
	seen := s.origin.take()
	for i, text := range seen {
		if !strings.HasPrefix(text, fmt.Sprintf("GET /admin/%d ", 3*i)) {
			t.Errorf("request %d at the backend is %q", i, clip(text))
		}
	}
	if len(seen) != 17 {
		t.Errorf("%d requests reached the backend, want 17", len(seen))
	}
}

// badAnswers is SMG29 and B07: what a backend answers wrongly is 502, or a body cut
// short, and the next caller's answer is its own.
func badAnswers(t *testing.T, s *site) {
	answers := map[string]string{
		"/bad/twice":    okWith("first") + okWith("poison"),
		"/bad/interim":  strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000) + okWith("late"),
		"/bad/short":    okHead + "10\r\n\r\nhalf",
		"/bad/both":     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + okWith("poison"),
		"/bad/lengths":  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + okWith("poison"),
		"/bad/NUL":      "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n",
		"/bad/chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
		"/bad/switched": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\npoison",
		"/bad/head":     "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 10<<20) + "\r\n\r\n",
	}
	b := newScripted(t, func(b *scripted, c net.Conn, r *bufio.Reader) {
		for {
			_, path, err := b.head(r)
			if err != nil {
				return
			}
			answer, bad := answers[path]
			if !bad {
				answer = okWith(path)
			}
			if _, err := io.WriteString(c, answer); err != nil || path == "/bad/short" {
				return
			}
		}
	})
	s.behind("bad", b.url, map[string]any{"outlier_detection": map[string]any{"disabled": true}})
	s.each(t, func(t *testing.T, call func(string, string, string, ...string) (int, string, string, error)) {
		for path := range answers {
			status, code, body, err := call("GET", path, "")
			switch path {
			case "/bad/twice":
				if status != 200 || body != "first" || err != nil {
					t.Errorf("%s: %d %s %q %v", path, status, code, body, err)
				}
			case "/bad/short":
				if status != 200 || err == nil {
					t.Errorf("%s: a clean end: %d %s %q", path, status, code, body)
				}
			default:
				if status != 502 || code != "upstream_protocol" || err != nil {
					t.Errorf("%s: %d %s %.40q %v", path, status, code, body, err)
				}
			}
			if status, code, body, err := call("GET", "/bad/mine", ""); status != 200 || body != "/bad/mine" || err != nil {
				t.Errorf("after %s the next caller got %d %s %q %v", path, status, code, body, err)
			}
		}
	})
}

// boldAnswers is HDR16.
func boldAnswers(t *testing.T, s *site) {
	_, domain, _ := strings.Cut(s.host, ".")
	b := newScripted(t, func(b *scripted, c net.Conn, r *bufio.Reader) {
		for {
			_, path, err := b.head(r)
			if err != nil {
				return
			}
			answer := "HTTP/1.1 200 OK\r\nTollgate-Error: forged\r\nTollgate-Consumer: forged\r\nSet-Cookie: wide=1; Domain=" + domain + "\r\nset-cookie: wider=1;domain=." + domain +
				"; Path=/\r\nSet-Cookie: own=1; Domain=" + s.host + "\r\nSet-Cookie: bare=1\r\nContent-Length: 2\r\n\r\nok"
			if path == "/bold/large" {
				answer = "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 1<<20) + "\r\nContent-Length: 2\r\n\r\nok"
			}
			_, _ = io.WriteString(c, answer)
		}
	})
	s.behind("bold", b.url, nil)
	for name, version := range map[string]int{"conn": 1, "std": 2} {
		t.Run(name, func(t *testing.T) {
			c := s.client(t, version)
			for path, status := range map[string]int{"/bold/x": 200, "/bold/large": 502} {
				resp, err := c.Get("http://" + s.host + path)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != status {
					t.Errorf("%s: %d", path, resp.StatusCode)
				}
				if status != 200 {
					continue
				}
				if got := resp.Header["Set-Cookie"]; len(got) != 2 || !strings.HasPrefix(got[0], "own=") || !strings.HasPrefix(got[1], "bare=") {
					t.Errorf("cookies %q", got)
				}
				if resp.Header.Get("Tollgate-Error") != "" || resp.Header.Get("Tollgate-Consumer") != "" {
					t.Errorf("passed on: %v", resp.Header)
				}
			}
		})
	}
}

// brokenBackends is CON07: a backend of HTTP/2 sends what no server may. Callers get
// 502, soon, and the edge does not spin.
func brokenBackends(t *testing.T, s *site) {
	write := map[string]func(f *http2.Framer, c net.Conn) error{
		"max_frame_size": func(f *http2.Framer, _ net.Conn) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 0})
		},
		"push": func(f *http2.Framer, _ net.Conn) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 2})
		},
		"window": func(f *http2.Framer, _ net.Conn) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		},
		"update": func(f *http2.Framer, _ net.Conn) error {
			return f.WriteRawFrame(http2.FrameWindowUpdate, 0, 0, []byte{0, 0, 0, 0})
		},
		"hpack": func(f *http2.Framer, _ net.Conn) error {
			return f.WriteRawFrame(http2.FrameHeaders, 4, 1, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		},
		"idle": func(f *http2.Framer, _ net.Conn) error { return f.WriteData(9, true, []byte("x")) },
		"long": func(_ *http2.Framer, c net.Conn) error {
			_, err := c.Write([]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1})
			return err
		},
		"pushed": func(f *http2.Framer, _ net.Conn) error {
			return f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: status200(), EndHeaders: true})
		},
		"text": func(_ *http2.Framer, c net.Conn) error {
			_, err := io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			return err
		},
		"continuation": func(f *http2.Framer, _ net.Conn) error { return f.WriteContinuation(1, true, status200()) },
	}
	b := newScripted(t, func(b *scripted, c net.Conn, r *bufio.Reader) {
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(r, preface); err != nil {
			return
		}
		f := http2.NewFramer(c, r)
		f.AllowIllegalWrites = true
		f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		if f.WriteSettings() != nil {
			return
		}
		for {
			in, err := f.ReadFrame()
			if err != nil {
				return
			}
			h, ok := in.(*http2.MetaHeadersFrame)
			if !ok {
				continue
			}
			for _, v := range h.Fields {
				if v.Name == ":path" {
					if write[strings.TrimPrefix(v.Value, "/frames/")](f, c) != nil {
						return
					}
				}
			}
		}
	})
	s.behind("frames", b.url, map[string]any{"protocol": "h2c", "timeouts": map[string]any{"per_try": "3s"}, "outlier_detection": map[string]any{"disabled": true}})
	s.each(t, func(t *testing.T, call func(string, string, string, ...string) (int, string, string, error)) {
		for name := range write {
			began := time.Now()
			status, code, body, err := call("POST", "/frames/"+name, "x")
			// A window of nothing is no error of the connection to every client; then the try times out.
			if err != nil || status != 502 && status != 504 {
				t.Errorf("%s: %d %s %.60q %v after %v", name, status, code, body, err, time.Since(began))
			}
		}
	})
	spent := s.cpu(t)
	time.Sleep(time.Second)
	if spent = s.cpu(t) - spent; spent > 500*time.Millisecond {
		t.Errorf("with nothing to do the edge spent %v of CPU in a second", spent)
	}
}

func status200() []byte {
	var b strings.Builder
	e := hpack.NewEncoder(&b)
	_ = e.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	return []byte(b.String())
}

// slowReaders is CON10 and B14: clients that read nothing of a long answer hold
// little, and are cut off after the write timeout of a minute.
func slowReaders(t *testing.T, s *site) {
	const readers, perReader = 100, 160 << 10 // 64 KiB, what the collector leaves for a while, and the goroutines of both sides
	sent := make(chan int64, readers)
	b := newScripted(t, func(b *scripted, c net.Conn, r *bufio.Reader) {
		if _, _, err := b.head(r); err != nil {
			return
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 100<<20)
		n, _ := io.Copy(c, io.LimitReader(endless{}, 100<<20))
		sent <- n
	})
	s.behind("slowly", b.url, nil)
	t.Run("conn", func(t *testing.T) {
		before := s.rss(t)
		for range readers {
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.(*net.TCPConn).SetReadBuffer(4096)
			if _, err := io.WriteString(c, s.fill("GET /slowly/x HTTP/1.1\r\nHost: HOST\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
		}
		s.cutOff(t, before, readers, perReader, sent)
	})
	t.Run("std", func(t *testing.T) {
		before := s.rss(t)
		for range readers / 20 {
			h := dialH2(t, s.addr)
			defer h.c.Close()
			for i := range 20 {
				if err := h.open(uint32(2*i+1), true, request("GET", s.host, "/slowly/x")); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.cutOff(t, before, readers, perReader, sent)
	})
}

// cutOff looks at what clients cost that read nothing, and waits for the edge to
// leave their backend.
func (s *site) cutOff(t *testing.T, before, readers, most int64, sent chan int64) {
	t.Helper()
	began := time.Now()
	time.Sleep(2 * time.Second)
	grown := (s.rss(t) - before) / readers
	t.Logf("%d answers that nobody reads hold %d KiB each", readers, grown>>10)
	if grown > most {
		t.Errorf("each holds %d KiB", grown>>10)
	}
	late := time.After(80 * time.Second)
	for n := range readers {
		select {
		case got := <-sent:
			if got >= 100<<20 {
				t.Error("the edge took all of an answer that nobody reads")
			}
		case <-late:
			t.Fatalf("after %v only %d of %d are cut off", time.Since(began), n, readers)
		}
	}
	t.Logf("all cut off after %v", time.Since(began).Round(time.Second))
}

// dialTLS opens a connection of TLS by HTTP/1.1, name empty for none.
func (s *site) dialTLS(t *testing.T, name string, wrap func(net.Conn) net.Conn) (*tls.Conn, error) {
	t.Helper()
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", s.c.Edges[0].TLSPort), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if wrap != nil {
		c = wrap(c)
	}
	conn := tls.Client(c, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	return conn, conn.Handshake()
}
