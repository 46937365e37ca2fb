package listen

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
)

const (
	testHead = 10 * time.Second
	testRest = 75 * time.Second
)

// TestJudge holds connections to their allowances, a second after the other.
func TestJudge(t *testing.T) {
	// second is what a connection does in a second.
	type second struct {
		received, sent uint64 // bytes on the wire
		requests       int
		useful         uint64 // bytes of them
		running        int64
		half           int // streams that become no request
	}
	repeat := func(n int, s second) (out []second) {
		for range n {
			out = append(out, s)
		}
		return out
	}
	for name, c := range map[string]struct {
		seconds []second
		want    verdict
		at      int // seconds; 0: whenever
	}{
		"pages":                           {repeat(100, second{received: 120_000, sent: 5_000_000, requests: 100, useful: 90_000}), fine, 0},
		"a long download":                 {repeat(100, second{received: 1_200_000, sent: 60_000_000, running: 1}), fine, 0},
		"a long upload with losses":       {repeat(100, second{received: 11_900_000, sent: 400_000, useful: 10_000_000, running: 1}), fine, 0},
		"many small requests":             {repeat(60, second{received: 1_200_000, sent: 2_000_000, requests: 10_000, useful: 800_000}), fine, 0},
		"pings":                           {append([]second{{requests: 1, useful: 100}}, repeat(60, second{received: 60})...), fine, 0},
		"no request at all":               {repeat(12, second{received: 100}), idle, 11},
		"no request any more":             {append([]second{{requests: 1, useful: 100}}, repeat(80, second{})...), idle, 76},
		"a silent request":                {append([]second{{requests: 1, useful: 100, running: 1}}, repeat(300, second{running: 1})...), fine, 0},
		"streams reset before their head": {repeat(60, second{received: 3_000_000, sent: 3_000_000, running: 1}), flood, 1},
		"resets before the head":          {repeat(60, second{received: 100_000, half: 1600, requests: 1, useful: 100}), flood, 2},
		"junk at a high rate":             {repeat(60, second{received: 600_000, running: 1}), flood, 5},
		"heads that are not whole":        {append([]second{{half: lateStreams + 1, requests: 1, useful: 100}}, repeat(20, second{requests: 1, useful: 100})...), flood, 11},
		"a few that were given up":        {append([]second{{half: lateStreams, requests: 1, useful: 100}}, repeat(60, second{requests: 1, useful: 100})...), fine, 0},
		"a few in each minute": {
			append(append([]second{{half: lateStreams, requests: 1, useful: 100}}, repeat(80, second{requests: 1, useful: 100})...),
				append([]second{{half: lateStreams, requests: 1, useful: 100}}, repeat(20, second{requests: 1, useful: 100})...)...), fine, 0,
		},
	} {
		var got verdict
		at := 0
		synctest.Test(t, func(*testing.T) {
			h := &h3conn{since: time.Now()}
			var stats quic.ConnectionStats
			var next quic.StreamID
			for at = 1; at <= len(c.seconds); at++ {
				s := c.seconds[at-1]
				next += 4 * quic.StreamID(s.half)
				for range s.requests {
					h.begun.Add(1)
					h.came(next)
					next += 4
					h.last = time.Now()
				}
				h.useful.Add(s.useful)
				h.running.Store(s.running)
				stats.BytesReceived += s.received
				stats.BytesSent += s.sent
				time.Sleep(time.Second)
				if got = h.judge(time.Now(), stats, testHead, testRest); got != fine {
					return
				}
			}
		})
		if got != c.want || c.at != 0 && at != c.at {
			t.Errorf("%s: %d after %d s, want %d after %d s", name, got, at, c.want, c.at)
		}
	}
}

// TestStreamsOutOfOrder: a request that comes behind a later one was never missing.
func TestStreamsOutOfOrder(t *testing.T) {
	t.Parallel()
	h := &h3conn{}
	for _, id := range []quic.StreamID{8, 0, 4, 16, 12} {
		h.came(id)
	}
	if len(h.late) != 0 || h.next != 20 {
		t.Errorf("late %v, next %d", h.late, h.next)
	}
	h.came(20 + 4*1_000_000)
	if len(h.late) > h3Running {
		t.Errorf("%d streams are remembered", len(h.late))
	}
}

func testHTTP3(max, perAddr int, trusted netip.Addr) *http3Server {
	return &http3Server{cfg: http3Config{Census: newCensus(max, perAddr), Trusts: func(a netip.Addr) bool { return a == trusted }}}
}

func udp(addr string) *net.UDPAddr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)) }

// TestAdmit counts connections from their first packet to their end, however that
// comes.
func TestAdmit(t *testing.T) {
	t.Parallel()
	q := testHTTP3(6, 2, netip.MustParseAddr("192.0.2.9"))
	admit := func(addr string) (context.Context, func(), error) {
		ctx, cancel := context.WithCancel(t.Context())
		out, err := q.admit(ctx, &quic.ClientInfo{RemoteAddr: udp(addr)})
		return out, cancel, err
	}
	first, end, err := admit("[::ffff:192.0.2.1]:1000")
	if err != nil {
		t.Fatal(err)
	}
	a := first.Value(arrivalKey{}).(*arrival)
	if a.peer.String() != "192.0.2.1:1000" || a.trusted {
		t.Errorf("peer %v, trusted %v", a.peer, a.trusted)
	}
	if _, _, err := admit("192.0.2.1:1001"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := admit("192.0.2.1:1002"); !errors.Is(err, errTooMany) {
		t.Errorf("a third connection of an address: %v", err)
	}
	for i := range 4 { // a trusted proxy's are bounded in all only
		if _, _, err := admit("192.0.2.9:1000"); err != nil {
			t.Errorf("the proxy's %d. connection: %v", i, err)
		}
	}
	if _, _, err := admit("192.0.2.3:1000"); !errors.Is(err, errTooMany) {
		t.Errorf("more than in all: %v", err)
	}
	a.settle()
	if n := q.stats.handshakes.Load(); n != 5 {
		t.Errorf("%d handshakes are under way, want 5", n)
	}
	end()
	for deadline := time.Now().Add(5 * time.Second); q.cfg.Census.of(netip.MustParseAddr("192.0.2.1")) != 1; {
		if time.Now().After(deadline) {
			t.Fatal("the end of a connection is not counted")
		}
		time.Sleep(time.Millisecond)
	}
	if n := q.stats.handshakes.Load(); n != 5 {
		t.Errorf("%d handshakes are under way: one was ended twice", n)
	}
	q.closing = true
	if _, _, err := admit("192.0.2.3:1000"); !errors.Is(err, errClosing) {
		t.Errorf("while closing: %v", err)
	}
}

// TestDoubts: newcomers prove their address when many handshakes are under way, or
// when their address has many connections already.
func TestDoubts(t *testing.T) {
	t.Parallel()
	q := testHTTP3(1000, 8, netip.Addr{})
	a, b := udp("192.0.2.1:1"), udp("192.0.2.2:1")
	if q.doubts(a) {
		t.Error("the first one is doubted")
	}
	for range 2 {
		q.cfg.Census.enter(netip.MustParseAddr("192.0.2.1"))
	}
	if !q.doubts(a) || q.doubts(b) {
		t.Error("the address with many connections is not doubted, or another one is")
	}
	q.stats.handshakes.Store(doubtsAt)
	if !q.doubts(b) {
		t.Error("nobody is doubted under load")
	}
}
