package limit

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// direct is one subject's rate that is too small to be shared: one script decides
// each admission. A refusal carries the wait, so that an exhausted counter makes
// no calls until then. It implements body and policy.Cell.
type direct struct {
	l     *Limits
	c     *counter
	name  string
	shard int

	deny   atomic.Int64
	rest   atomic.Int64 // tokens that calls brought and no request took yet
	restAt atomic.Int64
	left   atomic.Int64 // at the last answer
	known  atomic.Bool
	node   node

	mu    sync.Mutex // guards local and what the message under way says
	local *gcra      // while Redis is away: this edge's part
	size  bucket     // that local was made for
	asked int64
	said  bucket
}

func newDirect(l *Limits, c *counter, name string) body {
	d := &direct{l: l, c: c, name: name, shard: contract.BudgetShard(name)}
	d.node.cell, d.node.r = d, l.refill
	return d
}

func (d *direct) cell(int64) policy.Cell { return d }

// adopt implements body.
func (d *direct) adopt(*plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deny.Store(0)
}

// Take implements policy.Cell.
func (d *direct) Take(now int64) policy.Verdict {
	switch {
	case d.takeRest(now):
		return policy.Took
	case now < d.deny.Load():
		return policy.Denied
	case d.l.link.down() || d.l.shards[d.shard].unseeded.Load():
		return d.alone(now)
	}
	return policy.Dry
}

// takeRest takes a token that an answer brought; it is good for a moment only.
func (d *direct) takeRest(now int64) bool {
	for {
		n := d.rest.Load()
		if n <= 0 || now-d.restAt.Load() > int64(looseFor) {
			return false
		}
		if d.rest.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// alone serves while Redis is away: the limit divided by the live edges, of a
// bucket that begins with one token.
func (d *direct) alone(now int64) policy.Verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size := d.c.plan.Load().rate; d.local == nil || d.size != size {
		part := 1 / float64(max(1, d.l.edges.Load()))
		burst := math.Max(1, part*float64(size.burst))
		d.local, d.size = newGCRA(now, part*size.rate, burst, 1), size
	}
	d.node.tend() // so that Redis is tried again
	if d.local.take(now) {
		return policy.Took
	}
	return policy.Denied
}

// Wait implements policy.Cell.
func (d *direct) Wait(b policy.Blocking) policy.Verdict { return d.node.wait(b, d.waiting()) }

func (d *direct) waiting() *waiting {
	return &waiting{take: d.Take, late: func() policy.Verdict {
		return d.alone(d.l.now()) // Redis is too slow to be waited for
	}}
}

// Credit implements policy.Cell: the token is good for another request here.
func (d *direct) Credit() {
	now := d.l.now()
	if now-d.restAt.Load() > int64(looseFor) {
		d.rest.Store(0) // what nobody took in time is gone
	}
	d.restAt.Store(now)
	d.rest.Add(1)
}

// RetryAfter implements policy.Cell.
func (d *direct) RetryAfter(now int64) time.Duration {
	w := time.Duration(d.deny.Load() - now)
	d.mu.Lock()
	if d.local != nil && w <= 0 {
		w = d.local.wait(now)
	}
	d.mu.Unlock()
	return min(max(w, time.Millisecond), 24*time.Hour)
}

// State implements policy.Cell.
func (d *direct) State(now int64) policy.CellState {
	size := d.c.plan.Load().rate
	s := policy.CellState{Limit: size.units, Window: size.per, Left: size.burst}
	if d.known.Load() {
		s.Left = min(size.burst, max(0, d.left.Load()))
	}
	s.Reset = time.Duration(float64(size.burst-s.Left) / size.rate * 1e9)
	return s
}

var _ policy.Cell = (*direct)(nil)

func (d *direct) link() *node { return &d.node }

// ask implements asker: one token for each request that waits.
func (d *direct) ask(now int64) *call {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := int64(d.node.waiters.Load())
	if n == 0 && !d.l.link.down() && !d.l.shards[d.shard].unseeded.Load() {
		return nil
	}
	size := d.c.plan.Load().rate
	d.asked, d.said = n, size // 0: only to see whether Redis is there again
	interval := strconv.FormatFloat(1e6/size.rate, 'f', 3, 64)
	return &call{
		cell: d, script: directScript,
		keys: [2]string{contract.RedisBudget(contract.BudgetDirect, d.name, ""), contract.RedisBudgetGen(d.shard)},
		args: []any{interval, size.burst, n},
	}
}

// hear implements asker.
func (d *direct) hear(c *call, now int64) {
	if c.err != nil {
		d.node.tend()
		return
	}
	if c.number(0) != 1 {
		d.l.claim(d.shard, false)
		d.node.tend()
		return
	}
	d.l.shards[d.shard].unseeded.Store(false)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.local = nil
	n := c.number(1)
	d.left.Store(c.number(3))
	d.known.Store(true)
	if n < d.asked && d.said == d.c.plan.Load().rate {
		d.deny.Store(now + max(1, c.number(2))*int64(time.Microsecond))
	}
	d.rest.Store(0) // what nobody took in time does not count as new
	d.restAt.Store(now)
	d.rest.Store(n)
}

// check implements asker: it tries Redis again while it is away.
func (d *direct) check(now int64) int64 {
	if d.l.link.down() || d.l.shards[d.shard].unseeded.Load() {
		d.node.wake()
		return now + int64(lookEvery)
	}
	d.node.active.Store(false)
	return 0
}

// unneeded implements forgetter.
func (d *direct) unneeded(now int64) bool {
	return !d.node.active.Load() && d.node.state.Load() == idle && d.deny.Load() < now && now-d.restAt.Load() > int64(forgetAfter)
}
