package limit

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// TestRateModel drives a rate over two to four edges through an age of the world:
// traffic of every size, hours of silence, edges that are killed, come back or are
// cut off, messages that are lost, late or come twice, limits that change. It asserts
//
//   - that no window holds more than burst + rate * t, where every edge knows what
//     Redis knows; and a bound of what it may be where one does not;
//   - that nobody is told to wait for longer than a token takes and the longest pause;
//   - again and again, that an edge alone gets its rate, that a bucket nobody used is
//     full, that those who keep to the limit are admitted, and that who asks little
//     gets it beside those who ask for everything.
//
// TOLLGATE_SEED repeats one.
func TestRateModel(t *testing.T) {
	t.Parallel()
	seeds(t, 24, func(t *testing.T, seed uint64) { newRates(t, seed).run() })
}

// rates is a world with one rate in it.
type rates struct {
	*world
	size    contract.Rate
	changed int // how often
	clients []*client
	killed  int64 // when an edge was killed last
	healed  int64 // when the network was made a calm one

	sure   bool // every edge knows what Redis knows
	since  int64
	seen   window  // of what was admitted since
	doubts int     // the most edges that were in doubt at once since
	most   bucket  // the largest limit since
	extra  float64 // bursts that changes brought since
}

// client sends requests to one edge.
type client struct {
	m       *rates
	e       *virtual
	f       *family
	version int // of the limit, as f has it
	met     int // as the cell has it
	metAt   int64
	fresh   int // as the last answer has it
	cell    policy.Cell
	doubt   map[asker]bool // a message's fate was not a plain one
	load    int            // which load runs
	took    int
	denied  int
}

func newRates(t *testing.T, seed uint64) *rates {
	m := ratesOf(t, seed, 2+int(seed%3))
	m.begin(m.draw())
	return m
}

// ratesOf makes a world of edges for a rate, which begin says.
func ratesOf(t *testing.T, seed uint64, edges int) *rates {
	m := &rates{world: newWorld(t, seed, edges), killed: -int64(time.Hour)}
	m.told, m.sending = m.heard, m.sends
	for _, e := range m.edges {
		m.clients = append(m.clients, &client{m: m, e: e, doubt: map[asker]bool{}})
	}
	return m
}

func (m *rates) begin(size contract.Rate) {
	m.size, m.most = size, bucketOf(size)
	m.note("%d edges, %+v", len(m.edges), m.size)
	for _, c := range m.clients {
		c.adopt()
		c.met, c.fresh = c.version, c.version
	}
	m.sure, m.since = true, m.now
}

// draw draws a limit around the thresholds of the mechanisms.
func (m *rates) draw() contract.Rate {
	n := int64(len(m.edges))
	bursts := []int64{1, 2, 7, 8, 9, 10, 8*n - 1, 8 * n, 8*n + 1, 8*n - 8, 60, 300}
	r := contract.Rate{Burst: bursts[m.rnd.IntN(len(bursts))]}
	switch m.rnd.IntN(8) {
	case 0:
		r.Rate, r.Per = 1+m.rnd.Int64N(9), "second"
	case 1:
		r.Rate, r.Per = 1+m.rnd.Int64N(1000), "minute"
	case 2:
		r.Rate, r.Per = []int64{1, 60, 3600, 35_999, 36_000}[m.rnd.IntN(5)], "hour"
	default:
		r.Rate = []int64{10, 10, 11, 12, 16, 20, 40, 100}[m.rnd.IntN(8)]
		r.Per = "second"
	}
	return r
}

func (m *rates) run() {
	for range 2 {
		m.net = []network{calm, rough}[m.rnd.IntN(2)]
		for range 2 + m.rnd.IntN(4) {
			m.happen()
		}
		m.probe()
	}
	m.change(m.draw())
	m.probe()
}

// happen is one thing of what may happen.
func (m *rates) happen() {
	b := bucketOf(m.size)
	switch op := m.rnd.IntN(14); {
	case op < 7:
		m.traffic(b)
	case op < 9:
		d := m.between(10*time.Millisecond, 3*time.Hour)
		m.note("silence for %v", d)
		m.pass(d)
		if d > time.Minute {
			for _, c := range m.clients {
				if c.e.up {
					c.e.l.sweep(c.e.l.now())
				}
			}
		}
	case op < 11:
		m.kill(m.rnd.IntN(len(m.edges)))
	case op < 12:
		e := m.edges[m.rnd.IntN(len(m.edges))]
		d := m.between(100*time.Millisecond, 70*time.Second)
		m.note("%s: cut off for %v", e.id, d)
		e.cut = true
		m.after(d, func() { e.cut = false })
	default:
		m.change(m.draw())
	}
}

