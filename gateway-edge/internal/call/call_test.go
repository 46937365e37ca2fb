package call_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/call"
	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/testport"
)

// caller makes the Caller of an upstream, put in force.
func caller(t *testing.T, guard *match.Guard, doc *contract.Upstream) policy.Caller {
	t.Helper()
	ck := clock.New()
	here := func(context.Context, string) ([]netip.Addr, error) { // whatever the name
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	pools, err := transport.New(transport.Config{Guard: guard, Logger: slog.New(slog.DiscardHandler), Lookup: here})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := balance.New(balance.Config{
		Guard: guard, Open: pools.Open, Now: ck.Boot, Wall: func() int64 { return time.Now().UnixMilli() },
	})
	if err != nil {
		t.Fatal(err)
	}
	doc.Name = "up"
	up, err := reg.Upstream(balance.Key{Organization: 1, Upstream: 1}, doc)
	if err != nil {
		t.Fatal(err)
	}
	reg.Apply("gw", []*balance.Upstream{up})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = pools.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return call.New(up, ck.Boot)
}

func private() *match.Guard { return &match.Guard{AllowPrivate: true} }

func upstream(urls ...string) *contract.Upstream {
	u := &contract.Upstream{}
	for _, a := range urls {
		u.Targets = append(u.Targets, contract.Target{URL: a})
	}
	return u
}

// backend counts its connections.
func backend(t *testing.T, h http.HandlerFunc) (url string, conns *atomic.Int32) {
	t.Helper()
	conns = new(atomic.Int32)
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, conns
}

func TestCall(t *testing.T) {
	t.Parallel()
	url, conns := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Saw", strings.Join([]string{r.Method, r.RequestURI, r.Host, r.Header.Get("X-One"), r.Header.Get("Connection"), r.Header.Get("Via")}, " "))
		w.Header().Set("Tollgate-Error", "forged")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(body)
	})
	c := caller(t, private(), upstream(url))
	for range 3 {
		got, err := c.Call(context.Background(), &policy.CallRequest{
			Method: "POST", Host: "api.example", Path: "/a/b", Query: "c=d",
			Header: map[string][]string{"X-One": {"1"}, "Connection": {"close"}, "Host": {"evil"}, "Content-Length": {"1"}},
			Body:   []byte("hello"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != 418 || string(got.Body) != "hello" || got.Header["X-Saw"][0] != "POST /a/b?c=d api.example 1  1.1 tollgate" {
			t.Errorf("%d %q %v", got.Status, got.Body, got.Header)
		}
		if _, ok := got.Header["Tollgate-Error"]; ok {
			t.Error("a field that only the edge says came from a backend")
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for three calls", n)
	}
}

// TestHead: what an answer says of a body that does not come is no body.
func TestHead(t *testing.T) {
	t.Parallel()
	url, conns := backend(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5000") })
	c := caller(t, private(), upstream(url))
	for range 2 {
		got, err := c.Call(context.Background(), &policy.CallRequest{Method: "HEAD", Limit: 100})
		if err != nil || got.Status != 200 || len(got.Body) > 0 {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for two calls", n)
	}
}

// TestRefused: what would be another request on the wire is not sent.
func TestRefused(t *testing.T) {
	t.Parallel()
	url, conns := backend(t, func(http.ResponseWriter, *http.Request) {})
	c := caller(t, private(), upstream(url))
	for name, r := range map[string]policy.CallRequest{
		"method":       {Method: "GET /evil"},
		"connect":      {Method: "CONNECT"},
		"path":         {Path: "/a/../b"},
		"two slashes":  {Path: "//evil.example/"},
		"space":        {Path: "/a b"},
		"query":        {Query: "a=b HTTP/1.1"},
		"line":         {Query: "a=b\r\nX: y"},
		"host":         {Host: "a\r\nX-Evil: b"},
		"field":        {Header: map[string][]string{"X-A": {"b\r\nX-Evil: c"}}},
		"field's name": {Header: map[string][]string{"X A": {"b"}}},
	} {
		_, err := c.Call(context.Background(), &r)
		if policy.CodeOf(err) != contract.CodeRequestInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if conns.Load() != 0 {
		t.Error("something was sent")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	slow, _ := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	long, _ := backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 5000)) })
	closed := fmt.Sprintf("http://127.0.0.1:%d", testport.Free(t))
	perTry := upstream(slow)
	perTry.Timeouts = &contract.Timeouts{PerTry: contract.Duration(30 * time.Millisecond)}
	for name, c := range map[string]struct {
		guard *match.Guard
		up    *contract.Upstream
		r     policy.CallRequest
		code  contract.Code
	}{
		"slow":         {private(), upstream(slow), policy.CallRequest{Timeout: 30 * time.Millisecond}, contract.CodeUpstreamTimeout},
		"a slow try":   {private(), perTry, policy.CallRequest{Method: "POST"}, contract.CodeUpstreamTimeout},
		"too long":     {private(), upstream(long), policy.CallRequest{Limit: 4999}, contract.CodeUpstreamProtocol},
		"refused":      {private(), upstream(closed), policy.CallRequest{}, contract.CodeUpstreamUnavailable},
		"malformed":    {private(), upstream(raw(t, "HTTP/9 what\r\n\r\n")), policy.CallRequest{Method: "POST"}, contract.CodeUpstreamProtocol},
		"switched":     {private(), upstream(raw(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")), policy.CallRequest{}, contract.CodeUpstreamProtocol},
		"endless head": {private(), upstream(raw(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100_000))), policy.CallRequest{}, contract.CodeUpstreamProtocol},
		"cut":          {private(), upstream(raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")), policy.CallRequest{Method: "POST"}, contract.CodeUpstreamReset},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := caller(t, c.guard, c.up).Call(context.Background(), &c.r)
			if policy.CodeOf(err) != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
		})
	}
}

// raw is a backend that answers the same bytes and closes.
func raw(t *testing.T, answer string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, answer)
				}
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return "http://" + ln.Addr().String()
}

// TestOtherTarget: a target that can't be reached costs nothing but a try, and is
// out of service after a few.
func TestOtherTarget(t *testing.T) {
	t.Parallel()
	good, _ := backend(t, func(http.ResponseWriter, *http.Request) {})
	bad := fmt.Sprintf("http://127.0.0.1:%d", testport.Free(t))
	c := caller(t, private(), upstream(bad, good))
	for i := range 20 {
		if _, err := c.Call(context.Background(), &policy.CallRequest{Method: "POST"}); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

// TestForbidden: the guard judges the address that is connected to.
func TestForbidden(t *testing.T) {
	t.Parallel()
	url, conns := backend(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	c := caller(t, &match.Guard{}, upstream("http://localhost.localdomain.example:"+port))
	_, err := c.Call(context.Background(), &policy.CallRequest{})
	if policy.CodeOf(err) != contract.CodeUpstreamForbiddenAddress {
		t.Errorf("%v", err)
	}
	if conns.Load() != 0 {
		t.Error("the guard let it pass")
	}
}

// TestHash: hashing goes by what is sent.
func TestHash(t *testing.T) {
	t.Parallel()
	var urls []string
	for range 4 {
		name := string(rune('a' + len(urls)))
		u, _ := backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
		urls = append(urls, u)
	}
	up := upstream(urls...)
	up.Algorithm, up.HashOn = contract.ConsistentHash, &contract.HashOn{Source: "header", Name: "X-User"}
	c := caller(t, private(), up)
	seen := map[string]bool{}
	for user := range 32 {
		var first string
		for i := range 3 {
			got, err := c.Call(context.Background(), &policy.CallRequest{Header: map[string][]string{"X-User": {string(rune('A' + user))}}})
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = string(got.Body)
			} else if string(got.Body) != first {
				t.Errorf("user %d went to %s and %s", user, first, got.Body)
			}
		}
		seen[first] = true
	}
	if len(seen) < 2 {
		t.Error("all went to one target")
	}
}

// TestCancelled: a caller that gave up blames nobody, and leaves no connection
// that somebody else's answer could come on.
func TestCancelled(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var paths []string
	url, _ := backend(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.URL.Path)
		mu.Unlock()
		if r.URL.Path == "/slow" {
			time.Sleep(60 * time.Millisecond)
		}
		_, _ = io.WriteString(w, r.URL.Path)
	})
	c := caller(t, private(), upstream(url))
	for range 5 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		_, err := c.Call(ctx, &policy.CallRequest{Path: "/slow"})
		cancel()
		var ce *policy.CallError
		if !errors.As(err, &ce) {
			t.Fatalf("%v", err)
		}
		got, err := c.Call(context.Background(), &policy.CallRequest{Path: "/fast"})
		if err != nil || string(got.Body) != "/fast" {
			t.Fatalf("%v %v", got, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Contains(paths, "/slow") {
		t.Error("the slow path was never asked for")
	}
}

// TestHTTP2 speaks h2c.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Proto+" "+r.RequestURI+" "+string(body))
	}))
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	s.Config.Protocols = p
	s.Start()
	t.Cleanup(s.Close)
	up := upstream(s.URL)
	up.Protocol = "h2c"
	got, err := caller(t, private(), up).Call(context.Background(), &policy.CallRequest{Method: "POST", Path: "/x", Query: "y", Body: []byte("z")})
	if err != nil || string(got.Body) != "HTTP/2.0 /x?y z" {
		t.Errorf("%v %v", got, err)
	}
}
