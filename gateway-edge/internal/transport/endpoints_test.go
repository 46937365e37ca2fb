package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
)

// records are what a name server of a test says: addresses by host, and records of
// services as "target port priority weight".
type records struct {
	mu    sync.Mutex
	addrs map[string][]string
	srv   map[string][]string
	err   error
}

func (r *records) lookup(_ context.Context, key nameKey) (out found, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out.ttl = 5 * time.Second
	for _, text := range r.srv[key.host] {
		var s net.SRV
		_, _ = fmt.Sscan(text, &s.Target, &s.Port, &s.Priority, &s.Weight)
		out.srv = append(out.srv, &s)
	}
	for _, a := range r.addrs[key.host] {
		out.addrs = append(out.addrs, netip.MustParseAddr(a))
	}
	return out, r.err
}

func (r *records) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// directory is what asks them, in a bubble of synctest; said is its log.
func (r *records) directory(t *testing.T, g *match.Guard) (p *Pools, said *bytes.Buffer) {
	said = &bytes.Buffer{}
	p, err := New(Config{Guard: g, Logger: slog.New(slog.NewTextHandler(said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.watch.stop)
	p.dialer.resolver.lookup = r.lookup
	time.Sleep(time.Second) // at the time 0 nothing has happened
	return p, said
}

// text writes endpoints as "address:port/priority*weight".
func text(p *Pools, u *match.URL) string {
	list, ok := p.Endpoints(1, u)
	if !ok {
		return "?"
	}
	var out []string
	for _, e := range list {
		one := e.Addr.String()
		if e.Weight > 0 {
			one += fmt.Sprintf("/%d*%d", e.Priority, e.Weight)
		}
		out = append(out, one)
	}
	return strings.Join(out, " ")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestEndpoints: addresses in a fixed order, asked for again when they run out, kept
// for a while when asking fails (B10).
func TestEndpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &records{addrs: map[string][]string{"a.example": {"10.0.2.2", "10.0.2.1", "10.0.2.2"}}}
		p, _ := r.directory(t, open)
		u, _ := open.CheckUpstreamURL("http://a.example:8080")
		look := func() string { got := text(p, u); synctest.Wait(); return got }
		want(t, "the question is under way", look(), "?")
		want(t, "two addresses", look(), "10.0.2.1:8080 10.0.2.2:8080")
		r.set(func() { r.addrs["a.example"] = []string{"10.0.2.3"} })
		want(t, "they hold", look(), "10.0.2.1:8080 10.0.2.2:8080")
		time.Sleep(6 * time.Second)
		look() // asks
		want(t, "they ran out", look(), "10.0.2.3:8080")
		r.set(func() { r.err = errors.New("SERVFAIL") })
		time.Sleep(4 * time.Minute)
		look()
		want(t, "nobody answers", look(), "10.0.2.3:8080")
		time.Sleep(2 * time.Minute)
		look()
		want(t, "for too long", look(), "")
		r.set(func() { r.err = nil })
		time.Sleep(2 * time.Second)
		look()
		want(t, "answered again", look(), "10.0.2.3:8080")
	})
}

// TestServiceEndpoints: each record's addresses with its port, priority and weight;
// a record whose name has none is left out.
func TestServiceEndpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &records{
			srv: map[string][]string{"_web._tcp.shop.example": {
				"b.example. 82 1 1", "two.example. 81 0 4", "none.example. 83 0 1", "zero.example. 84 0 0",
			}},
			addrs: map[string][]string{"b.example": {"10.0.2.4"}, "two.example": {"10.0.2.1", "10.0.2.2"}, "zero.example": {"10.0.2.3", "10.0.2.1"}},
		}
		p, _ := r.directory(t, open)
		u := srvURL(t, "_web._tcp")
		for range 8 { // the service's name, then one name after the other
			text(p, u)
			synctest.Wait()
		}
		want(t, "records", text(p, u), "10.0.2.1:81/0*512 10.0.2.1:84/0*1 10.0.2.2:81/0*512 10.0.2.3:84/0*1 10.0.2.4:82/1*256")
	})
}

// TestForbiddenEndpoint is B11: a name that has got an address inside leads nowhere,
// and that is told once.
func TestForbiddenEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &records{addrs: map[string][]string{"a.example": {"8.8.8.8"}}}
		p, said := r.directory(t, &match.Guard{})
		u, _ := open.CheckUpstreamURL("http://a.example:8080")
		text(p, u)
		synctest.Wait()
		want(t, "allowed", text(p, u), "8.8.8.8:8080")
		r.set(func() { r.addrs["a.example"] = []string{"8.8.8.8", "169.254.169.254"} })
		time.Sleep(6 * time.Second)
		for range 3 {
			text(p, u)
			synctest.Wait()
		}
		want(t, "one is forbidden", text(p, u), "")
		if n := strings.Count(said.String(), "forbidden address"); n != 1 {
			t.Errorf("told %d times: %s", n, said)
		}
	})
}

// TestReachable: with addresses of both families, those of one without a route are
// left out; this host's own always have one.
func TestReachable(t *testing.T) {
	t.Parallel()
	parse := func(list ...string) (out []netip.Addr) {
		for _, a := range list {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	if got := reachable(parse("127.0.0.1", "127.0.0.2")); len(got) != 2 {
		t.Error("one family", got)
	}
	if got := reachable(parse("::1", "2001:db8::1")); len(got) != 2 {
		t.Error("one family, perhaps without a route", got)
	}
	if got := reachable(parse("127.0.0.1", "fe80::1%nowhere", "127.0.0.2")); len(got) != 2 || !got[0].Is4() || !got[1].Is4() {
		t.Error("both families", got)
	}
}
