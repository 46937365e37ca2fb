package chaos

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// origin is a backend in the test's own process, which can be made slow, failing
// or dead while it is asked.
type origin struct {
	name    string
	url     string
	srv     *http.Server
	ln      net.Listener
	delay   atomic.Int64 // ns
	fail    atomic.Int64 // percent of the answers that are 500
	closing atomic.Int64 // percent of the answers after which the idle connection is closed
	served  atomic.Int64
	now     atomic.Int64
	most    atomic.Int64
	last    atomic.Int64 // when it was last asked, Unix ns
	status  atomic.Int64 // of every answer; 0: 200
	resets  atomic.Bool  // it resets connections instead of answering
	frozen  atomic.Bool  // it takes requests and says nothing
	done    chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]bool
	posts map[string]int // by body
}

func newOrigin(t testing.TB, name string) *origin {
	t.Helper()
	return newOriginAt(t, name, "127.0.0.1:0")
}

// newOriginAt listens at an address of this host.
func newOriginAt(t testing.TB, name, addr string) *origin {
	t.Helper()
	o := &origin{name: name, conns: map[net.Conn]bool{}, posts: map[string]int{}, done: make(chan struct{})}
	var err error
	if o.ln, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	o.url = "http://" + o.ln.Addr().String()
	o.srv = &http.Server{Handler: o, ConnState: o.state}
	go func() { _ = o.srv.Serve(&gate{o.ln, o}) }()
	t.Cleanup(o.kill)
	t.Cleanup(func() { close(o.done) })
	return o
}

// state closes connections that have become idle, at random, as an origin with a
// short keep-alive does.
func (o *origin) state(c net.Conn, s http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch s {
	case http.StateNew:
		o.conns[c] = true
	case http.StateClosed:
		delete(o.conns, c)
	case http.StateIdle:
		if rand.Int64N(100) < o.closing.Load() {
			time.AfterFunc(time.Duration(rand.Int64N(int64(5*time.Millisecond))), func() { _ = c.Close() })
		}
	}
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := o.now.Add(1)
	defer o.now.Add(-1)
	for have := o.most.Load(); n > have && !o.most.CompareAndSwap(have, n); have = o.most.Load() {
	}
	o.served.Add(1)
	o.last.Store(time.Now().UnixNano())
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost {
		o.mu.Lock()
		o.posts[string(body)]++
		o.mu.Unlock()
	}
	time.Sleep(time.Duration(o.delay.Load()))
	if o.frozen.Load() {
		<-o.done
	}
	if o.resets.Load() {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
		return
	}
	if n := o.status.Load(); n != 0 {
		w.WriteHeader(int(n))
	} else if rand.Int64N(100) < o.fail.Load() {
		w.WriteHeader(http.StatusInternalServerError)
	}
	fmt.Fprint(w, o.name)
}

// kill does what the death of a process does: the socket closes and every
// connection is reset.
func (o *origin) kill() {
	_ = o.ln.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// gate is a listener that hands nothing on once its origin is frozen.
type gate struct {
	net.Listener
	o *origin
}

// Accept is of net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err == nil && g.o.frozen.Load() {
		<-g.o.done
		_ = c.Close()
		return nil, net.ErrClosed
	}
	return c, err
}

// hole makes the origin a black hole: what is connected gets no answer, and new
// connections are neither made nor refused, since the queue of those that wait to
// be accepted is full.
func (o *origin) hole(t testing.TB) {
	t.Helper()
	o.frozen.Store(true)
	raw, err := o.ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	for range 16 {
		c, err := net.DialTimeout("tcp", o.ln.Addr().String(), 50*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue of connections never fills")
}

// rawOrigin answers each path with bytes of its own, or with the path.
func rawOrigin(t testing.TB, answers map[string]func(c net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					if f := answers[req.URL.Path]; f != nil {
						f(c)
						continue
					}
					if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(req.URL.Path), req.URL.Path); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}
