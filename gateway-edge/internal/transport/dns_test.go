package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// message is a DNS answer for a.example with address records of these TTLs.
func message(ttls ...uint32) []byte {
	m := []byte{0, 1, 0x81, 0x80, 0, 1, 0, byte(len(ttls)), 0, 0, 0, 0, 1, 'a', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1}
	for _, t := range ttls {
		m = append(m, 0xc0, 12, 0, 1, 0, 1, byte(t>>24), byte(t>>16), byte(t>>8), byte(t), 0, 4, 192, 0, 2, 1)
	}
	return m
}

func TestShortestTTL(t *testing.T) {
	t.Parallel()
	if ttl, ok := shortestTTL(message(300, 7, 60)); !ok || ttl != 7 {
		t.Error(ttl, ok)
	}
	if ttl, ok := shortestTTL(message(0)); !ok || ttl != 1 {
		t.Error(ttl, ok)
	}
	if _, ok := shortestTTL(message()); ok {
		t.Error("no answers have a TTL")
	}
}

func FuzzShortestTTL(f *testing.F) {
	f.Add(message(1, 2))
	f.Add(message(1)[:30])
	f.Fuzz(func(t *testing.T, m []byte) {
		if ttl, ok := shortestTTL(m); ok && ttl == 0 {
			t.Error("a TTL of nothing")
		}
	})
}

// TestTTL: an answer is asked for again when it has run out, not before, and the
// last good one stays when asking fails (B10).
func TestTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z, r := newZone()
		var ttl atomic.Int64
		r.lookup = func(ctx context.Context, key nameKey) (found, error) {
			addrs, err := z.lookup(ctx, key.host)
			return found{addrs: addrs, ttl: time.Duration(ttl.Load())}, err
		}
		ask := func() string {
			a, err := r.resolve(t.Context(), 1, "a.example")
			if err != nil {
				return err.Error()
			}
			return a[0].String()
		}
		ttl.Store(int64(5 * time.Second))
		z.set(nil, 0, "192.0.2.1")
		if got := ask(); got != "192.0.2.1" {
			t.Fatal(got)
		}
		z.set(nil, 0, "192.0.2.2")
		time.Sleep(4 * time.Second)
		if got := ask(); got != "192.0.2.1" || z.asked.Load() != 1 {
			t.Error("asked before the TTL was over", got)
		}
		time.Sleep(2 * time.Second)
		if got := ask(); got != "192.0.2.2" {
			t.Error("not asked after the TTL", got)
		}
		z.set(errors.New("SERVFAIL"), 0)
		time.Sleep(4 * time.Minute)
		if got := ask(); got != "192.0.2.2" {
			t.Error("the last good answer is gone", got)
		}
		time.Sleep(2 * time.Minute)
		if got := ask(); !strings.Contains(got, "SERVFAIL") {
			t.Error("an answer of 6 minutes ago is used", got)
		}
	})
}

// TestNameMoves: connections go on to a name that is used without new ones being
// made; when it loses their address they are used no more.
func TestNameMoves(t *testing.T) {
	t.Parallel()
	backend := echo(t, copyBack)
	port := netip.MustParseAddrPort(strings.TrimPrefix(backend, "http://")).Port()
	var here atomic.Pointer[string]
	home := "127.0.0.1"
	here.Store(&home)
	ps := newPools(t, Config{Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr(*here.Load())}, nil
	}})
	p := ps.pool(t, "http://a.example:"+strconv.Itoa(int(port)))
	a, b := get(t, p), get(t, p)
	p.Put(a, ps.now())
	away := "127.0.0.9"
	here.Store(&away)
	key := p.name()
	ps.dialer.resolver.mu.Lock()
	ps.dialer.resolver.names[key].ttl, ps.dialer.resolver.names[key].tried = 1, 0
	ps.dialer.resolver.mu.Unlock()
	ps.sweep(t.Context())
	eventually(t, "the idle connection stays", func() bool { return p.open.Load() == 1 })
	if p.Put(b, ps.now()); p.open.Load() != 0 {
		t.Error("the connection that was in use came back")
	}
}

// TestServiceRecords: a target of SRV records is reached at the ports they say, the
// first priority first.
func TestServiceRecords(t *testing.T) {
	t.Parallel()
	backend := echo(t, copyBack)
	port := netip.MustParseAddrPort(strings.TrimPrefix(backend, "http://")).Port()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := closed.Addr().(*net.TCPAddr).AddrPort().Port()
	_ = closed.Close()
	ps := newPools(t, Config{})
	ps.dialer.resolver.lookup = func(_ context.Context, key nameKey) (found, error) {
		if key.srv {
			if key.host != "_web._tcp.shop.example" {
				return found{}, &net.DNSError{Name: key.host, IsNotFound: true}
			}
			return found{srv: []*net.SRV{{Target: "one.example.", Port: gone}, {Target: "two.example.", Port: port, Priority: 1}}}, nil
		}
		return found{addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, nil
	}
	for host, ok := range map[string]bool{"_web._tcp": true, "_other._tcp": false} {
		pool, err := ps.Open(balance.Spec{Organization: 1, Upstream: 1, URL: srvURL(t, host), Protocol: "http1", Connect: time.Second, MaxIdle: 4, IdleTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		c, err := take(pool.(*Pool), t.Context(), time.Time{})
		if (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
		if c != nil {
			roundTrip(t, c)
			pool.(*Pool).Discard(c)
		}
	}
}

// srvURL is a checked target of SRV records.
func srvURL(t *testing.T, service string) *match.URL {
	t.Helper()
	urls, errs := match.CheckUpstream(&contract.Upstream{Targets: []contract.Target{{URL: "http://" + service + ".shop.example", SRV: true}}}, open)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	return urls[0]
}
