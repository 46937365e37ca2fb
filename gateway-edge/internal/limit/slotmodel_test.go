package limit

import (
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// TestSlotsModel drives a concurrency limit over two to four edges as TestRateModel
// drives a rate. It asserts that no request is admitted beside as many as the limit
// says, where Redis answers; of a lease that ran out in Redis, since its edge was cut
// off, the requests go on, and nobody can know of them. And that slots nobody uses,
// and those of dead edges, can all be used again.
func TestSlotsModel(t *testing.T) {
	t.Parallel()
	seeds(t, 16, func(t *testing.T, seed uint64) { newSlotModel(t, seed).run() })
}

type slotModel struct {
	*world
	limit   int64
	changed int
	before  int64 // the limit that some edge may go by
	users   []*user
}

// user has requests open at one edge.
type user struct {
	m                   *slotModel
	e                   *virtual
	f                   *family
	version, met, fresh int
	metAt               int64
	cell                policy.Cell
	load                int
	till                int64 // when its lease runs out in Redis
	open                map[*open]bool
	peak                int
}

// open is a request that is under way; lapsed, when nobody can know of it.
type open struct{ lapsed bool }

func newSlotModel(t *testing.T, seed uint64) *slotModel {
	edges := 2 + int(seed%3)
	of := []int{1, 2, 2*edges - 1, 2 * edges, 2*edges + 1, 8, 16, 40, 100}
	return slotsOf(t, seed, edges, int64(of[seed/3%uint64(len(of))]))
}

func (m *slotModel) draw() int64 {
	n := int64(len(m.edges))
	of := []int64{1, 2, 2*n - 1, 2 * n, 2*n + 1, 8, 16, 40, 100}
	return of[m.rnd.IntN(len(of))]
}

func (u *user) start() {
	u.adopt()
	u.met, u.fresh = u.version, u.version
}

func (u *user) adopt() {
	f, err := u.e.l.Family(policy.CounterSpec{
		Kind: policy.CountConcurrency, Name: "model", By: policy.ByKey, Limit: u.m.limit, Scope: policy.Scope{GatewayNum: 9},
	})
	if err != nil {
		u.m.t.Fatal(err)
	}
	u.f, u.version = f.(*family), u.m.changed
}

func (u *user) meet() {
	u.cell = u.f.of(u.e.p, nil, u.e.l.now())
	if u.met != u.version {
		u.met, u.metAt = u.version, u.m.now
	}
	u.e.stir()
}

func (m *slotModel) user(e *virtual) *user { return m.users[slices.Index(m.edges, e)] }

// leased notes until when Redis counts an edge's slots.
func (m *slotModel) leased(c *call) {
	if c.number(0) != 1 {
		return
	}
	for _, u := range m.users {
		if !u.e.up || u.e.l.edge != c.args[1] {
			continue
		}
		u.till = m.now + int64(slotTerm)
		u.e.later(slotTerm+time.Millisecond, func() {
			if u.till < m.now {
				for o := range u.open {
					o.lapsed = true
				}
			}
		})
	}
}

func (m *slotModel) heard(e *virtual, c *call, sent int64) {
	if u := m.user(e); c.err == nil && c.number(0) == 1 && sent >= u.metAt {
		u.fresh = u.met
	}
}

// most is the limit that holds: the larger one while some edge may not know better.
func (m *slotModel) most() int64 {
	for _, u := range m.users {
		if s, ok := u.cell.(*slots); u.e.up && (u.version != m.changed || ok && u.fresh != m.changed && s.held.Load() > 0) {
			return max(m.limit, m.before)
		}
	}
	m.before = m.limit
	return m.limit
}

// known is how many requests are open that everybody reckons with.
func (m *slotModel) known() (n int64) {
	for _, u := range m.users {
		for o := range u.open {
			if !o.lapsed {
				n++
			}
		}
	}
	return n
}

// clients is so many clients of an edge, each with one request after the other, until
// halt.
func (u *user) clients(n int, work time.Duration) {
	u.load++
	u.peak = 0
	for range n {
		u.client(u.load, work, u.m.between(time.Microsecond, work))
	}
}

func (u *user) client(load int, work, pause time.Duration) {
	m := u.m
	u.e.later(pause, func() {
		if u.load != load {
			return
		}
		u.meet()
		u.e.request(u.f, func(v policy.Verdict, cell policy.Cell) {
			if v != policy.Took {
				u.client(load, work, m.between(time.Millisecond, 50*time.Millisecond))
				return
			}
			s := cell.(*slots)
			o := &open{lapsed: s.cut()}
			u.open[o] = true
			u.peak = max(u.peak, len(u.open))
			if n, most := m.known(), m.most(); !o.lapsed && n > most {
				m.fail("%s: a request was admitted beside %d, the limit is %d", u.e.id, n-1, most)
			}
			u.e.later(m.between(work/4, work*2), func() {
				delete(u.open, o)
				s.Credit()
				u.e.stir()
				u.client(load, work, m.between(time.Microsecond, work/2))
			})
		})
	})
}

func (m *slotModel) halt() {
	for _, u := range m.users {
		u.load++
	}
}

func (m *slotModel) run() {
	for range 2 {
		m.net = []network{calm, rough}[m.rnd.IntN(2)]
		for range 2 + m.rnd.IntN(4) {
			m.happen()
		}
		m.probe()
	}
}

func (m *slotModel) happen() {
	switch op := m.rnd.IntN(14); {
	case op < 7:
		d := m.between(100*time.Millisecond, 5*time.Second)
		for _, u := range m.users {
			if n := m.rnd.IntN(2 * int(m.limit+1)); n > 0 && u.e.up && m.rnd.IntN(3) > 0 {
				m.note("%s: %d clients for %v", u.e.id, n, d)
				u.clients(min(n, 30), m.between(2*time.Millisecond, time.Second))
			}
		}
		m.pass(d)
		if m.rnd.IntN(2) == 0 {
			m.halt()
		}
	case op < 9:
		m.halt()
		d := m.between(10*time.Millisecond, time.Hour)
		m.note("silence for %v", d)
		m.pass(d)
	case op < 11:
		m.kill(m.users[m.rnd.IntN(len(m.users))])
	case op < 12:
		e, d := m.edges[m.rnd.IntN(len(m.edges))], m.between(100*time.Millisecond, 15*time.Second)
		m.note("%s: cut off for %v", e.id, d)
		e.cut = true
		m.after(d, func() { e.cut = false })
	default:
		m.change(m.draw())
	}
}

// change gives all edges another limit, which each hears of in its time.
func (m *slotModel) change(limit int64) {
	m.before = max(m.most(), m.limit)
	m.limit = limit
	m.changed++
	m.note("the limit becomes %d", limit)
	for _, u := range m.users {
		if u.e.up {
			u.e.later(m.between(time.Microsecond, time.Second), u.adopt)
		}
	}
}

func (m *slotModel) kill(u *user) {
	if u.e.up {
		m.note("%s: killed", u.e.id)
		u.e.kill()
		u.cell, u.open, u.load = nil, map[*open]bool{}, u.load+1
		return
	}
	m.note("%s: started", u.e.id)
	u.e.boot()
	u.start()
}

// probe lets the network heal and looks whether one edge can have all slots, and
// whether every edge that asks gets some.
func (m *slotModel) probe() {
	m.halt()
	m.net = calm
	for _, e := range m.edges {
		e.cut = false
	}
	if !m.users[0].e.up {
		m.kill(m.users[0])
	}
	m.pass(10*time.Second + slotTerm) // the last late message has come, and what it took has run out
	var up []*user
	for _, u := range m.users {
		if u.e.up {
			up = append(up, u)
		}
	}
	m.rnd.Shuffle(len(up), func(i, j int) { up[i], up[j] = up[j], up[i] })
	if len(up) > 1 && m.limit > 1 && m.rnd.IntN(2) == 0 {
		m.beside(up[0], up[1])
	} else {
		m.alone(up[0])
	}
	m.halt()
	m.pass(time.Second)
}

// beside: an edge whose clients ask for all slots leaves another some.
func (m *slotModel) beside(a, b *user) {
	m.note("%s: everything, and then %s", a.e.id, b.e.id)
	a.clients(2*int(m.limit)+2, 100*time.Millisecond)
	m.pass(time.Second)
	b.clients(2*int(m.limit)+2, 100*time.Millisecond)
	m.pass(6 * time.Second)
	b.peak = 0
	m.pass(3 * time.Second)
	if b.peak == 0 {
		m.fail("%s has none of %d slots beside %s, which asked before it", b.e.id, m.limit, a.e.id)
	}
}

// alone: an edge that all requests come to gets all slots.
func (m *slotModel) alone(u *user) {
	m.note("%s: alone", u.e.id)
	u.clients(2*int(m.limit)+2, 100*time.Millisecond)
	m.pass(2 * time.Second)
	if int64(u.peak) != m.limit {
		m.fail("%s: alone it had %d of %d slots at most", u.e.id, u.peak, m.limit)
	}
}
