package limit

import (
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// The longest terms after which an edge that fell silent has given its share back,
// and after which Redis has one that was killed for gone.
const (
	silentFor = shareKeep + 4*time.Second
	deadFor   = 62 * time.Second
)

// probe lets the network heal and looks whether everybody gets what is due.
func (m *rates) probe() {
	m.net, m.healed = calm, m.now
	for _, c := range m.clients {
		c.e.cut = false
		if !c.e.up && m.rnd.IntN(2) == 0 {
			m.kill(m.rnd.IntN(len(m.edges)))
		}
	}
	if !m.clients[0].e.up {
		m.kill(0)
	}
	m.pass(silentFor) // the last late message has come, too
	m.judge()
	for _, c := range m.clients {
		if c.e.up && c.version != m.changed {
			m.fail("%s does not know the limit", c.e.id)
		}
	}
	if !m.sure {
		for _, c := range m.clients {
			if c.unsure() {
				m.fail("%s is in doubt although Redis answers: down %t, version %d, met %d, fresh %d of %d, in doubt %v", c.e.id, c.e.l.link.down(), c.version, c.met, c.fresh, m.changed, c.doubt)
			}
		}
	}
	up := m.upright()
	b := bucketOf(m.size)
	switch m.rnd.IntN(5) {
	case 0, 1:
		m.alone(b, up[m.rnd.IntN(len(up))])
	case 2:
		m.full(b, up[m.rnd.IntN(len(up))])
	case 3:
		m.below(b, up)
	default:
		m.beside(b, up)
	}
	m.halt()
	m.close()
	m.since = m.now
}

func (m *rates) upright() (up []*client) {
	for _, c := range m.clients {
		if c.e.up {
			up = append(up, c)
		}
	}
	m.rnd.Shuffle(len(up), func(i, j int) { up[i], up[j] = up[j], up[i] })
	return up
}

// settle is how long it takes until others' shares of before are gone.
func (m *rates) settle() time.Duration {
	return max(silentFor, time.Duration(m.killed-m.now)+deadFor)
}

// alone: an edge that all requests come to gets the rate, whether its clients come
// when they are told to or not.
func (m *rates) alone(b bucket, c *client) {
	style := []int{even, ragged, polite}[m.rnd.IntN(3)]
	settle, while := m.settle(), max(2*time.Second, time.Duration(20/b.rate*1e9))
	m.note("%s: alone, style %d", c.e.id, style)
	c.offer(4*b.rate, style)
	m.pass(settle)
	before, part := c.took, 0.8
	if b.burst < 3 {
		part = 0.6 // what no request came for in time is gone
	}
	m.pass(while)
	if n, want := float64(c.took-before), part*b.rate*while.Seconds()-1; n < want {
		m.fail("%s: alone it admitted %.0f in %v, want %.0f of %+v", c.e.id, n, while, want, b)
	}
}

// full: after nobody used it for long a bucket is full, and one edge can have it all.
func (m *rates) full(b bucket, c *client) {
	idle := time.Duration(1.05*float64(b.burst)/b.rate*1e9) + max(silentFor, deadFor)
	c.send(nil) // now Redis knows of the limit, too
	m.note("%s: a burst after %v", c.e.id, idle)
	m.pass(idle)
	before, took := c.denied, c.took
	at, n, most := m.now, 0, int(max(1, b.burst-1))
	for range most {
		c.send(func(policy.Verdict, time.Duration) { n++ })
		if m.rnd.IntN(8) == 0 {
			m.pass(3 * time.Millisecond)
		}
	}
	m.pass(time.Second)
	if d := c.denied - before; d > 0 {
		m.fail("%s: %d denied of %d at once, at a bucket of %+v that nobody used for %v", c.e.id, d, most, b, idle)
	}
	if n != most || c.took-took != n {
		m.fail("%d of %d answered since %d", n, most, at)
	}
}

// below: edges that together keep to the limit refuse nobody.
func (m *rates) below(b bucket, up []*client) {
	if b.small() {
		return // of a bucket of one token, two at a time are one too many
	}
	m.note("%d edges at a third of the rate", len(up))
	for _, c := range up {
		c.offer(0.33*b.rate/float64(len(up)), even)
	}
	m.pass(m.settle())
	before := 0
	for _, c := range up {
		before -= c.denied
	}
	m.pass(max(5*time.Second, time.Duration(20/b.rate*1e9)))
	for _, c := range up {
		before += c.denied
	}
	if before > 0 {
		m.fail("%d edges at a third of the rate %+v: %d denied", len(up), b, before)
	}
}

// beside: who asks little of an edge gets it, whatever others ask of theirs: a burst
// just now, or far more than there is.
func (m *rates) beside(b bucket, up []*client) {
	if len(up) < 2 || b.small() {
		return
	}
	if m.rnd.IntN(2) == 0 {
		m.pass(deadFor + time.Duration(1.05*float64(b.burst)/b.rate*1e9))
		m.note("%s: hardly anything after a burst, %s: a third", up[0].e.id, up[1].e.id)
		for range b.burst {
			up[0].send(nil)
		}
		up[0].offer(0.03*b.rate, even)
		m.pass(time.Second)
		up[1].offer(0.3*b.rate, even)
		m.pass(4 * time.Second)
		before := up[1].denied
		m.pass(4 * time.Second)
		if d := up[1].denied - before; d > 0 {
			m.fail("%s: %d denied at a third of %+v, four seconds after %s had a burst", up[1].e.id, d, b, up[0].e.id)
		}
		return
	}
	n := float64(len(m.edges))
	if float64(b.burst) < 8*n {
		return // one call an admission: whoever comes first
	}
	m.note("%s: everything, %s: little", up[0].e.id, up[1].e.id)
	up[0].offer(5*b.rate, ragged)
	up[1].offer(b.rate/(8*n), even)
	m.pass(m.settle())
	before, while := up[1].took, time.Duration(20*8*n/b.rate*1e9)
	m.pass(while)
	if got, want := float64(up[1].took-before), 10.0; got < want {
		m.fail("%s: %.0f of 20 admitted in %v beside %s, which asks for everything of %+v", up[1].e.id, got, while, up[0].e.id, b)
	}
}
