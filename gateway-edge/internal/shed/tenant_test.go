package shed

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
)

func quiet() Config { return Config{Logger: slog.New(slog.DiscardHandler)} }

// TestBoundsHold enters from many goroutines: there are never more than the bounds,
// and everything is given back.
func TestBoundsHold(t *testing.T) {
	t.Parallel()
	g := New(Config{MaxOpen: 5, MaxConns: 3, Logger: quiet().Logger})
	var a Tenant
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range int64(2000) {
				if g.Connect(&a) {
					if n := a.Connections(); n > 3+8 { // others may be about to be turned away
						t.Errorf("%d connections", n)
					}
					g.Disconnect(&a)
				}
				if g.Enter(&a, i, 1000) == Admitted {
					g.Charge(&a, 10)
					a.Weigh(20_000)
					g.Leave(&a)
				}
			}
		})
	}
	for range 50 {
		g.step(step, Reading{Delay: 50 * time.Millisecond, Queue: 10, Busy: 1, Memory: 0.9})
	}
	all.Wait()
	if a.Open() != 0 || a.Connections() != 0 {
		t.Errorf("%d open, %d connections are left", a.Open(), a.Connections())
	}
	for range 5 {
		g.Connect(&a)
	}
	if a.Connections() != 3 {
		t.Errorf("%d connections with a bound of 3", a.Connections())
	}
}

// TestSeatIsOfTheFirst: a connection counts once, and for the organization it came to
// first.
func TestSeatIsOfTheFirst(t *testing.T) {
	t.Parallel()
	g := New(Config{MaxConns: 1, Logger: quiet().Logger})
	var a, b Tenant
	var s, other Seat
	for _, x := range []*Tenant{&a, &a, &b} {
		if !s.Take(g, x) {
			t.Error("a seat is not there for its own connection")
		}
	}
	if a.Connections() != 1 || b.Connections() != 0 {
		t.Errorf("%d and %d connections", a.Connections(), b.Connections())
	}
	if other.Take(g, &a) {
		t.Error("one more than may be")
	}
	s.Leave(g)
	s.Leave(g)
	if !other.Take(g, &a) || a.Connections() != 1 {
		t.Errorf("%d connections after one has left", a.Connections())
	}
}

// TestIdleTenantsAreForgotten: the loop looks at those with traffic only, and at one
// that comes back.
func TestIdleTenantsAreForgotten(t *testing.T) {
	t.Parallel()
	g := New(quiet())
	var a, idle Tenant
	for _, x := range []*Tenant{&a, &idle} {
		g.Enter(x, 1, 1)
	}
	g.Leave(&idle)
	for range forget + 2 {
		g.step(step, Reading{Delay: -1})
	}
	if s := g.Stats(); s.Active != 1 {
		t.Errorf("%d are looked at", s.Active)
	}
	g.Enter(&idle, 1, 1)
	g.step(step, Reading{Delay: -1})
	if s := g.Stats(); s.Active != 2 {
		t.Errorf("%d are looked at after one came back", s.Active)
	}
}

// TestMemory refuses the organization with most open requests when memory is short,
// lets in the light one, refuses connections when it is shorter, and lets go.
func TestMemory(t *testing.T) {
	t.Parallel()
	relieved := 0
	g := New(Config{Logger: quiet().Logger, Relieve: func() { relieved++ }})
	var heavy, light Tenant
	for range 1000 {
		g.Enter(&heavy, 1, 1)
	}
	for range 10 {
		g.Enter(&light, 1, 1)
	}
	g.step(step, Reading{Delay: -1, Memory: 0.84})
	if g.Enter(&heavy, 1, 1) != Admitted {
		t.Fatal("refused below the mark")
	}
	for range 60 {
		g.step(step, Reading{Delay: -1, Memory: 0.9})
	}
	if r := g.Enter(&heavy, 1, 1); r != Memory {
		t.Errorf("the heavy one: %v", r)
	}
	for range 5 {
		if r := g.Enter(&light, 1, 1); r != Admitted {
			t.Errorf("the light one: %v", r)
		}
	}
	if g.Closed() || relieved == 0 {
		t.Errorf("closed %v, relieved %d times", g.Closed(), relieved)
	}
	if g.step(step, Reading{Delay: -1, Memory: 0.96}); !g.Closed() {
		t.Error("connections are taken at 96 %")
	}
	if g.step(step, Reading{Delay: -1, Memory: 0.93}); !g.Closed() {
		t.Error("connections are taken again too soon")
	}
	if g.step(step, Reading{Delay: -1, Memory: 0.7}); g.Closed() || g.Enter(&heavy, 1, 1) != Admitted {
		t.Error("still refused when there is memory again")
	}
}

// TestWeighing: a request that waited while it was weighed moves the mean little, and
// what costs more in earnest is found out.
func TestWeighing(t *testing.T) {
	t.Parallel()
	var a Tenant
	for i := range 200 {
		cost := int64(30_000)
		if i%10 == 0 {
			cost = 300_000_000
		}
		a.Weigh(cost)
	}
	if m := a.mean.Load(); m < 25_000 || m > 40_000 {
		t.Errorf("mean %d of 30,000 with outliers", m)
	}
	for range 100 {
		a.Weigh(400_000)
	}
	if m := a.mean.Load(); m < 380_000 || m > 420_000 {
		t.Errorf("mean %d of 400,000", m)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	g := New(quiet())
	var a Tenant
	now := int64(time.Hour)
	if n := alloctest.PerRun(1000, func() {
		now += 1000
		if g.Enter(&a, now, 30_000) == Admitted {
			g.Charge(&a, 10)
			g.Leave(&a)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkEnterLeave is what every request pays, of one organization on all cores
// and of one that is held to a pace.
func BenchmarkEnterLeave(b *testing.B) {
	for name, gap := range map[string]int64{"free": 0, "paced": 1} {
		b.Run(name, func(b *testing.B) {
			g := New(quiet())
			var a Tenant
			a.gap.Store(gap)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				now := int64(time.Hour)
				for p.Next() {
					now += 1000
					if g.Enter(&a, now, 30_000) == Admitted {
						g.Leave(&a)
					}
				}
			})
		})
	}
}

// TestWaits: requests that only wait leave room for others, and count where memory is
// short.
func TestWaits(t *testing.T) {
	t.Parallel()
	g := New(Config{MaxOpen: 2, Logger: quiet().Logger})
	var a Tenant
	for i := range int64(5) {
		if r := g.Enter(&a, i, 1000); r != Admitted {
			t.Fatalf("request %d: %s", i, r.Detail())
		}
		g.Wait(&a)
	}
	g.Waited(&a)
	g.Waited(&a)
	if r := g.Enter(&a, 9, 1000); r != Requests {
		t.Errorf("with two that wait no longer: %v", r)
	}
	g.Leave(&a)
	if r := g.Enter(&a, 10, 1000); r != Admitted {
		t.Errorf("with one of them gone: %s", r.Detail())
	}
	g.level.Store(3)
	g.Leave(&a)
	if r := g.Enter(&a, 11, 1000); r != Memory {
		t.Errorf("where memory is short: %v", r)
	}
}
