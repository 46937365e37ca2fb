package engine_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/call"
	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/listen"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// testEdge is an engine with real rooms behind it, on loopback.
type testEdge struct {
	*engine.Engine
	t     testing.TB
	store *snapshot.Store
	root  *contract.RootKeys
	clock *clock.Clock
	*listen.Server
	addr    string
	tlsAddr string
	logs    *lockedBuffer
	version uint64
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// edgeOptions change what newEdge makes.
type edgeOptions struct {
	metrics  *observe.Metrics // nil: nothing is counted
	limits   engine.Limits
	trusted  []netip.Prefix
	policies []*policy.Descriptor
	perIP    int
	domain   string // under which gateways have their hosts; "" is localhost
	guard    *shed.Guard
	cache    *respcache.Store // nil: nothing is stored
	log      io.Writer        // the access log's lines; nil: there is none
	cert     *tls.Certificate // nil: one that signs itself
	tracing  observe.Tracing  // the operator's
	export   func([]byte)     // takes the records that it exports
}

func newEdge(t testing.TB, o edgeOptions) *testEdge {
	t.Helper()
	root, err := contract.NewRootKeys(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	ck := clock.New()
	logs := &lockedBuffer{}
	logger := slog.New(slog.NewTextHandler(logs, nil))
	guard := &match.Guard{AllowPrivate: true}
	pools, err := transport.New(transport.Config{Guard: guard, Logger: logger})
	must(t, err)
	reg, err := balance.New(balance.Config{
		Guard: guard, Open: pools.Open, Now: ck.Boot, Wall: func() int64 { return time.Now().UnixMilli() },
	})
	must(t, err)
	m, err := meter.Open(meter.Config{Dir: t.TempDir(), Edge: "edge-1", Epoch: 1, Keys: &root.Edge, Logger: logger})
	must(t, err)
	byType := map[string]*policy.Descriptor{}
	for _, d := range o.policies {
		byType[d.Type] = d
	}
	var caches func(string, uint64) policy.Cache
	if o.cache != nil {
		caches = func(id string, org uint64) policy.Cache { return o.cache.Of(id, org) }
	}
	store := snapshot.New(snapshot.Config{
		CacheFor: caches,
		Keys:     &root.Edge, Upstreams: reg, Now: ck.Boot, Logger: logger,
		CompileTime: time.Minute, // a busy machine's
		Lookup:      func(typ string) (*policy.Descriptor, bool) { d, ok := byType[typ]; return d, ok },
		Deps:        policy.Deps{Wall: time.Now},
		CallerOf:    func(up *balance.Upstream) policy.Caller { return call.New(up, ck.Boot) },
		OrgLimits:   func(*contract.Organization) snapshot.OrgLimits { return noLimits{} },
	})
	access := accessLog(root, o, logger)
	eng, err := engine.New(engine.Config{
		Edge: "edge-1", Domain: cmp.Or(o.domain, "localhost"), Table: store.Table(), Meter: m, Clock: ck,
		Trusted: o.trusted, Limits: o.limits, Logger: logger, Guard: o.guard, Log: access, Tracing: o.tracing, Metrics: o.metrics,
	})
	must(t, err)
	store.Table().SetComplete()
	e := &testEdge{Engine: eng, t: t, store: store, root: root, clock: ck, logs: logs}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	run := func(f func(context.Context) error) {
		wg.Add(1)
		go func() { defer wg.Done(); _ = f(ctx) }()
	}
	run(eng.Run)
	if access != nil {
		run(access.Run)
	}
	if o.cache != nil {
		run(o.cache.Run)
	}
	run(pools.Run)
	run(m.Run)
	cert := o.cert
	if cert == nil {
		cert = selfSigned(t)
	}
	lc := listen.Config{
		Engine: eng, Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0", Trusted: o.trusted, MaxConnsPerIP: o.perIP, Logger: logger,
		Guard: o.guard, Table: store.Table(), Now: ck.Boot,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil },
	}
	lc.HTTP3.Required = true
	ls, err := listen.New(lc)
	for i := 0; i < 5 && err != nil; i++ { // somebody may hold the UDP port of the TCP port that was free
		ls, err = listen.New(lc)
	}
	must(t, err)
	e.Server, e.addr, e.tlsAddr = ls, ls.Addrs()[0].String(), ls.Addrs()[1].String()
	run(ls.Run)
	t.Cleanup(func() {
		cancel()
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Error("the edge did not stop")
		}
	})
	org := contract.Organization{Schema: contract.SchemaVersion, ID: "org_1", Num: 1, Version: 1, Plan: "pro", PlanNum: 2}
	raw, err := contract.SignDocument(root.Signer, contract.KindOrganization, 1, org)
	must(t, err)
	_, err = store.Organization(raw, snapshot.Apply{ID: "org_1"})
	must(t, err)
	return e
}

func accessLog(root *contract.RootKeys, o edgeOptions, logger *slog.Logger) *observe.Log {
	if o.log == nil && o.export == nil {
		return nil
	}
	return observe.NewLog(observe.LogConfig{Edge: "edge-1", Keys: &root.Edge, Out: o.log, Logger: logger, Export: o.export})
}

type noLimits struct{}

func (noLimits) Update(*contract.Organization) {}

// serve puts a gateway in force.
func (e *testEdge) serve(g contract.Gateway) {
	e.t.Helper()
	e.version++
	g.Schema, g.Version, g.Organization, g.OrganizationNum = contract.SchemaVersion, e.version, "org_1", 1
	if g.ID == "" {
		g.ID, g.Num, g.Name = "gw_1", 1, "demo"
	}
	if g.Mode == "" {
		g.Mode = contract.ModeLive
	}
	if g.Hosts == nil {
		g.Hosts = []string{"demo.localhost"}
	}
	raw, err := contract.SignDocument(e.root.Signer, contract.KindGateway, g.Version, g)
	must(e.t, err)
	_, err = e.store.Gateway(context.Background(), raw, snapshot.Apply{ID: g.ID, Compile: true})
	must(e.t, err)
	if f := e.store.Failed(); len(f) > 0 {
		e.t.Fatalf("gateway refused: %+v", f)
	}
}

