package limit

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// What follows are the shortest lives in which TestRateModel found a fault.

// admitted plays a request and reports whether it was admitted, within a second.
func (c *client) admitted() bool {
	before := c.took
	c.send(nil)
	c.m.pass(time.Second)
	return c.took > before
}

// TestRateRaisedAfterItWasSpent: a bucket of one token an hour was spent; then the
// limit is raised. What it owed is not held against the new rate for hours.
func TestRateRaisedAfterItWasSpent(t *testing.T) {
	t.Parallel()
	m := ratesOf(t, 1, 1)
	m.begin(contract.Rate{Rate: 1, Per: "hour", Burst: 6})
	c := m.clients[0]
	for range 7 {
		c.send(nil)
	}
	m.pass(time.Second)
	if c.took != 6 {
		t.Fatalf("%d of 6", c.took)
	}
	m.change(contract.Rate{Rate: 2, Burst: 6})
	m.pass(2 * time.Second)
	c.admitted() // now Redis knows
	n := 0
	for range 5 {
		if c.admitted() {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d of 5 in as many seconds, of two a second", n)
	}
}

// TestRateAfterABurst: a burst takes the whole bucket to one edge, which goes on with
// little. Another edge gets its part soon.
func TestRateAfterABurst(t *testing.T) {
	t.Parallel()
	for _, r := range []contract.Rate{{Rate: 40, Burst: 8}, {Rate: 11, Burst: 31}, {Rate: 100, Burst: 300}} {
		m := ratesOf(t, 1, 2)
		m.begin(r)
		a, b := m.clients[0], m.clients[1]
		for range r.Burst {
			a.send(nil)
		}
		a.offer(0.03*float64(r.Rate), even)
		m.pass(time.Second)
		b.offer(0.3*float64(r.Rate), even)
		m.pass(4 * time.Second)
		before := b.denied
		m.pass(10 * time.Second)
		if n := b.denied - before; n > 0 {
			t.Errorf("%+v: %d denied at a third of the rate, seconds after another edge had a burst", r, n)
		}
		m.halt()
	}
}

// TestRateLittleBesideEverything: an edge that is asked little gets it beside one
// that is asked for more than there is.
func TestRateLittleBesideEverything(t *testing.T) {
	t.Parallel()
	for _, burst := range []int64{32, 33, 300} {
		m := ratesOf(t, 1, 4)
		m.begin(contract.Rate{Rate: 10, Burst: burst})
		m.clients[0].offer(50, ragged)
		m.pass(60 * time.Second)
		little := m.clients[1]
		little.offer(0.3125, even)
		m.pass(10 * time.Second)
		before := little.took
		m.pass(64 * time.Second)
		if n := little.took - before; n < 15 {
			t.Errorf("burst %d: %d of 20 admitted", burst, n)
		}
		m.halt()
	}
}

// TestRateOfManyNowAndThen: four edges share a bucket that has room for three; each
// is asked once in a second or so. It does not become shares whenever one of them
// is silent for a second.
func TestRateOfManyNowAndThen(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		m := ratesOf(t, seed, 4)
		m.begin(contract.Rate{Rate: 11, Burst: 24})
		for _, c := range m.clients {
			c.offer(11, bursts)
		}
		m.pass(3 * time.Second)
		for _, c := range m.clients {
			c.offer(0.9, even)
		}
		m.pass(20 * time.Second)
		denied := 0
		for _, c := range m.clients {
			denied -= c.denied
		}
		m.pass(20 * time.Second)
		for _, c := range m.clients {
			denied += c.denied
		}
		if denied > 0 {
			t.Errorf("%d denied at a third of the rate", denied)
		}
		m.halt()
	}
}

