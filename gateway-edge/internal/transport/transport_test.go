package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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
	c, err := p.Get(t.Context(), time.Time{})
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
	for end := time.Now().Add(2 * time.Second); !ok(); time.Sleep(time.Millisecond) {
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
	p.Put(b)
	p.Put(a)
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
	p.Put(a)
	_ = server.Close()
	eventually(t, "the closed connection stays", func() bool { return p.open.Load() == 0 })
	b := get(t, p)
	server = <-conns
	_ = server.(*net.TCPConn).SetLinger(0)
	_ = server.Close()
	eventually(t, "a reset goes unnoticed", func() bool { return b.dead.Load() })
	p.Put(b)
	if p.open.Load() != 0 || p.Idle() != nil {
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
	p.Put(a)
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
	_, err := p.Get(t.Context(), time.Time{})
	var e *Error
	if !errors.As(err, &e) || e.Code != contract.CodeOverloaded || e.Result() != balance.ResultNone {
		t.Fatalf("a fourth connection of three: %v", err)
	}
	other.Discard(last)
	for _, c := range conns {
		p.Put(c)
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
	p.Put(a)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := p.open.Load(); n != 1 {
		t.Errorf("%d open", n)
	}
	p.Put(b)
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
					p.Put(c)
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
	p.Put(get(t, p))
	if n := testing.AllocsPerRun(1000, func() {
		c, err := p.Get(nil, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		p.Put(c)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReuse(b *testing.B) {
	p := newPools(b, Config{}).pool(b, echo(b, copyBack))
	p.Put(get(b, p))
	b.ReportAllocs()
	for b.Loop() {
		c, err := p.Get(nil, time.Time{})
		if err != nil {
			b.Fatal(err)
		}
		p.Put(c)
	}
}

// full is an address that takes no connection and refuses none: its queue is
// full.
func full(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*syscall.SockaddrInet4).Port)).String()
	for range 2 {
		if c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond); err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	return "http://" + addr
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	refused := "http://" + ln.Addr().String()
	stalled := echo(t, func(c net.Conn) { time.Sleep(2 * time.Second); _ = c.Close() })
	clear := echo(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); _ = c.Close() })
	var lookups atomic.Int64
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		lookups.Add(1)
		switch host {
		case "rebound.example":
			return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
		case "mixed.example":
			return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("169.254.169.254")}, nil
		case "mapped.example":
			return []netip.Addr{netip.MustParseAddr("::ffff:169.254.169.254")}, nil
		case "empty.example":
			return nil, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	ps := newPools(t, Config{Lookup: lookup})
	for name, c := range map[string]struct {
		url  string
		want contract.Code
	}{
		"refused (B01)":            {refused, contract.CodeUpstreamUnavailable},
		"black hole (B02)":         {full(t), contract.CodeUpstreamTimeout},
		"handshake stalls (B09)":   {strings.Replace(stalled, "http:", "https:", 1), contract.CodeUpstreamTimeout},
		"no TLS there (B09)":       {strings.Replace(clear, "http:", "https:", 1), contract.CodeUpstreamTLS},
		"no such name (B10)":       {"http://none.example", contract.CodeUpstreamDNS},
		"no address (B10)":         {"http://empty.example", contract.CodeUpstreamDNS},
		"rebound (B11, SSR06)":     {"http://rebound.example", contract.CodeUpstreamForbiddenAddress},
		"one of several (SSR06)":   {"http://mixed.example", contract.CodeUpstreamForbiddenAddress},
		"mapped into IPv6 (SSR04)": {"http://mapped.example", contract.CodeUpstreamForbiddenAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := ps.pool(t, c.url, func(s *balance.Spec) { s.Connect = 200 * time.Millisecond })
			begin := time.Now()
			_, err := p.Get(t.Context(), time.Now().Add(400*time.Millisecond))
			var e *Error
			if !errors.As(err, &e) || e.Code != c.want || CodeOf(err) != c.want || e.Result() != balance.ResultConnect {
				t.Errorf("%v, want %v", err, c.want)
			}
			if d := time.Since(begin); d > time.Second {
				t.Errorf("it took %v", d)
			}
			if p.open.Load() != 0 {
				t.Error("a failed dial is counted as open")
			}
		})
	}
}