// plain is a gateway with one public route to the backends.
func plain(urls ...string) contract.Gateway {
	u := contract.Upstream{Name: "up", ID: "up_1", Num: 1}
	for _, a := range urls {
		u.Targets = append(u.Targets, contract.Target{URL: a})
	}
	return contract.Gateway{
		Upstreams: []contract.Upstream{u},
		Routes:    []contract.Route{{Name: "all", ID: "rt_1", Num: 1, Match: contract.Match{Path: "/*"}, Upstream: "up", Public: true}},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rawBackend is a backend that speaks bytes. handle gets each connection.
type rawBackend struct {
	url   string
	mu    sync.Mutex
	conns int
	seen  bytes.Buffer // everything that came, over all connections
}

func newBackend(t testing.TB, handle func(b *rawBackend, c net.Conn)) *rawBackend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b := &rawBackend{url: "http://" + ln.Addr().String()}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if open == nil { // it came as the test ended
				mu.Unlock()
				_ = c.Close()
				return
			}
			open[c] = true
			mu.Unlock()
			b.mu.Lock()
			b.conns++
			b.mu.Unlock()
			wg.Add(1)
			go func() {
				defer wg.Done()
				handle(b, recorded{c, b})
				_ = c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		open = nil
		mu.Unlock()
		wg.Wait()
	})
	return b
}

// recorded keeps what is read from a connection.
type recorded struct {
	net.Conn
	b *rawBackend
}

func (r recorded) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.b.mu.Lock()
	r.b.seen.Write(p[:n])
	r.b.mu.Unlock()
	return n, err
}

func (b *rawBackend) received() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen.String()
}

func (b *rawBackend) connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conns
}

// answers makes a backend that reads whole requests and answers each with the
// same bytes.
func answers(t testing.TB, answer string) *rawBackend {
	return newBackend(t, func(b *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, err := readMessage(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	})
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

// message is a message as it came: its head and its decoded body.
type message struct {
	line   string
	header [][2]string
	body   string
	trail  [][2]string
}

func (m *message) get(name string) string {
	for _, f := range m.header {
		if strings.EqualFold(f[0], name) {
			return f[1]
		}
	}
	return ""
}

func (m *message) status() int {
	var s int
	_, _ = fmt.Sscanf(m.line, "HTTP/1.1 %d", &s)
	return s
}

// code is the edge's error code, "" when a backend answered.
func (m *message) code() string { return m.get("Tollgate-Error") }

// readMessage reads one message with a reader of its own making: it must not
// share code with what is tested.
func readMessage(r *bufio.Reader) (*message, error) {
	m := &message{}
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	m.line = strings.TrimRight(line, "\r\n")
	if m.header, err = readFields(r); err != nil {
		return nil, err
	}
	return m, readBody(r, m, false)
}

func readFields(r *bufio.Reader) (out [][2]string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return out, nil
		}
		name, value, _ := strings.Cut(line, ":")
		out = append(out, [2]string{name, strings.TrimSpace(value)})
	}
}

func readBody(r *bufio.Reader, m *message, toClose bool) error {
	switch {
	case strings.EqualFold(m.get("Transfer-Encoding"), "chunked"):
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			var n int
			if _, err := fmt.Sscanf(line, "%x", &n); err != nil {
				return err
			}
			if n == 0 {
				m.trail, err = readFields(r)
				return err
			}
			b := make([]byte, n+2)
			if _, err := io.ReadFull(r, b); err != nil {
				return err
			}
			m.body += string(b[:n])
		}
	case m.get("Content-Length") != "":
		var n int
		if _, err := fmt.Sscanf(m.get("Content-Length"), "%d", &n); err != nil {
			return err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		m.body = string(b)
	case toClose:
		b, err := io.ReadAll(r)
		m.body = string(b)
		return err
	}
	return nil
}

// session is a raw client connection.
type session struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (e *testEdge) dial() *session {
	e.t.Helper()
	c, err := net.Dial("tcp", e.addr)
	must(e.t, err)
	e.t.Cleanup(func() { _ = c.Close() })
	must(e.t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return &session{t: e.t, Conn: c, r: bufio.NewReader(c)}
}

func (s *session) send(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		s.t.Fatal(err)
	}
}

// answer reads one answer to a request that was not HEAD.
func (s *session) answer() *message {
	s.t.Helper()
	m, err := readMessage(s.r)
	if err != nil {
		s.t.Fatalf("no answer: %v", err)
	}
	return m
}

// ended checks that the edge closes the connection and sends nothing more.
func (s *session) ended() {
	s.t.Helper()
	b, err := io.ReadAll(s.r)
	var ne net.Error
	if len(b) > 0 || err != nil && errors.As(err, &ne) && ne.Timeout() {
		s.t.Fatalf("the connection is not closed: %q %v", b, err)
	}
}

// once sends a request on a connection of its own and returns the answer.
func (e *testEdge) once(text string) *message {
	e.t.Helper()
	s := e.dial()
	s.send(text)
	return s.answer()
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: demo.localhost\r\n\r\n" }

func jsonOf(t testing.TB, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return v
}

// selfSigned makes a certificate for *.localhost.
func selfSigned(t testing.TB) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost", "*.localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	must(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newReader(c net.Conn) *bufio.Reader { return bufio.NewReaderSize(c, 32<<10) }