// TestRateIdleShare: one request took a share for a minute; after ten seconds without
// another it goes back.
func TestRateIdleShare(t *testing.T) {
	t.Parallel()
	m := ratesOf(t, 1, 1)
	m.begin(contract.Rate{Rate: 100, Burst: 100})
	c := m.clients[0]
	if !c.admitted() {
		t.Fatal("the first request is denied")
	}
	r := c.cell.(*rate)
	if until := time.Duration(r.now.Load().until - c.e.l.now()); until < 50*time.Second {
		t.Fatalf("a share for %v", until)
	}
	c.admitted()
	m.pass(silentFor)
	if s := r.now.Load(); s.until > c.e.l.now() {
		t.Errorf("%v after the last request it holds %.2f of the whole", silentFor, s.part)
	}
}

// TestRateRedisBack: an edge that has nothing but a rate finds out that Redis answers
// again, whether requests came meanwhile or not.
func TestRateRedisBack(t *testing.T) {
	t.Parallel()
	for _, r := range []contract.Rate{{Rate: 100, Burst: 100}, {Rate: 4, Burst: 4}} {
		m := ratesOf(t, 1, 2)
		m.begin(r)
		c := m.clients[0]
		c.admitted()
		c.e.cut = true
		m.pass(90 * time.Second)
		c.e.watches = false
		for range 20 {
			c.admitted()
		}
		if !c.e.l.link.down() {
			t.Fatal("Redis is not away")
		}
		m.pass(time.Minute) // nobody comes
		c.e.cut = false
		c.admitted()
		c.admitted()
		m.pass(3 * time.Second)
		if c.e.l.link.down() {
			t.Errorf("%+v: Redis still counts as away", r)
		}
	}
}

// TestRateRetryAfter: an edge that found next to nothing free says to come again when
// it will have asked for more, not when next to nothing has earned a token.
func TestRateRetryAfter(t *testing.T) {
	t.Parallel()
	m := ratesOf(t, 1, 1)
	m.begin(contract.Rate{Rate: 20, Burst: 40})
	c := m.clients[0]
	c.meet()
	r, now := c.cell.(*rate), c.e.l.now()
	r.now.Store(&share{gcra: newGCRA(now, 1e-5, 1e-5, 0), part: 1e-6, until: now + int64(time.Minute), early: now + int64(contendPause)})
	if v := r.Take(now); v != policy.Denied {
		t.Fatalf("verdict %v", v)
	}
	again := r.RetryAfter(now)
	if again > contendPause+50*time.Millisecond {
		t.Errorf("come again in %v, a token takes 50 ms", again)
	}
	if r.Take(now + int64(again)); r.node.state.Load() == idle {
		t.Errorf("after %v the edge does not ask for more", again)
	}
}

// TestShareOutlivesOthers: what one edge holds for a minute is not forgotten because
// another, which holds its part for a second, was the last to ask.
func TestShareOutlivesOthers(t *testing.T) {
	t.Parallel()
	m := ratesOf(t, 1, 2)
	m.begin(contract.Rate{Rate: 100, Burst: 100})
	a, b := m.clients[0], m.clients[1]
	a.admitted()
	held := a.cell.(*rate).now.Load()
	b.offer(300, even)
	m.pass(3 * time.Second)
	b.e.kill()
	name := contract.RedisBudget(contract.BudgetRate, a.cell.(*rate).name, "")
	left := time.Duration(held.until - a.e.l.now())
	if left < 50*time.Second {
		t.Fatalf("the share is for %v", left)
	}
	if m.redis.TTL(name) < left {
		t.Errorf("a share for %v more, which Redis forgets after %v", left, m.redis.TTL(name))
	}
}

// TestRateAfterADeadEdge: an edge that had taken everything was killed. When its term
// is over the bucket fills, before anybody asks.
func TestRateAfterADeadEdge(t *testing.T) {
	t.Parallel()
	m := ratesOf(t, 1, 2)
	m.begin(contract.Rate{Rate: 10, Burst: 100})
	a, b := m.clients[0], m.clients[1]
	a.offer(100, even)
	m.pass(30 * time.Second)
	a.e.kill()
	m.pass(12 * time.Second)
	for range 90 {
		b.send(nil)
	}
	m.pass(time.Second)
	if b.took < 89 {
		t.Errorf("%d of 90 after twelve seconds of ten a second", b.took)
	}
}
