package engine_test

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
)

// TestWholeExchangeAllocatesNothing sends requests through the engine over real
// sockets, with a client and a backend that allocate nothing, and counts what the
// whole process allocated.
func TestWholeExchangeAllocatesNothing(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		c = c.(recorded).Conn
		buf, answer := make([]byte, 4096), []byte(okAnswer)
		for {
			if n, err := c.Read(buf); err != nil || n == 0 {
				return
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	must(t, s.SetDeadline(time.Now().Add(2*time.Minute)))
	request, buf := []byte(get("/v1/items?page=2")), make([]byte, 4096)
	round := func() {
		if _, err := s.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Conn.Read(buf); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	for range 100 {
		round()
	}
	const rounds = 200
	best := roundAllocs(rounds, rounds/20, round)
	if best > rounds/20 && !alloctest.Raced {
		t.Errorf("%d allocations in %d requests", best, rounds)
	}
	t.Logf("%d allocations in %d requests", best, rounds)
}

// roundAllocs is what the whole process allocates in so many rounds: the least of up to
// 100 measurements, and the first that is not above enough. Its other goroutines
// (tickers, the meter's files) allocate now and then, so rounds should be few.
func roundAllocs(rounds int, enough uint64, round func()) uint64 {
	best := ^uint64(0)
	for i := 0; i < 100 && best > enough; i++ {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			round()
		}
		runtime.ReadMemStats(&after)
		best = min(best, after.Mallocs-before.Mallocs)
	}
	return best
}
