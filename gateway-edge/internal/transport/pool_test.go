package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

var open = &match.Guard{AllowPrivate: true}

// newPools makes pools whose Run is ended by the test.
func newPools(t testing.TB, cfg Config) *Pools {
	t.Helper()
	if cfg.Guard == nil {
		cfg.Guard = open
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *Pools) pool(t testing.TB, url string, edit ...func(*balance.Spec)) *Pool {
	t.Helper()
	u, err := open.CheckUpstreamURL(url)
	if err != nil {
		t.Fatal(err)
	}
	s := balance.Spec{Organization: 1, Upstream: 1, URL: u, Protocol: "http1", Connect: time.Second, MaxIdle: 4, IdleTimeout: time.Minute}
	for _, e := range edit {
		e(&s)
	}
	b, err := p.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return b.(*Pool)
}

// echo accepts connections and gives each to handle; it returns its URL.
func echo(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go handle(c)
		}
	}()
	return "http://" + ln.Addr().String()
}

func copyBack(c net.Conn) {
	_, _ = io.Copy(c, c)
	_ = c.Close()
}

func get(t testing.TB, p *Pool) *Conn {
	t.Helper()
	c, err := take(p, t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// roundTrip sends a byte and gets it back.
func roundTrip(t testing.TB, c *Conn) {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	var b [2]byte
	if n, err := c.Read(b[:]); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func TestPoolReuses(t *testing.T) {
	t.Parallel()
	p := newPools(t, Config{}).pool(t, echo(t, copyBack))
	a := get(t, p)
	if a.Reused || a.Raw == nil {
		t.Error("a new connection is called reused, or has no RawConn")
	}
	roundTrip(t, a)
	b := get(t, p)
	if b == a {
		t.Fatal("one connection for two")
	}
	p.Put(b, p.pools.now())
	p.Put(a, p.pools.now())
	if c := get(t, p); c != a || !c.Reused {
		t.Error("not the one used last")
	}
	roundTrip(t, a)
	p.Discard(a)
	if n := p.open.Load(); n != 1 {
		t.Errorf("%d open", n)
	}
	p.Close()
	if n := p.open.Load(); n != 0 || p.quota.open.Load() != 0 {
		t.Errorf("%d open", n)
	}
}

// TestPoolIsTheTenants is finding 3: nothing is shared past organization,
// upstream, address and TLS identity, and all is within them.
func TestPoolIsTheTenants(t *testing.T) {
	t.Parallel()
	ps := newPools(t, Config{})
	base := ps.pool(t, "https://127.0.0.1:9443")
	if ps.pool(t, "https://127.0.0.1:9443/") != base {
		t.Error("the same spec has another pool")
	}
	ca := testCA(t)
	for name, edit := range map[string]func(*balance.Spec){
		"organization": func(s *balance.Spec) { s.Organization = 2 },
		"upstream":     func(s *balance.Spec) { s.Upstream = 2 },
		"CA":           func(s *balance.Spec) { s.TLS.CAPEM = ca.pem },
		"verification": func(s *balance.Spec) { s.TLS.SkipVerify = true },
		"protocol":     func(s *balance.Spec) { s.Protocol = "h2" },
	} {
		if ps.pool(t, "https://127.0.0.1:9443", edit) == base {
			t.Errorf("another %s, the same pool", name)
		}
	}
	if ps.pool(t, "http://127.0.0.1:9443") == base {
		t.Error("clear text and TLS share a pool")
	}
}

// TestClosedByBackend: an idle connection that its backend closes is gone at
// once, without being used; one in use is not put back.
func TestClosedByBackend(t *testing.T) {
	t.Parallel()
	conns := make(chan net.Conn, 8)
	p := newPools(t, Config{}).pool(t, echo(t, func(c net.Conn) { conns <- c }))
	a := get(t, p)
	server := <-conns
	p.Put(a, p.pools.now())
	_ = server.Close()
	eventually(t, "the closed connection stays", func() bool { return p.open.Load() == 0 })
	b := get(t, p)
	server = <-conns
	_ = server.(*net.TCPConn).SetLinger(0)
	_ = server.Close()
	eventually(t, "a reset goes unnoticed", func() bool { return b.dead.Load() })
	p.Put(b, p.pools.now())
	if p.open.Load() != 0 || p.Idle(p.pools.now()) != nil {
		t.Error("a dead connection was kept")
	}
}

// TestUnaskedBytes is row B08: what a backend sends after its answer reaches
// nobody.
func TestUnaskedBytes(t *testing.T) {
	t.Parallel()
	conns := make(chan net.Conn, 8)
	p := newPools(t, Config{}).pool(t, echo(t, func(c net.Conn) { conns <- c }))
	a := get(t, p)
	server := <-conns
	p.Put(a, p.pools.now())
	if _, err := server.Write([]byte("HTTP/1.1 200 OK\r\n")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	if b := get(t, p); b == a || b.Reused {
		t.Error("a connection with unasked bytes was reused")
	}
}

func TestPoolLimits(t *testing.T) {
	t.Parallel()
	ps := newPools(t, Config{MaxConns: 3})
	url := echo(t, copyBack)
	p := ps.pool(t, url, func(s *balance.Spec) { s.MaxIdle = 1; s.IdleTimeout = time.Millisecond })
	other := ps.pool(t, echo(t, copyBack))
	var conns []*Conn
	for range 2 {
		conns = append(conns, get(t, p))
	}
	last := get(t, other)
	_, err := take(p, t.Context(), time.Time{})
	var e *Error
	if !errors.As(err, &e) || e.Code != contract.CodeOverloaded || e.Result() != balance.ResultNone {
		t.Fatalf("a fourth connection of three: %v", err)
	}
	other.Discard(last)
	for _, c := range conns {
		p.Put(c, p.pools.now())
	}
	if n := p.open.Load(); n != 1 {
		t.Errorf("%d idle of 1", n)
	}
	time.Sleep(5 * time.Millisecond)
	if !p.sweep(ps.now()) {
		t.Error("idle for too long, and still there")
	}
}

// TestRunEnds: everything idle is closed, nothing is kept afterwards, and no
// goroutine stays.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	ps, err := New(Config{Guard: open, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- ps.Run(ctx) }()
	p := ps.pool(t, echo(t, copyBack))
	a, b := get(t, p), get(t, p)
	p.Put(a, p.pools.now())
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := p.open.Load(); n != 1 {
		t.Errorf("%d open", n)
	}
	p.Put(b, p.pools.now())
	if n := p.open.Load(); n != 0 {
		t.Errorf("%d open", n)
	}
}

// TestPoolsAreForgotten: what no configuration holds and has no connection goes.
func TestPoolsAreForgotten(t *testing.T) {
	t.Parallel()
	ps := newPools(t, Config{})
	ps.pool(t, "http://127.0.0.1:9001")
	eventually(t, "the pool stays", func() bool {
		runtime.GC()
		ps.forget()
		ps.mu.Lock()
		defer ps.mu.Unlock()
		return len(ps.pools) == 0 && len(ps.quotas) == 0
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	p := newPools(t, Config{}).pool(t, echo(t, copyBack))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				c := get(t, p)
				roundTrip(t, c)
				if i%10 == 9 {
					p.Discard(c)
				} else {
					p.Put(c, p.pools.now())
				}
			}
		})
	}
	wg.Wait()
	p.Close()
	if n := p.open.Load(); n != 0 {
		t.Errorf("%d open", n)
	}
}

func TestReuseAllocatesNothing(t *testing.T) {
	p := newPools(t, Config{}).pool(t, echo(t, copyBack))
	p.Put(get(t, p), p.pools.now())
	if n := alloctest.PerRun(1000, func() {
		c, err := take(p, context.Background(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		p.Put(c, p.pools.now())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReuse(b *testing.B) {
	p := newPools(b, Config{}).pool(b, echo(b, copyBack))
	p.Put(get(b, p), p.pools.now())
	b.ReportAllocs()
	for b.Loop() {
		c, err := take(p, context.Background(), time.Time{})
		if err != nil {
			b.Fatal(err)
		}
		p.Put(c, p.pools.now())
	}
}

// take returns an idle connection, else a new one.
func take(p *Pool, ctx context.Context, deadline time.Time) (*Conn, error) {
	if c := p.Idle(p.pools.now()); c != nil {
		return c, nil
	}
	return p.Dial(ctx, deadline)
}
