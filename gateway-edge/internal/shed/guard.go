package shed

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Guard needs. Zero parts take the defaults named behind them.
type Config struct {
	MaxOpen  int64 // requests that an organization may have open: 10,000
	MaxConns int64 // connections of an organization: 50,000
	// MemoryLimit is what Memory's shares are of, in bytes; 0: memory is not watched.
	MemoryLimit int64
	Logger      *slog.Logger
	// Relieve is called while memory is short, once a second: what can be given up
	// without harm is to be; nil: nothing.
	Relieve func()
}

// Guard says who is let in. Its methods are safe for concurrent use.
type Guard struct {
	cfg               Config
	maxOpen, maxConns int64
	level             atomic.Int64 // requests that any organization may have open
	closed            atomic.Bool  // to new connections
	refused           [numReasons]atomic.Uint64

	mu      sync.Mutex // guards what follows
	fresh   []*Tenant  // listed since the last step
	tenants []*Tenant
	cpu     control
	mem     pool
	all     float64   // ns of the processors a second
	wants   []float64 // reused
	stats   Stats
	spoke   time.Duration // since the overload was last logged
	last    [numReasons]uint64
}

// meter is what the loop knows of one tenant.
type meter struct {
	used, done, shed int64   // the counters as they were last
	rate             float64 // cost a second of what was admitted
	wants            float64 // and what would have been
	mean             float64 // of a request, ns
	idle             int     // steps in a row
	quiet            int     // steps since it last asked for something
}

// Stats are the state of a Guard.
type Stats struct {
	Overloaded bool          // the processors are
	Short      bool          // memory is
	Closed     bool          // to new connections
	Delay      time.Duration // that goroutines wait for a processor, nine of ten at most
	Memory     float64       // share of the limit in use
	Limited    int           // organizations that are held to their share
	Active     int           // organizations that are looked at
	// Refused counts requests, handshakes and connections by reason.
	Refused [numReasons]uint64
}

// New makes a Guard. Without Run it holds the hard bounds only.
func New(cfg Config) *Guard {
	if cfg.MaxOpen == 0 {
		cfg.MaxOpen = 10_000
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 50_000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	g := &Guard{cfg: cfg, maxOpen: cfg.MaxOpen, maxConns: cfg.MaxConns, all: 1e9 * float64(runtime.GOMAXPROCS(0))}
	g.level.Store(unbounded)
	return g
}

// Closed says that no more connections are accepted.
func (g *Guard) Closed() bool { return g.closed.Load() }

// Stats returns the present state.
func (g *Guard) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	for i := range g.refused {
		s.Refused[i] = g.refused[i].Load()
	}
	return s
}

// list makes the loop look at a tenant.
func (g *Guard) list(t *Tenant) {
	if t.listed.CompareAndSwap(false, true) {
		g.mu.Lock()
		g.fresh = append(g.fresh, t)
		g.mu.Unlock()
	}
}

// Run senses and steers until ctx ends.
func (g *Guard) Run(ctx context.Context) error {
	sense := newSense(g.cfg.MemoryLimit)
	t := time.NewTicker(step)
	defer t.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			g.step(now.Sub(last), sense.read())
			last = now
		}
	}
}

// forget is after how many idle steps a tenant is not looked at: 10 s.
const forget = int(10 * time.Second / step)

// step takes a reading over the time since the last one.
func (g *Guard) step(took time.Duration, r Reading) {
	if took <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tenants = append(g.tenants, g.fresh...)
	g.fresh = g.fresh[:0]
	used, wanted, open, asking := 0.0, 0.0, 0.0, 0
	kept := g.tenants[:0]
	for _, t := range g.tenants {
		if !t.look(took) {
			continue
		}
		if t.meter.quiet < calm {
			asking++
		}
		used += t.meter.rate
		wanted += t.meter.wants
		open += float64(t.open.Load())
		kept = append(kept, t)
	}
	clear(g.tenants[len(kept):])
	g.tenants = kept
	before := g.stats
	held := shared
	if asking < 2 {
		held = sole
	}
	g.cpu.update(r, used, wanted, g.all, held)
	g.mem.update(r.Memory, open)
	limited := g.pace()
	g.confine()
	g.stats = Stats{
		Overloaded: g.cpu.on, Short: g.mem.on, Closed: g.mem.closed,
		Delay: g.cpu.delay, Memory: r.Memory, Limited: limited, Active: len(g.tenants),
	}
	g.tell(took, before)
}

// look takes a tenant's counters; false: it has been idle for so long that it is no
// longer listed.
func (t *Tenant) look(took time.Duration) bool {
	m := &t.meter
	used, done, shed := t.used.Load(), t.done.Load(), t.shed.Load()
	du, dd, ds := float64(used-m.used), float64(done-m.done), float64(shed-m.shed)
	m.used, m.done, m.shed = used, done, shed
	second := float64(time.Second) / float64(took)
	// About 100 ms are remembered, whatever a step took.
	old := math.Exp(-float64(took) / float64(100*time.Millisecond))
	if dd > 0 {
		if mean := du / dd; m.mean == 0 {
			m.mean = mean
		} else {
			m.mean += (mean - m.mean) * 0.2
		}
	}
	m.rate = m.rate*old + du*second*(1-old)
	m.wants = m.wants*old + (du+ds*m.mean)*second*(1-old)
	if m.quiet++; dd > 0 || ds > 0 {
		m.quiet = 0
	}
	if dd > 0 || ds > 0 || t.busy() {
		m.idle = 0
		return true
	}
	if m.idle++; m.idle < forget {
		return true
	}
	// A request that came meanwhile was counted before it looked at listed.
	t.listed.Store(false)
	if t.busy() && t.listed.CompareAndSwap(false, true) {
		m.idle = 0
		return true
	}
	t.gap.Store(0)
	t.handshake.Store(0)
	return false
}

// pace sets the pace of those who want more than their share of the processors.
func (g *Guard) pace() (limited int) {
	level, short := 0.0, false
	if g.cpu.on {
		g.wants = g.wants[:0]
		for _, t := range g.tenants {
			g.wants = append(g.wants, t.meter.wants)
		}
		level, short = levelOf(g.wants, g.cpu.budget)
	}
	ease := 1.0
	if g.cpu.on {
		ease = g.cpu.ease()
	}
	each := max(1, level*ease)
	for _, t := range g.tenants {
		m := &t.meter
		// One that is held is let go only when it clearly wants less.
		bound := level
		if t.gap.Load() != 0 {
			bound *= 0.9
		}
		if !short || m.wants <= bound {
			t.gap.Store(0)
			t.handshake.Store(0)
			continue
		}
		limited++
		t.gap.Store(max(1, int64(max(m.mean, 1)*1e9/each)))
		t.handshake.Store(max(1, int64(handshakeCost*1e9/each)))
	}
	return limited
}

// confine sets how many requests any tenant may have open.
func (g *Guard) confine() {
	g.closed.Store(g.mem.closed)
	if !g.mem.on {
		g.level.Store(unbounded)
		return
	}
	g.wants = g.wants[:0]
	for _, t := range g.tenants {
		g.wants = append(g.wants, float64(t.open.Load()))
	}
	level, short := levelOf(g.wants, g.mem.total)
	if !short { // nobody may have more than who has most
		level = g.mem.total
		if n := len(g.wants); n > 0 {
			level = max(g.wants[n-1], g.mem.total/float64(n))
		}
	}
	g.level.Store(max(few, int64(level)))
}