// kill stops an edge that runs, and starts one that does not.
func (m *rates) kill(i int) {
	c := m.clients[i]
	if c.e.up {
		m.note("%s: killed", c.e.id)
		c.e.kill()
		c.cell, c.doubt, c.load = nil, map[asker]bool{}, c.load+1
		m.killed = m.now
	} else {
		m.note("%s: started", c.e.id)
		c.e.boot()
		c.adopt()
		c.met, c.fresh = c.version, c.version
	}
	m.judge()
}

// change gives the rate another limit, which each edge hears of in its time: some
// when the next request comes.
func (m *rates) change(size contract.Rate) {
	old := bucketOf(m.size)
	m.size = size
	m.changed++
	m.note("the limit becomes %+v", m.size)
	b := bucketOf(m.size)
	m.judge()
	m.most = bucket{rate: max(m.most.rate, old.rate, b.rate), burst: max(m.most.burst, old.burst, b.burst)}
	m.extra += float64(b.burst)
	for _, c := range m.clients {
		if !c.e.up {
			continue
		}
		c.e.later(m.between(time.Microsecond, time.Second), func() {
			c.adopt()
			if m.rnd.IntN(2) == 0 {
				c.meet()
			}
			m.judge()
		})
	}
}

// adopt takes over the newest version of the limit; its cell meets it when it is
// used next.
func (c *client) adopt() {
	f, err := c.e.l.Family(policy.CounterSpec{
		Kind: policy.CountRate, Name: "model", By: policy.ByKey, Rate: c.m.size, Scope: policy.Scope{GatewayNum: 9},
	})
	if err != nil {
		c.m.t.Fatal(err)
	}
	c.f, c.version = f.(*family), c.m.changed
}

func (c *client) meet() {
	c.cell = c.f.of(c.e.p, nil, c.e.l.now())
	if c.met != c.version {
		c.met, c.metAt = c.version, c.m.now
		c.m.judge()
	}
	c.e.stir()
}

// holds reports whether the edge may have part of the bucket.
func (c *client) holds(r *rate) bool {
	now := c.e.l.now()
	return r.now.Load().until > now || r.cut(now) || r.node.state.Load() != idle
}

// unsure reports whether the edge may not know what Redis knows.
func (c *client) unsure() bool {
	if !c.e.up {
		return false
	}
	for a, doubt := range c.doubt {
		if r, shares := a.(*rate); doubt && (!shares || c.holds(r)) {
			return true
		}
	}
	if c.e.l.link.down() || c.version != c.m.changed {
		return true
	}
	r, shares := c.cell.(*rate)
	return (c.met != c.m.changed || c.fresh != c.m.changed) && shares && c.holds(r)
}

// sends notes that a message is on its way; a plain one arrives at once.
func (m *rates) sends(e *virtual, c *call, plain bool) {
	if x := m.client(e); !plain {
		x.doubt[c.cell] = true
		m.judge()
	}
}

func (m *rates) heard(e *virtual, c *call, sent int64) {
	x := m.client(e)
	if _, shares := c.cell.(*rate); !shares {
		x.doubt[c.cell] = false // one message, one admission
	}
	if c.err == nil && c.number(0) == 1 {
		x.doubt[c.cell] = false
		if x.cell == c.cell.(policy.Cell) && sent >= x.metAt {
			x.fresh = x.met
		}
	}
	m.judge()
}

func (m *rates) client(e *virtual) *client {
	return m.clients[slices.Index(m.edges, e)]
}

// judge closes a window when what is known changed, and looks at what it held.
func (m *rates) judge() {
	n := 0
	for _, c := range m.clients {
		if c.unsure() {
			n++
		}
	}
	m.doubts = max(m.doubts, n)
	if m.sure == (n == 0) {
		return
	}
	m.close()
	m.sure, m.since, m.doubts = n == 0, m.now, n
}

// close holds what was admitted against the limit.
func (m *rates) close() {
	b := m.most
	if m.sure {
		// What edges say of shares is in whole milliseconds; a token that came for a request
		// that went away is good for another for a moment.
		slack := math.Max(2, b.rate*0.005)
		if b.burst < int64(8*len(m.edges)) {
			slack += b.rate * looseFor.Seconds()
		}
		if worst := m.seen.beyond(b.rate, float64(b.burst)); worst > slack {
			m.fail("%.1f more than burst + rate * t of %+v in some window", worst, b)
		}
	} else {
		// Who does not know goes on with the share it had, and with what it had; a bucket
		// of another mechanism begins anew.
		bound := float64(1+m.doubts)*(float64(b.burst)+b.rate*float64(m.now-m.since)/1e9) + m.extra
		if n := float64(len(m.seen.to)); n > bound+2 {
			m.fail("%.0f in %.3f s, with %d edges in doubt, of %+v: more than %.0f", n, float64(m.now-m.since)/1e9, m.doubts, b, bound)
		}
	}
	m.seen, m.most, m.extra = window{}, bucketOf(m.size), 0
}