// TestGuardHasTheLastWord: whatever is dialled, Control judges the address.
func TestGuardHasTheLastWord(t *testing.T) {
	t.Parallel()
	ps := newPools(t, Config{Guard: &match.Guard{}})
	for _, addr := range []string{"127.0.0.1:9000", "[::1]:9000", "10.0.0.1:80", "93.184.216.34:6379"} {
		if _, err := ps.DialContext(t.Context(), 1, "tcp", addr); CodeOf(err) != contract.CodeUpstreamForbiddenAddress {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if err := ps.dialer.control("tcp", "127.0.0.1:9000", nil); !match.IsForbidden(err) {
		t.Error(err)
	}
	if _, err := ps.DialContext(t.Context(), 1, "unix", "/run/x"); err == nil {
		t.Error("a unix socket was dialled")
	}
}

func TestCancelledDial(t *testing.T) {
	t.Parallel()
	p := newPools(t, Config{}).pool(t, full(t))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := p.Get(ctx, time.Time{})
	var e *Error
	if !errors.As(err, &e) || e.Result() != balance.ResultNone {
		t.Errorf("%v: a caller that went away counts against the target", err)
	}
}

type ca struct {
	pem  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func testCA(t testing.TB) *ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &ca{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), cert, key}
}

func (c *ca) issue(t testing.TB, host string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{host}, NotBefore: until.Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, c.cert, &key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestTLS is row B09: verified by the configured name, which is the SNI; never a
// downgrade.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority, stranger := testCA(t), testCA(t)
	good := authority.issue(t, "backend.example", time.Now().Add(time.Hour))
	for name, c := range map[string]struct {
		cert tls.Certificate
		edit func(*balance.Spec)
		ok   bool
	}{
		"good":              {good, func(s *balance.Spec) { s.TLS.CAPEM = authority.pem }, true},
		"expired":           {authority.issue(t, "backend.example", time.Now().Add(-time.Minute)), func(s *balance.Spec) { s.TLS.CAPEM = authority.pem }, false},
		"wrong host":        {authority.issue(t, "other.example", time.Now().Add(time.Hour)), func(s *balance.Spec) { s.TLS.CAPEM = authority.pem }, false},
		"another authority": {good, func(s *balance.Spec) { s.TLS.CAPEM = stranger.pem }, false},
		"system roots":      {good, func(*balance.Spec) {}, false},
		"not verified":      {good, func(s *balance.Spec) { s.TLS.SkipVerify = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sni atomic.Value
			cfg := &tls.Config{Certificates: []tls.Certificate{c.cert}, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { sni.Store(h.ServerName); return nil, nil }}
			url := echo(t, func(nc net.Conn) { copyBack(tls.Server(nc, cfg)) })
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
			ps := newPools(t, Config{Lookup: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}})
			p := ps.pool(t, "https://backend.example:"+port, c.edit)
			conn, err := p.Get(t.Context(), time.Time{})
			if (err == nil) != c.ok || !c.ok && CodeOf(err) != contract.CodeUpstreamTLS {
				t.Fatal(err)
			}
			if sni.Load() != "backend.example" {
				t.Errorf("SNI is %v", sni.Load())
			}
			if c.ok {
				roundTrip(t, conn)
				if conn.Raw != nil {
					t.Error("a TLS connection has a RawConn for the engine")
				}
				p.Put(conn)
				if again := get(t, p); again != conn {
					t.Error("not reused")
				}
				p.Discard(conn)
			}
		})
	}
}

// TestHTTP2: clear text and TLS, over the pool's own dialer, with the given
// authority and without redirects.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	authority := testCA(t)
	for _, protocol := range []string{"h2c", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "http://169.254.169.254/")
				w.WriteHeader(http.StatusFound)
				_, _ = io.WriteString(w, r.Proto+" "+r.Host+" "+r.URL.RequestURI())
			})}
			srv.Protocols.SetHTTP2(true)
			srv.Protocols.SetUnencryptedHTTP2(true)
			scheme := "http"
			if protocol == "h2" {
				scheme = "https"
				srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{authority.issue(t, "backend.example", time.Now().Add(time.Hour))}}
				go func() { _ = srv.ServeTLS(ln, "", "") }()
			} else {
				go func() { _ = srv.Serve(ln) }()
			}
			t.Cleanup(func() { _ = srv.Close() })
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			ps := newPools(t, Config{Lookup: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}})
			p := ps.pool(t, scheme+"://backend.example:"+port, func(s *balance.Spec) { s.Protocol = protocol; s.TLS.CAPEM = authority.pem })
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://x/a%2Bb?c=1;d", nil)
			req.Host = "api.example"
			resp, err := p.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != 302 || string(body) != "HTTP/2.0 api.example /a%2Bb?c=1;d" {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if _, err := ps.pool(t, "http://127.0.0.1:1234").RoundTrip(req); err == nil {
				t.Error("a pool of HTTP/1.1 spoke HTTP/2")
			}
		})
	}
	// The dialer's error comes through.
	ps := newPools(t, Config{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	p := ps.pool(t, "http://"+ln.Addr().String(), func(s *balance.Spec) { s.Protocol = "h2c" })
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://x/", nil)
	_, err = p.RoundTrip(req)
	var e *Error
	if !errors.As(err, &e) || e.Code != contract.CodeUpstreamUnavailable {
		t.Errorf("%T %v", err, err)
	}
}
