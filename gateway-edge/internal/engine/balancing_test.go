package engine_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

func lasting(d time.Duration) contract.Duration { return contract.Duration(d) }

func post(body string) string {
	return fmt.Sprintf("POST /x HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// counting answers every request and counts them.
func counting(t *testing.T, answer string) (b *rawBackend, requests *atomic.Int64) {
	requests = &atomic.Int64{}
	return newBackend(t, func(_ *rawBackend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, err := readMessage(r); err != nil {
				return
			}
			requests.Add(1)
			if answer == "" { // reads and says nothing
				continue
			}
			if _, err := io.WriteString(c, answer); err != nil || !strings.Contains(answer, "Content-Length") {
				return
			}
		}
	}), requests
}

// hole is an address whose connections are never made: the kernel drops them,
// since nobody accepts and the queue is full.
func hole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	name, err := syscall.Getsockname(fd)
	must(t, err)
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 8 {
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return "http://" + addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue of connections never fills")
	return ""
}

// TestBackendRows has the rows of the fault matrix that a backend's behaviour
// makes, as far as no test of its own has them (B01, B12, B15: TestBackendKilled,
// TestAllBackendsKilled, TestRetryStorm; B05: TestCutAnswers; B07:
// TestMalformedAnswers; B08: TestExtraBytes; B09 to B11: package transport).
func TestBackendRows(t *testing.T) {
	t.Parallel()
	t.Run("B02", func(t *testing.T) {
		t.Parallel()
		e := newEdge(t, edgeOptions{})
		good, asked := counting(t, okAnswer)
		g := plain(hole(t), good.url)
		g.Upstreams[0].Timeouts = &contract.Timeouts{Connect: lasting(200 * time.Millisecond)}
		e.serve(g)
		s := e.dial()
		for range 20 {
			if s.send(post("x")); s.answer().status() != 200 { // nothing was sent: even a POST goes elsewhere
				t.Fatal("a caller noticed")
			}
		}
		if asked.Load() != 20 {
			t.Error(asked.Load())
		}
	})
	t.Run("B03", func(t *testing.T) {
		t.Parallel()
		e := newEdge(t, edgeOptions{})
		frozen, asked := counting(t, "")
		other, more := counting(t, "")
		g := plain(frozen.url, other.url)
		g.Upstreams[0].Timeouts = &contract.Timeouts{PerTry: lasting(200 * time.Millisecond)}
		g.Upstreams[0].Retries = &contract.Retries{Attempts: 3, On: []string{"timeout", "reset"}}
		e.serve(g)
		if m := e.once(post("x")); m.status() != 504 || m.code() != "upstream_timeout" {
			t.Error(m.line, m.code())
		}
		if n := asked.Load() + more.Load(); n != 1 {
			t.Errorf("a POST was sent %d times", n)
		}
		if m := e.once(get("/")); m.status() != 504 || asked.Load() == 0 || more.Load() == 0 {
			t.Errorf("%s; %d and %d", m.line, asked.Load(), more.Load())
		}
	})
	t.Run("B04", func(t *testing.T) {
		t.Parallel()
		e := newEdge(t, edgeOptions{})
		reset, asked := newResetting(t)
		good, _ := counting(t, okAnswer)
		g := plain(reset.url, good.url)
		g.Upstreams[0].Retries = &contract.Retries{BudgetPercent: 100}
		e.serve(g)
		for range 8 {
			if m := e.once(get("/")); m.status() != 200 {
				t.Error(m.line, m.code())
			}
		}
		gets := asked.Load()
		if gets == 0 || gets > 8 {
			t.Errorf("%d tries of 8 requests", gets)
		}
		broken, served := 0, 0
		for range 8 {
			switch m := e.once(post("x")); {
			case m.status() == 200:
				served++
			case m.code() == "upstream_reset":
				broken++
			default:
				t.Error(m.line, m.code())
			}
		}
		if int64(broken) != asked.Load()-gets || served == 0 {
			t.Errorf("%d broken, %d tried, %d served: a POST was sent again", broken, asked.Load()-gets, served)
		}
	})
	t.Run("B06", func(t *testing.T) {
		t.Parallel()
		e := newEdge(t, edgeOptions{})
		stuck := newBackend(t, func(_ *rawBackend, c net.Conn) {
			_, _ = readMessage(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			_, _ = io.Copy(io.Discard, c)
		})
		g := plain(stuck.url)
		g.Upstreams[0].Timeouts = &contract.Timeouts{Idle: lasting(200 * time.Millisecond)}
		e.serve(g)
		resp, err := http.DefaultTransport.RoundTrip(e.request(http.MethodGet))
		must(t, err)
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "half" {
			t.Errorf("a body that stopped ended well: %q", body)
		}
	})
	t.Run("B13", func(t *testing.T) {
		t.Parallel()
		e := newEdge(t, edgeOptions{})
		bad, asked := counting(t, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		good, _ := counting(t, okAnswer)
		e.serve(plain(bad.url, good.url))
		wrong, s := 0, e.dial() // one connection: its next request waits until the last is counted
		for range 100 {
			s.send(get("/"))
			if s.answer().status() != 200 {
				wrong++
			}
		}
		if wrong != 5 || asked.Load() != 5 {
			t.Errorf("%d of 100 failed, %d were sent to a backend that always fails: it goes after 5 in a row", wrong, asked.Load())
		}
	})
}

// newResetting makes a backend that resets each connection once a request is there.
func newResetting(t *testing.T) (*rawBackend, *atomic.Int64) {
	var n atomic.Int64
	return newBackend(t, func(_ *rawBackend, c net.Conn) {
		if _, err := readMessage(bufio.NewReader(c)); err == nil {
			n.Add(1)
		}
		_ = c.(recorded).Conn.(*net.TCPConn).SetLinger(0)
	}), &n
}

// request is one to the edge, for clients of net/http.
func (e *testEdge) request(method string) *http.Request {
	r, err := http.NewRequest(method, "http://"+e.addr+"/x", nil)
	must(e.t, err)
	r.Host = "demo.localhost"
	return r
}

// TestCappedTarget: a target with max_requests 5 never sees 6 at once, whatever
// comes, and nobody is refused.
func TestCappedTarget(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	var now, most atomic.Int64
	m := newMortal(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for have := most.Load(); n > have && !most.CompareAndSwap(have, n); have = most.Load() {
		}
		time.Sleep(time.Millisecond)
		now.Add(-1)
	})
	g := plain(m.url())
	g.Upstreams[0].MaxRequests = 5
	g.Upstreams[0].Queue = &contract.Queue{Timeout: lasting(30 * time.Second)}
	e.serve(g)
	got := load(t, e, 40, 1000)
	if len(got) != 1 || got[200] != 1000 || most.Load() != 5 {
		t.Errorf("%v, %d at once", got, most.Load())
	}
	g.Upstreams[0].Queue = &contract.Queue{Disabled: true}
	e.serve(g)
	if got := load(t, e, 40, 1000); got[200] == 0 || got[503] == 0 || len(got) != 2 || most.Load() != 5 {
		t.Errorf("without a queue: %v, %d at once", got, most.Load())
	}
}

// TestQueueForgetsWhoLeft: a client that goes away while it waits is not sent on.
func TestQueueForgetsWhoLeft(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	release := make(chan struct{})
	var once sync.Once
	m := newMortal(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { once.Do(func() { close(release) }) })
	g := plain(m.url())
	g.Upstreams[0].MaxRequests = 1
	g.Upstreams[0].Queue = &contract.Queue{Timeout: lasting(time.Minute)}
	g.Routes[0].AbortOnFIN = true
	e.serve(g)
	first := e.dial()
	first.send(get("/1"))
	eventually(t, func() bool { return m.served.Load() == 1 })
	waits, err := net.Dial("tcp", e.addr)
	must(t, err)
	_, err = io.WriteString(waits, get("/2"))
	must(t, err)
	eventually(t, func() bool { return e.Open() == 2 })
	_ = waits.Close()
	eventually(t, func() bool { return e.Open() == 1 })
	once.Do(func() { close(release) })
	if first.answer().status() != 200 || m.served.Load() != 1 {
		t.Errorf("%d requests served", m.served.Load())
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

// TestSessionCookie: the first answer names the target, later ones say nothing; when
// the target is gone the caller gets another cookie, once.
func TestSessionCookie(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	var backends []*mortal
	g := plain()
	for i := range 3 {
		m := newMortal(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, i) })
		backends = append(backends, m)
		g.Upstreams[0].Targets = append(g.Upstreams[0].Targets, contract.Target{URL: m.url()})
	}
	g.Upstreams[0].Sessions = &contract.Sessions{By: "cookie"}
	e.serve(g)
	cookie := ""
	ask := func() (body, set string) {
		m := e.once("GET /x HTTP/1.1\r\nHost: demo.localhost\r\nCookie: " + cookie + "\r\n\r\n")
		set, _, _ = strings.Cut(m.get("Set-Cookie"), ";")
		return m.body, set
	}
	home, set := ask()
	if !strings.HasPrefix(set, "tollgate_session=") {
		t.Fatal(set)
	}
	cookie = "a=1; " + set
	for range 10 {
		if body, set := ask(); body != home || set != "" {
			t.Fatalf("moved from %s to %s, %s", home, body, set)
		}
	}
	backends[home[0]-'0'].kill()
	next, set := ask()
	if next == home || set == "" || "a=1; "+set == cookie {
		t.Fatalf("%s, %q", next, set)
	}
	cookie = "a=1; " + set
	for range 10 {
		if body, set := ask(); body != next || set != "" {
			t.Fatalf("moved again, from %s to %s, %s", next, body, set)
		}
	}
}

// TestCookiesStayWithTheirHost: on the domain that tenants share no cookie is set
// beyond the gateway's own host, neither by a WebSocket's handshake nor by the
// sessions that a tenant configures; the session's own is set by both.
func TestCookiesStayWithTheirHost(t *testing.T) {
	t.Parallel()
	const cookies = "Set-Cookie: own=1\r\nSet-Cookie: all=1; Domain=shared.test\r\n"
	sum := sha1.Sum([]byte("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	accept := base64.StdEncoding.EncodeToString(sum[:])
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		key := req.Header.Get("Sec-WebSocket-Key")
		if key == "" {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n%s\r\n", cookies)
			return
		}
		h := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
			base64.StdEncoding.EncodeToString(h[:]), cookies)
	})
	for domain, want := range map[string][]string{"": {"own", "tollgate_session"}, "shared.test": {"own"}, "demo.shared.test": {"own", "tollgate_session"}} {
		e := newEdge(t, edgeOptions{domain: "shared.test"})
		g := wsGateway(b.url, wsSpec)
		g.Hosts = []string{"demo.shared.test"}
		g.Upstreams[0].Sessions = &contract.Sessions{By: "cookie", Cookie: &contract.SessionCookie{Domain: domain}}
		e.serve(g)
		for kind, fields := range map[string]string{"an answer": "", "a handshake": wsHandshake} {
			s := e.dial()
			must(t, s.SetDeadline(time.Now().Add(10*time.Second)))
			_, err := io.WriteString(s.Conn, "GET / HTTP/1.1\r\nHost: demo.shared.test\r\n"+fields+"\r\n")
			must(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(s.Conn), nil)
			must(t, err)
			var got []string
			for _, c := range resp.Cookies() {
				got = append(got, c.Name)
			}
			if !slices.Equal(got, want) || fields != "" && resp.Header.Get("Sec-WebSocket-Accept") != accept {
				t.Errorf("session cookie for %q, %s: %s sets %v", domain, kind, resp.Status, got)
			}
		}
	}
}

// TestBreakerAnswers: a target that hangs is left alone: 503 circuit_open with
// Retry-After, and nothing is sent.
func TestBreakerAnswers(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	hung, asked := counting(t, "")
	g := plain(hung.url)
	g.Upstreams[0].Breaker = &contract.CircuitBreaker{MaxConcurrent: 3}
	e.serve(g)
	for range 3 {
		e.dial().send(get("/hang"))
	}
	eventually(t, func() bool { return asked.Load() == 3 })
	for range 5 {
		if m := e.once(get("/")); m.status() != 503 || m.code() != "circuit_open" || m.get("Retry-After") == "" {
			t.Error(m.line, m.code())
		}
	}
	if asked.Load() != 3 {
		t.Errorf("%d requests were sent", asked.Load())
	}
}

// TestRetryOfTheOnlyTarget: where there is no other target a request that can be
// repeated goes to the same one after a pause, and a POST never.
func TestRetryOfTheOnlyTarget(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	var n atomic.Int64
	m := newMortal(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	g := plain(m.url())
	g.Upstreams[0].Retries = &contract.Retries{On: []string{"500"}, Backoff: lasting(time.Millisecond)}
	e.serve(g)
	if a := e.once(get("/")); a.status() != 200 || n.Load() != 2 {
		t.Errorf("%s after %d tries", a.line, n.Load())
	}
	if a := e.once(post("x")); a.status() != 500 || n.Load() != 3 {
		t.Errorf("%s after %d tries", a.line, n.Load())
	}
}

// TestHeldAnswerStalls: an answer that is taken after all, since no target has room
// for a further try, is held to its time as any other.
func TestHeldAnswerStalls(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	url := h2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "part")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	})
	e := newEdge(t, edgeOptions{})
	g := withProtocol(plain(url), "h2c")
	u := &g.Upstreams[0]
	u.MaxRequests, u.Timeouts = 1, &contract.Timeouts{Idle: lasting(300 * time.Millisecond)}
	u.Retries = &contract.Retries{On: []string{"503"}, Backoff: lasting(time.Millisecond)}
	e.serve(g)
	s := e.dial()
	s.send(get("/"))
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("the backend may stall for ever")
	}
}

// TestDrainEndsStreams: a target that is taken out gets no new request at once;
// what streams from it may go on until the drain's end, no longer.
func TestDrainEndsStreams(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	old := newMortal(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "tick\n"); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	fresh := newMortal(t, "127.0.0.1:0", ok)
	g := plain(old.url())
	e.serve(g)
	resp, err := http.DefaultTransport.RoundTrip(e.request(http.MethodGet))
	must(t, err)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for range 3 {
		_, err := r.ReadString('\n')
		must(t, err)
	}
	g = plain(fresh.url())
	g.Upstreams[0].DrainTimeout = lasting(500 * time.Millisecond)
	e.serve(g)
	for range 5 {
		if m := e.once(get("/")); m.status() != 200 {
			t.Error(m.line)
		}
	}
	if old.served.Load() != 1 || fresh.served.Load() != 5 {
		t.Errorf("%d and %d served", old.served.Load(), fresh.served.Load())
	}
	ticks := 0
	for err = nil; err == nil; ticks++ {
		_, err = r.ReadString('\n')
	}
	if err == io.EOF || ticks < 3 {
		t.Errorf("%d more pieces, then %v", ticks, err)
	}
}