// window is when requests that were admitted came, and when it was decided.
type window struct{ from, to []int64 }

func (w *window) add(from, to int64) {
	w.from, w.to = append(w.from, from), append(w.to, to)
}

// beyond is how much more than burst + rate * t some window of any length holds: what
// had ended at its end less what had begun before it.
func (w *window) beyond(rate, burst float64) float64 {
	slices.Sort(w.from)
	slices.Sort(w.to)
	worst, least, begun := 0.0, math.Inf(1), 0
	for ended, b := range w.to {
		for ; begun < len(w.from) && w.from[begun] <= b; begun++ {
			least = math.Min(least, float64(begun)-rate*float64(w.from[begun]-w.from[0])/1e9)
		}
		worst = math.Max(worst, float64(ended+1)-rate*float64(b-w.from[0])/1e9-least-burst)
	}
	return worst
}

// send sends one request; done, if any, hears what became of it.
func (c *client) send(done func(v policy.Verdict, again time.Duration)) {
	m, e, from := c.m, c.e, c.m.now
	c.meet()
	version := c.met
	e.request(c.f, func(v policy.Verdict, cell policy.Cell) {
		again := cell.RetryAfter(e.l.now())
		switch v {
		case policy.Took:
			c.took++
			if from >= m.since {
				m.seen.add(from, m.now)
			}
		case policy.Denied:
			c.denied++
			if version == c.m.changed {
				c.sane(again)
			}
		default:
			m.fail("%s: verdict %v of a rate", e.id, v)
		}
		if done != nil {
			done(v, again)
		}
	})
	m.judge()
}

// sane looks at when a request that was denied may come again: when there is a token,
// at the full rate, or when the edge asks again.
func (c *client) sane(again time.Duration) {
	m, token := c.m, time.Duration(1e9/bucketOf(c.m.size).rate)
	most := token + 2*time.Millisecond // the message's way
	if _, ok := c.cell.(*rate); ok {
		most = token + contendPause + denyPause
	}
	if c.unsure() || m.net != calm || m.now-m.healed < int64(2*slowFor) {
		most = time.Duration(len(m.edges))*token + 2*slowFor
	}
	if again > most {
		m.fail("%s: denied with Retry-After %v, a token takes %v", c.e.id, again, token)
	}
}

// How clients send.
const (
	even   = iota
	ragged // at any time
	polite // who was denied comes again when it was told to
	bursts // many at once
	styles
)

// offer sends so many requests a second to an edge until halt.
func (c *client) offer(perSecond float64, style int) {
	c.load++
	load, every := c.load, time.Duration(1e9/perSecond)
	var next func()
	wait := func(d time.Duration) {
		c.e.later(d, func() {
			if c.load == load {
				next()
			}
		})
	}
	next = func() {
		switch style {
		case even:
			c.send(nil)
			wait(every)
		case ragged:
			c.send(nil)
			wait(time.Duration(float64(every) * 2 * c.m.rnd.Float64()))
		case bursts:
			n := 1 + c.m.rnd.IntN(20)
			for range n {
				c.send(nil)
			}
			wait(time.Duration(n) * every)
		default:
			c.send(func(v policy.Verdict, again time.Duration) {
				if v == policy.Took {
					again = every
				}
				wait(again)
			})
		}
	}
	wait(time.Duration(c.m.rnd.Float64() * float64(every)))
}

func (m *rates) halt() {
	for _, c := range m.clients {
		c.load++
	}
}

// traffic sends requests to some edges for a while.
func (m *rates) traffic(b bucket) {
	factors := []float64{0, 0, 0.02, 0.2, 0.5, 1, 3, 8}
	d := m.between(200*time.Millisecond, 5*time.Second)
	if b.rate < 1 {
		d = time.Duration(float64(d) / b.rate)
	}
	d = min(d, time.Duration(400/b.rate*1e9))
	for i, c := range m.clients {
		if f := factors[m.rnd.IntN(len(factors))]; f > 0 && c.e.up {
			style := m.rnd.IntN(styles)
			m.note("edge-%d: %.2f of the rate for %v, style %d", i, f, d, style)
			c.offer(f*b.rate, style)
		}
	}
	m.pass(d)
	m.halt()
}
