package chaos

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
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
	o := &origin{name: name, conns: map[net.Conn]bool{}, posts: map[string]int{}}
	var err error
	if o.ln, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	o.url = "http://" + o.ln.Addr().String()
	o.srv = &http.Server{Handler: o, ConnState: o.state}
	go func() { _ = o.srv.Serve(o.ln) }()
	t.Cleanup(o.kill)
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
	if rand.Int64N(100) < o.fail.Load() {
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
